"""What Postmark reports; requests as its documentation shows them."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from messaging_adapters.config import load_config
from messaging_adapters.receipts.postmark import PostmarkReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, MessageQuery, Messenger, Worker
from messaging_core.errors import (
    ArgumentError,
    ConfigurationError,
    ForgedRequestError,
    UnreadableRequestError,
)
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.content.body import HtmlBody
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.receipt import ReceiptStatus
from messaging_core.ports.http import HttpRequest
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import ManualClock, RecordingTransport

SECRET = "a secret of the webhook"
ORDERS = Channel(name="orders", platform="email", sender="orders@in.example")
OWN = "01890a5d-ac96-774b-bcce-b302099a8057"
ID = "0a129aee-e1cd-480d-b08d-4f48548ff48d"


def a_request(document: Any, *, user: str = "postmark", secret: str = SECRET) -> HttpRequest:
    login = base64.b64encode(f"{user}:{secret}".encode()).decode()
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {"Authorization": f"Basic {login}"}
    return HttpRequest(method="POST", url="https://shop.example/p", headers=headers, body=body)


def a_report(kind: str, **fields: Any) -> dict[str, Any]:
    own = {"message_id": OWN}
    return {
        "RecordType": kind,
        "MessageID": ID,
        "Recipient": "a@x.example",
        "Metadata": own,
    } | fields


def a_parser(**options: Any) -> PostmarkReceipts:
    channels = {"Orders@in.example": ORDERS}
    return PostmarkReceipts(**{"secret": SECRET, "channels": channels} | options)


def read(document: Any, **options: Any) -> list[Any]:
    parser, request = a_parser(**options), a_request(document)
    parser.verify(request, now=NOW)
    return list(parser.parse(request, now=NOW))


@pytest.mark.parametrize(
    ("kind", "retry", "code"),
    [
        ("HardBounce", Retry.RECIPIENT_GONE, FailureCode.UNKNOWN_RECEIVER),
        ("Unsubscribe", Retry.RECIPIENT_GONE, FailureCode.SUPPRESSED),
        ("SoftBounce", Retry.TRANSIENT, FailureCode.UNREACHABLE),
        ("Blocked", Retry.PERMANENT, FailureCode.REFUSED),
    ],
)
def test_a_bounce_has_the_class_of_its_type(kind: str, retry: Retry, code: FailureCode) -> None:
    receipt = read(a_report("Bounce", ID=7, Type=kind, Email="b@x.example", Recipient=None))[0]

    assert receipt.status is ReceiptStatus.FAILED
    assert (receipt.failure.retry, receipt.failure.code) == (retry, code)
    assert (receipt.recipient, receipt.key) == ("b@x.example", "Bounce:7")


def test_a_host_may_change_the_class_of_a_bounce() -> None:
    errors = {"bounce:Blocked": {"retry": "configuration"}}

    receipt = read(a_report("Bounce", ID=7, Type="Blocked"), errors=errors)[0]

    assert receipt.failure.retry is Retry.CONFIGURATION


@pytest.mark.parametrize("kind", ["Transient", "DnsError", "AutoResponder"])
def test_a_delay_and_an_automatic_reply_have_not_failed(kind: str) -> None:
    (receipt,) = read(a_report("Bounce", ID=7, Type=kind))

    assert receipt.status is None
    assert receipt.failure is None


@pytest.mark.parametrize("origin", ["Recipient", "Customer", "Admin"])
def test_a_suppression_that_follows_a_bounce_is_nobodys_wish(origin: str) -> None:
    change = {"SuppressSending": True, "Origin": origin}

    (bounced,) = read(a_report("SubscriptionChange", SuppressionReason="HardBounce", **change))
    (wished,) = read(
        a_report("SubscriptionChange", SuppressionReason="ManualSuppression", **change)
    )

    assert bounced.status is None
    assert wished.type is InteractionType.UNSUBSCRIBE_REQUEST


def test_two_clicks_on_two_links_are_two_and_no_key_holds_an_address() -> None:
    clicks = [read(a_report("Click", OriginalLink=f"https://shop.example/{n}"))[0] for n in "ab"]

    assert clicks[0].key != clicks[1].key
    assert not any("@" in click.key for click in clicks)


def test_an_instant_may_have_seven_digits_and_an_offset() -> None:
    (receipt,) = read(a_report("Delivery", DeliveredAt="2026-03-01T08:14:25.1234567-04:00"))

    assert receipt.at == datetime(2026, 3, 1, 12, 14, 25, 123456, tzinfo=UTC)


def a_mail(**fields: Any) -> dict[str, Any]:
    to = {"OriginalRecipient": "orders@IN.example"}
    return {"FromFull": {"Email": "a@x.example"}, "MessageID": ID, "TextBody": "Hi"} | to | fields


def test_an_incoming_mail_has_its_subject_and_files() -> None:
    file = {"Name": "l.png", "Content": "aGk=", "ContentType": "image/png", "ContentID": "<logo>"}

    (message,) = read(a_mail(Subject="A question", HtmlBody="<p>Hi</p>", Attachments=[file]))

    assert message.channel_id == ORDERS.id
    assert isinstance(message.body, HtmlBody)
    assert (message.body.html, message.body.text) == ("<p>Hi</p>", "Hi")
    assert message.body.metadata is not None
    assert message.body.metadata.subject == "A question"
    (attachment,) = message.body.attachments
    assert (attachment.filename, attachment.content_id) == ("l.png", "logo")
    assert attachment.inline


@pytest.mark.parametrize("date", [None, "tomorrow", "Sun, 1 Mar 2099 10:00:00 +0100"])
def test_a_mail_without_a_date_that_has_been_came_now(date: Any) -> None:
    (message,) = read(a_mail(Date=date))

    assert message.at == NOW


def test_a_mail_to_an_address_without_a_channel_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="name the channel in `channels`"):
        read(a_mail(OriginalRecipient="other@in.example"))


def test_a_large_mail_comes_in_with_its_files_once() -> None:
    content = base64.b64encode(b"x" * 3_000_000).decode()
    file = {"Name": "a.bin", "Content": content, "ContentType": "application/x-a"}
    mail = {
        "FromFull": {"Email": "a@x.example"},
        "OriginalRecipient": "orders@in.example",
        "MessageID": ID,
        "TextBody": "See the file",
        "Attachments": [file],
        "RawEmail": content,
    }
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={ORDERS: RecordingTransport()},
        clock=ManualClock(),
        receipt_parsers=[a_parser()],
    )

    answer = messenger.receive_webhook("postmark", a_request(mail))
    Worker(messenger).drain()

    assert answer.status == 200
    (message,) = messenger.find(MessageQuery(direction="incoming")).results
    assert message.body.attachments[0].content == content
    (receipt,) = read(mail)
    assert len(receipt.raw) < 1_000
    assert json.loads(receipt.raw)["TextBody"] == "See the file"


def test_a_request_may_be_as_large_as_mail_where_mail_comes_in() -> None:
    assert a_parser().max_size == 50_000_000
    assert a_parser(channels={}).max_size == 1 << 20
    assert a_parser(max_size=7).max_size == 7
    with pytest.raises(ArgumentError, match="max_size"):
        a_parser(max_size=0)


@pytest.mark.parametrize("document", [b"", b"[]", {}, {"RecordType": "Open"}, {"FromFull": {}}])
def test_what_is_no_webhook_is_unreadable(document: Any) -> None:
    with pytest.raises((UnreadableRequestError, ConfigurationError)):
        read(document)


def test_another_user_or_password_is_refused() -> None:
    for login in ({"user": "other"}, {"secret": SECRET + "!"}):
        with pytest.raises(ForgedRequestError, match="secret is missing or wrong"):
            a_parser().verify(a_request(a_mail(), **login), now=NOW)
    a_parser(username="other").verify(a_request(a_mail(), user="other"), now=NOW)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"secret": ""}, ArgumentError),
        ({"secret": None}, ArgumentError),
        ({"username": "a:b"}, ConfigurationError),
        ({"header": "X Secret"}, ConfigurationError),
    ],
)
def test_a_set_up_that_cannot_work_is_refused(options: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        a_parser(**options)


def test_a_configuration_names_the_secret() -> None:
    hook = {"type": "postmark", "secret_env": "SECRET", "header": "X-Shop-Secret"}
    channel = {"platform": "email", "sender": "shop@shop.example", "transport": "console:"}
    config = load_config({"channels": {"a": channel}, "webhooks": {"postmark": hook}})

    (parser,) = config.make_webhooks({"SECRET": SECRET})

    headers = {"X-Shop-Secret": SECRET}
    parser.verify(HttpRequest(method="POST", url="https://shop.example", headers=headers), now=NOW)
