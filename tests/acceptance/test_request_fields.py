"""The short way to write a request, which makes the same values as the long one."""

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import (
    Channel,
    Message,
    Messenger,
    Rejection,
    SendMessage,
    attach,
    html,
    text,
    to,
)
from messaging_core.acceptance.submission import request_of
from messaging_core.aio import AsyncMessenger
from messaging_core.models import (
    Attachment,
    BooleanParameter,
    NumberParameter,
    ObjectParameter,
    Receiver,
    ReceiverContact,
    RequestFields,
    StringParameter,
    TemplateReference,
    TextBody,
)
from messaging_core.testing import MONDAY_MORNING, ManualClock, RecordingTransport

PHONE = "+31612345678"
MAIL = "ann@b.example"
LATER = datetime(2026, 3, 3, 9, tzinfo=UTC)
ID = "01890a5d-ac96-774b-bcce-b302099a8057"

# The keywords, and the request that they make.
EQUAL: list[tuple[RequestFields, SendMessage]] = [
    ({"to": PHONE, "text": "Hi"}, SendMessage(receiver=to(PHONE), body=text("Hi"))),
    ({"to": to(PHONE), "text": ""}, SendMessage(receiver=to(PHONE), body=text(""))),
    (
        {"to": [MAIL, "b@b.example"], "cc": "c@b.example", "bcc": ("d@b.example",), "text": "Hi"},
        SendMessage(
            receiver=to(MAIL, "b@b.example", cc=["c@b.example"], bcc=["d@b.example"]),
            body=text("Hi"),
        ),
    ),
    (
        {"to": ReceiverContact(id="42"), "text": "Hi"},
        SendMessage(receiver=Receiver(contacts=(ReceiverContact(id="42"),)), body=text("Hi")),
    ),
    (
        {"to": MAIL, "subject": "S", "text": "Hi"},
        SendMessage(receiver=to(MAIL), body=text("Hi", subject="S")),
    ),
    (
        {"to": MAIL, "subject": "S", "html": "<p>Hi</p>", "text": "Hi"},
        SendMessage(receiver=to(MAIL), body=html("<p>Hi</p>", subject="S", plain="Hi")),
    ),
    (
        {"to": MAIL, "text": "Hi", "attachments": iter([attach(b"%PDF", "a.pdf")])},
        SendMessage(
            receiver=to(MAIL),
            body=TextBody(
                text="Hi",
                attachments=(
                    Attachment(
                        filename="a.pdf",
                        content=b64encode(b"%PDF").decode(),
                        content_type="application/pdf",
                    ),
                ),
            ),
        ),
    ),
    (
        {
            "to": PHONE,
            "template": "welcome",
            "locale": "nl",
            "data": {"name": "Ann", "nr": 3, "vip": True, "cart": {"n": 1}, "none": None},
        },
        SendMessage(
            receiver=to(PHONE),
            template=TemplateReference(
                name="welcome",
                locale="nl",
                parameters=(
                    StringParameter(key="name", value="Ann"),
                    NumberParameter(key="nr", value=3),
                    BooleanParameter(key="vip", value=True),
                    ObjectParameter(key="cart", value={"n": 1}),
                    StringParameter(key="none"),
                ),
            ),
        ),
    ),
    (
        {"to": PHONE, "template": ID},
        SendMessage(receiver=to(PHONE), template=TemplateReference(project_id=ID)),
    ),
    (
        {"to": PHONE, "template": TemplateReference(name="n", version="latest")},
        SendMessage(receiver=to(PHONE), template=TemplateReference(name="n", version="latest")),
    ),
    (
        {"to": PHONE, "text": "Hi", "send_at": LATER, "reference": "r", "tags": ["a", "b"]},
        SendMessage(
            receiver=to(PHONE),
            body=text("Hi"),
            scheduled_for=LATER,
            reference="r",
            tags=("a", "b"),
        ),
    ),
]


@pytest.mark.parametrize(("fields", "request_"), EQUAL)
def test_keywords_make_the_same_value_as_the_long_way(
    fields: RequestFields, request_: SendMessage
) -> None:
    assert request_of(None, fields) == request_


