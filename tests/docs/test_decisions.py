"""What docs/explanation/decisions.md says is so: each test it names exists, or stands here."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import (
    Channel,
    IdempotencyConflictError,
    InvalidMessageError,
    Message,
    MessageQuery,
    Messenger,
    SendMessage,
    Status,
    WhenInDoubt,
    Worker,
    html,
    text,
    to,
)
from messaging_core.decisions.delivery.retrying import EMAIL_RETRIES, OTHER_RETRIES, next_try
from messaging_core.models import (
    Accepted,
    Contact,
    Deferred,
    EmailFrom,
    EmailMeta,
    HtmlMetadata,
    Image,
    ImageBody,
    LinkAction,
    MediaMetadata,
    Meta,
    PerRecipient,
    Receiver,
    ReceiverContact,
    Rejected,
    ReplyAction,
    Retry,
    Sender,
    SenderConnector,
    TextMetadata,
    Unknown,
)
from messaging_core.testing import ManualClock, RecordingTransport, a_failure
from messaging_core.wire import dump_message

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "decisions.md"

PHONE = "+31612345678"
LINK = LinkAction(text="Track", url="https://shop.example/1?a=b&c=d")
TRANSIENT = a_failure()
REFUSED = a_failure(retry=Retry.PERMANENT)
AMBIGUOUS = a_failure(retry=Retry.AMBIGUOUS)

ORDERS = Channel(name="orders", platform="sms", sender="Shop")
SUPPORT = Channel(
    name="support", platform="email", sender="help@shop.example", sender_name="The Shop"
)
APP = Channel(name="app", platform="push")
CHANNELS = (ORDERS, SUPPORT, APP)


class Engine:
    """A messenger, its worker, and what they stand on."""

    def __init__(self, *channels: Channel, answers: Any = ()) -> None:
        self.clock = ManualClock()
        self.transport = RecordingTransport(answers)
        self.storage = MemoryStorage()
        self.use(*(channels or CHANNELS))

    def use(self, *channels: Channel) -> None:
        self.messenger = Messenger(
            storage=self.storage, channels=dict.fromkeys(channels, self.transport), clock=self.clock
        )
        self.worker = Worker(self.messenger, threads=1, random=lambda: 0.5)

    def send(self, channel: Channel = ORDERS, **fields: Any) -> Message:
        defaults = {"receiver": to("ada@x.example" if channel is SUPPORT else PHONE)}
        request = SendMessage(**{**defaults, "body": text("hi"), **fields})
        return self.messenger.send(channel, request)

    def deliver(self, message: Message) -> Message:
        self.worker.drain()
        return self.messenger.get(message.id)


def envelope(channel: Channel, **fields: Any) -> Any:
    engine = Engine(channel)
    plan = engine.messenger.plan(
        channel, SendMessage(**{"receiver": to(PHONE), "body": text("hi"), **fields})
    )
    assert plan.violations == ()
    return plan.envelope


def mail(**fields: Any) -> Any:
    return envelope(SUPPORT, **{"receiver": to("ada@x.example"), **fields})


def named_tests() -> Iterator[tuple[str, str]]:
    yield from re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("path", "name"), sorted(set(named_tests())))
def test_every_test_that_the_page_names_exists(path: str, name: str) -> None:
    files = [folder / path for folder in (ROOT / "tests", ROOT / "messaging_core")]
    sources = [file.read_text(encoding="utf-8") for file in files if file.exists()]

    assert any(re.search(rf"def {name}\b", source) for source in sources)


def test_every_decision_names_its_test() -> None:
    rows = re.findall(r"^\| (?!Question|---).*", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert [row for row in rows if ".py::test_" not in row.rsplit(" | ", 1)[1]] == []
    assert len(rows) > 50


@pytest.mark.parametrize("validity", ["60", 60.0, True])
def test_values_are_not_coerced(validity: object) -> None:
    request = {
        "receiver": {"contacts": [{"identifierValue": PHONE}]},
        "body": {"type": "text", "text": {"text": "hi"}},
        "validity": validity,
    }

    with pytest.raises(InvalidMessageError, match=r"wire\.type"):
        Engine().messenger.send(ORDERS, request)


@pytest.mark.parametrize("request_", ['{"receiver": 1}', {"receiver": {"contacts": []}}])
def test_faults_of_form_and_of_rules_are_one_error(request_: Any) -> None:
    with pytest.raises(InvalidMessageError):
        Engine().messenger.send(ORDERS, request_)


def test_absent_switches_are_off() -> None:
    request = SendMessage(receiver=to(PHONE))

    assert not request.cap_frequency
    assert not request.enable_link_tracking
    assert not request.ignore_quiet_hours
    assert not request.ignore_global_holdout


def test_a_reference_is_one_line_of_500_characters_and_not_unique() -> None:
    engine = Engine()

    engine.send(reference="r" * 500)
    engine.send(reference="r" * 500)

    for reference in ("r" * 501, "two\nlines"):
        with pytest.raises(InvalidMessageError):
            engine.send(reference=reference)


def test_messages_have_time_ordered_ids_and_whole_milliseconds() -> None:
    engine = Engine()
    engine.clock.advance(timedelta(microseconds=1234))

    first, second = engine.send(), engine.send()

    assert first.id.version == second.id.version == 7
    assert first.id < second.id
    assert first.created_at.microsecond == 1000


def test_the_id_of_a_channel_is_made_of_its_workspace_and_name() -> None:
    assert ORDERS.id == uuid5(ORDERS.workspace, "orders")
    assert Channel(name="orders", platform="sms", id=UUID(int=7)).id == UUID(int=7)


def test_a_contact_named_by_its_id_is_looked_up() -> None:
    engine = Engine()
    contact = engine.send().receiver.contacts[0]

    again = engine.send(receiver=Receiver(contacts=(ReceiverContact(id=contact.id),)))

    assert engine.deliver(again).status is Status.SENT
    assert engine.transport.sent[-1].to == PHONE
    with pytest.raises(InvalidMessageError, match=r"receiver\.unknown_contact"):
        engine.send(receiver=Receiver(contacts=(ReceiverContact(id="unknown"),)))


@pytest.mark.parametrize(
    ("fields", "address", "name"),
    [
        ({}, "help@shop.example", "The Shop"),
        ({"meta": "meta"}, "meta@shop.example", "The Shop"),
        ({"meta": "meta", "body": "body"}, "body@shop.example", "The Shop"),
        ({"meta": "meta", "body": "body", "sender": "own"}, "own@shop.example", "The Shop"),
    ],
)
def test_the_nearest_sender_of_an_email_wins(
    fields: dict[str, str], address: str, name: str
) -> None:
    body = html("hi", subject="s")
    request: dict[str, Any] = {"body": body}
    if "meta" in fields:
        request["meta"] = Meta(email=EmailMeta(sender=EmailFrom(username="meta")))
    if "body" in fields:
        metadata = HtmlMetadata(subject="s", email_from=EmailFrom(username="body"))
        request["body"] = evolve(body, metadata=metadata)
    if "sender" in fields:
        request["sender"] = Sender(connector=SenderConnector(identifier_value="own"))

    sender = mail(**request).sender

    assert (sender.value, sender.name) == (address, name)


def test_without_mms_the_fallback_text_goes_out() -> None:
    body = ImageBody(
        images=(Image(media_url="https://shop.example/a.png"),),
        text="Look",
        metadata=MediaMetadata(fallback_text="See shop.example"),
    )

    assert envelope(ORDERS, body=body).content.text == "See shop.example"
    mms = envelope(evolve(ORDERS, sender="+12025550123", mms=True), body=body).content
    assert (len(mms.media), mms.text) == (1, "Look")


def test_pictures_on_email_become_attachments() -> None:
    body = ImageBody(images=(Image(media_url="https://shop.example/a.png?x=1"),), text="Look")

    content = mail(body=body).content

    assert [attachment.filename for attachment in content.attachments] == ["a.png"]
    assert content.text == "Look"


def test_links_become_lines() -> None:
    body = evolve(text("hi"), actions=(LINK,))
    page = evolve(html("<body>hi</body>", subject="s"), actions=(LINK,))

    assert envelope(ORDERS, body=body).content.text == f"hi\nTrack: {LINK.url}"
    assert mail(body=body).content.text == f"hi\nTrack: {LINK.url}"
    assert 'href="https://shop.example/1?a=b&amp;c=d"' in mail(body=page).content.html


def test_a_push_message_has_title_picture_and_target() -> None:
    reply = ReplyAction(text="Yes")
    body = ImageBody(
        images=(Image(media_url="https://shop.example/a.png"),),
        text="hi",
        actions=(reply, LINK),
        metadata=MediaMetadata(subject="Title"),
    )

    content = envelope(APP, receiver=to("token"), body=body).content

    assert (content.title, content.text) == ("Title", "hi")
    assert (content.image_url, content.link) == ("https://shop.example/a.png", LINK.url)
    assert content.actions == (reply,)


def test_the_nearest_subject_of_an_email_wins() -> None:
    meta = Meta(email=EmailMeta(subject="of meta"))

    assert mail(meta=meta, body=text("hi", subject="of body")).content.subject == "of body"
    assert mail(meta=meta).content.subject == "of meta"


def test_headers_are_joined_and_those_of_the_body_win() -> None:
    meta = Meta(email=EmailMeta(headers={"X-Shop": "meta", "X-Meta": "1"}))
    body = evolve(text("hi"), metadata=TextMetadata(headers={"x-shop": "body"}))

    assert mail(meta=meta, body=body).content.headers == {"x-shop": "body", "X-Meta": "1"}


@pytest.mark.parametrize(("attempted", "code"), [(False, 12004), (True, TRANSIENT.code)])
def test_a_message_that_outlives_its_validity_fails_as_expired(attempted: bool, code: int) -> None:  # noqa: FBT001
    later = Deferred(failure=TRANSIENT, retry_after=timedelta(hours=1))
    engine = Engine(answers=[later])
    message = engine.send(validity=60)

    if not attempted:
        engine.clock.advance(minutes=1)
    message = engine.deliver(message)

    assert (message.status, message.reason) == (Status.SENDING_FAILED, "expired")
    assert message.failure is not None
    assert message.failure.code == code
    assert len(engine.transport.sent) == attempted


def test_a_message_that_is_moved_is_valid_from_there() -> None:
    engine = Engine()
    message = engine.send(scheduled_for=engine.clock.now() + timedelta(days=1), validity=60)

    engine.messenger.reschedule(message.id, engine.clock.now() + timedelta(days=2))
    engine.clock.advance(days=2)

    assert engine.deliver(message).status is Status.SENT


def test_receivers_of_an_email_are_settled_each_on_its_own() -> None:
    first, second, third = (f"{name}@x.example" for name in ("ada", "grace", "joan"))
    outcomes = {
        first: Accepted(references=("1",)),
        second: Rejected(failure=REFUSED),
        third: Deferred(failure=TRANSIENT),
    }
    engine = Engine(answers=[PerRecipient(outcomes=outcomes)])
    message = engine.send(SUPPORT, receiver=to(first, second, third))

    waiting = engine.deliver(message)
    engine.clock.advance(hours=1)
    over = engine.deliver(message)

    assert waiting.status is Status.PROCESSING
    assert [receiver.value for receiver in engine.transport.sent[1].receivers] == [third]
    assert over.status is Status.SENT


def test_a_mail_that_some_receivers_were_refused_is_sent_and_says_so() -> None:
    outcomes = {"ada@x.example": Accepted(), "joan@x.example": Rejected(failure=REFUSED)}
    engine = Engine(answers=[PerRecipient(outcomes=outcomes)])

    message = engine.deliver(engine.send(SUPPORT, receiver=to(*outcomes)))

    assert (message.status, message.details) == (Status.SENT, "partly_refused")
    assert message.failure is not None
    assert message.failure.code == REFUSED.code


def test_pauses_double_up_to_a_limit() -> None:
    longest = 0.999_999
    others = [round(OTHER_RETRIES.wait(n, longest).total_seconds()) for n in (1, 2, 3, 40)]
    mails = [round(EMAIL_RETRIES.wait(n, longest).total_seconds()) for n in (1, 2, 3, 40)]

    assert others == [5, 10, 20, 3600]
    assert mails == [120, 240, 480, 4 * 3600]
    assert OTHER_RETRIES.wait(3, 0) == timedelta(seconds=10)
    assert EMAIL_RETRIES.wait(1, 0) == timedelta(minutes=1)


@pytest.mark.parametrize(("jitter", "seconds"), [(0, 600), (0.5, 630)])
def test_a_provider_gets_the_pause_it_asks_for(jitter: float, seconds: int) -> None:
    now = ManualClock().now()
    ten_minutes = timedelta(minutes=10)

    at = next_try(
        OTHER_RETRIES,
        1,
        now=now,
        expires_at=now + timedelta(days=1),
        jitter=jitter,
        retry_after=ten_minutes,
    )

    assert at == now + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("fields", "status", "times"),
    [
        ({}, Status.SENT, 2),
        ({"message_type": "promotional"}, Status.SENDING_FAILED, 1),
        ({"when_in_doubt": WhenInDoubt.FAIL}, Status.SENDING_FAILED, 1),
        ({"when_in_doubt": WhenInDoubt.PARK}, Status.PROCESSING, 1),
    ],
)
def test_the_channel_decides_in_doubt(fields: dict[str, Any], status: Status, times: int) -> None:
    channel = Channel(name="orders", platform="sms", sender="Shop", **fields)
    engine = Engine(channel, answers=[Unknown(failure=AMBIGUOUS)])
    message = engine.send(channel)

    doubtful = engine.deliver(message)
    engine.clock.advance(seconds=119)
    early = engine.deliver(message)
    engine.clock.advance(seconds=1)
    decided = engine.deliver(message)

    assert doubtful == early
    assert (doubtful.status, doubtful.details) == (Status.PROCESSING, "in_doubt")
    assert decided.status is status
    assert len(engine.transport.sent) == times


def test_a_message_waits_for_its_channel_to_come_back() -> None:
    engine = Engine()
    message = engine.send()

    engine.use(SUPPORT)
    waiting = engine.deliver(message)
    engine.use(*CHANNELS)
    early = engine.deliver(message)
    engine.clock.advance(minutes=1)

    assert waiting.status is early.status is Status.PROCESSING
    assert engine.deliver(message).status is Status.SENT
    assert engine.transport.sent[0].attempt == 1


def test_what_an_inactive_channel_accepted_before_waits_until_it_is_active_again() -> None:
    engine = Engine()
    message = engine.send()

    engine.use(evolve(ORDERS, active=False))

    assert engine.deliver(message).status is Status.PROCESSING
    with pytest.raises(InvalidMessageError, match=r"channel\.inactive"):
        engine.send()
    engine.use(*CHANNELS)
    engine.clock.advance(minutes=1)
    assert engine.deliver(message).status is Status.SENT


def test_a_key_stands_for_one_request_in_its_workspace() -> None:
    elsewhere = evolve(ORDERS, workspace=UUID(int=1), id=UUID(int=2))
    engine = Engine(ORDERS, elsewhere)
    soon = engine.clock.now() + timedelta(days=35)
    request = SendMessage(receiver=to(PHONE), body=text("hi"), scheduled_for=soon)
    send = engine.messenger.send

    first = send(ORDERS, request, idempotency_key="k")
    engine.clock.advance(days=-1)  # now it is too far ahead

    assert send(ORDERS, request, idempotency_key="k").id == first.id
    with pytest.raises(IdempotencyConflictError):
        send(ORDERS, evolve(request, body=text("ho")), idempotency_key="k")
    engine.clock.advance(days=1)
    assert send(elsewhere, request, idempotency_key="k").id != first.id
    for key in ("", "k" * 256, "two\nlines"):
        with pytest.raises(InvalidMessageError, match=r"idempotency\.invalid_key"):
            send(ORDERS, request, idempotency_key=key)


def test_addresses_of_email_are_found_in_any_case() -> None:
    engine = Engine()
    engine.send(SUPPORT)

    for query in (MessageQuery(receiver="ADA@X.example"), MessageQuery(sender="Help@shop.EXAMPLE")):
        assert len(engine.messenger.find(query).results) == 1


def test_switches_are_not_echoed() -> None:
    message = Engine().send(ignore_quiet_hours=True, validity=60)

    assert {"validity", "ignoreQuietHours", "notification"}.isdisjoint(dump_message(message))


def test_a_contact_is_made_for_each_identifier() -> None:
    engine = Engine()

    first, second = engine.send(), engine.send()

    contact_id = first.receiver.contacts[0].id
    assert contact_id is not None
    assert second.receiver.contacts[0].id == contact_id
    with engine.storage.begin(read_only=True) as tx:
        contact = tx.contacts.get(ORDERS.workspace, contact_id)
    assert isinstance(contact, Contact)