@pytest.fixture
def messenger() -> Iterator[Messenger]:
    orders = Channel(name="orders", platform="sms", sender="Shop")
    mail = Channel(name="mail", platform="email", sender="shop@b.example")
    channels = dict.fromkeys((orders, mail), RecordingTransport())
    with Messenger(
        storage=MemoryStorage(), channels=channels, clock=ManualClock(MONDAY_MORNING)
    ) as messenger:
        yield messenger


class TestSend:
    def test_what_was_written_reads_back(self, messenger: Messenger) -> None:
        sms = messenger.send("orders", to=PHONE, text="Hi")
        mail = messenger.send("mail", to=[MAIL, "b@b.example"], subject="S", html="<p>", text="Hi")

        assert (sms.to, sms.text, sms.subject) == (PHONE, "Hi", None)
        assert (mail.to, mail.text, mail.subject) == (MAIL, "Hi", "S")
        assert messenger.get(mail.id).subject == "S"

    def test_a_contact_of_the_messenger_is_a_receiver(self, messenger: Messenger) -> None:
        contact = messenger.contacts.update_or_create("phonenumber", PHONE)

        assert messenger.send("orders", to=contact, text="Hi").to == PHONE

    def test_a_key_returns_the_first_message_of_either_way(self, messenger: Messenger) -> None:
        first = messenger.send("orders", to=PHONE, text="Hi", idempotency_key="1")
        request = SendMessage(receiver=to(PHONE), body=text("Hi"))

        assert messenger.send("orders", request, idempotency_key="1").id == first.id

    def test_rules_are_those_of_the_long_way(self, messenger: Messenger) -> None:
        plan = messenger.plan("orders", to="+1", text="")

        assert {violation.path for violation in plan.violations} == {
            "/body/text/text",
            "/receiver/contacts/0/identifierValue",
        }

    def test_rows_of_many_may_be_short(self, messenger: Messenger) -> None:
        long = SendMessage(receiver=to(PHONE), body=text("Hi"))
        json = {
            "receiver": {"contacts": [{"identifierValue": PHONE}]},
            "body": {"type": "text", "text": {"text": "Hi"}},
        }
        short = {"to": PHONE, "text": "Hi"}

        answers = messenger.send_many("orders", [long, json, short, {"to": "no", "text": "Hi"}])

        texts = [answer.text for answer in answers if isinstance(answer, Message)]
        assert texts == ["Hi", "Hi", "Hi"]
        assert isinstance(answers[3], Rejection)

    def test_a_dict_of_keywords_is_a_request_everywhere(self, messenger: Messenger) -> None:
        row = {"to": PHONE, "text": "Hi"}

        sent = messenger.send("orders", row)
        batch = messenger.send_batch("orders", [row, {**row, "tags": ["?"]}])

        assert [sent.text, *(message.text for message in batch.messages)] == ["Hi"] * 3
        assert [message.status for message in batch.messages] == ["accepted", "rejected"]
        assert messenger.plan("orders", row).verdict == "accepted"

    def test_coroutines_take_the_same_keywords(self, messenger: Messenger) -> None:
        async def send() -> tuple[UUID, str | None, object]:
            client = AsyncMessenger(messenger)
            plan = await client.plan("orders", to=PHONE, text="Hi")
            message = await client.send("orders", to=PHONE, text="Hi")
            return message.id, message.text, plan.verdict

        message_id, content, verdict = asyncio.run(send())
        assert messenger.get(message_id).text == content == "Hi"
        assert verdict == "accepted"


class TestAttach:
    def test_the_media_type_is_that_of_the_name(self) -> None:
        assert attach(b"x", "photo.PNG").content_type == "image/png"
        assert attach(b"x", "notes").content_type == "application/octet-stream"
        assert attach(b"x", "a.bin", content_type="text/plain").content_type == "text/plain"

    def test_a_content_id_shows_the_file_inside_the_html(self) -> None:
        logo = attach(memoryview(b"x"), "logo.png", content_id="logo")

        assert (logo.inline, logo.content_id) == (True, "logo")
