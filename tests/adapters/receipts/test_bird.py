"""What Bird signs and reports; requests as its documentation shows them."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from messaging_adapters.receipts.bird import WORDS, BirdReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import MessageQuery, Messenger, Worker
from messaging_core.errors import (
    ArgumentError,
    ConfigurationError,
    ForgedRequestError,
    UnreadableRequestError,
)
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.content.body import HtmlBody, ImageBody, TextBody
from messaging_core.models.delivery.interaction import InteractionMetadata, InteractionType
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    InteractionReceipt,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.models.messages.message import Status
from messaging_core.ports.http import HttpRequest
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import ManualClock, RecordingTransport, a_channel, a_request

KEY = "test-signing-key"
URL = "https://example.test/hooks/bird?x=1"
ORDERS = a_channel("orders")
MESSAGE = "01890a5d-ac96-774b-bcce-b302099a8057"
BIRDS = "11111111-2222-4333-8444-555555555555"
CHANNEL = "99999999-2222-4333-8444-555555555555"


def signed(
    document: Any, *, key: str = KEY, url: str = URL, timestamp: str | None = None
) -> HttpRequest:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    timestamp = str(int(NOW.timestamp())) if timestamp is None else timestamp
    content = f"{timestamp}\n{url}\n".encode() + hashlib.sha256(body).digest()
    signature = base64.b64encode(hmac.new(key.encode(), content, hashlib.sha256).digest())
    headers = {
        "Content-Type": "application/json",
        "MessageBird-Signature": signature.decode(),
        "MessageBird-Request-Timestamp": timestamp,
        "MessageBird-Request-Id": "a-request",
    }
    return HttpRequest(method="POST", url=url, headers=headers, body=body)


def an_event(event: str, **payload: Any) -> dict[str, Any]:
    return {"service": "channels", "event": event, "payload": payload}


def a_status(status: str = "delivered", event: str = "sms.outbound", **fields: Any) -> Any:
    payload = {
        "id": BIRDS,
        "channelId": CHANNEL,
        "receiver": {"contacts": [{"id": "c", "identifierValue": "+31600000001"}]},
        "reference": MESSAGE,
        "status": status,
        "reason": "",
        "lastStatusAt": "2026-03-01T09:00:00.25Z",
        "createdAt": "2026-03-01T08:59:00Z",
        **fields,
    }
    return an_event(event, **payload)


def an_incoming(**fields: Any) -> Any:
    payload = {
        "id": BIRDS,
        "channelId": CHANNEL,
        "sender": {
            "contact": {
                "id": "c",
                "identifierKey": "phonenumber",
                "identifierValue": "+31612345678",
                "annotations": {"name": "Ann"},
            }
        },
        "receiver": {"connector": {"id": "k", "identifierValue": "+31600000009"}},
        "body": {"type": "text", "text": {"text": "Thank you €"}},
        "parts": [{"platformReference": "e807"}],
        "status": "delivered",
        "direction": "incoming",
        "createdAt": "2026-03-01T09:00:00Z",
        **fields,
    }
    return an_event("sms.inbound", **payload)


def a_parser(**options: Any) -> BirdReceipts:
    return BirdReceipts(**{"signing_key": KEY, "channels": {CHANNEL: ORDERS}, **options})


def read(document: Any, **options: Any) -> list[Any]:
    parser, request = a_parser(**options), signed(document)
    parser.verify(request, now=NOW)
    return list(parser.parse(request, now=NOW))


def test_a_known_signature_is_right() -> None:
    body = b'{"service":"channels","event":"sms.inbound","payload":{}}'
    headers = {
        "messagebird-signature": "CF4eBgucLO0gWnfNoVxZNukub3lm4wdcuS0nt7HqMvg=",
        "messagebird-request-timestamp": "1700000000",
    }
    request = HttpRequest(method="POST", url=URL, headers=headers, body=body)

    a_parser().verify(request, now=datetime.fromtimestamp(1700000000, UTC))


@pytest.mark.parametrize("word", [*(word for word in WORDS if ":" not in word), "vanished"])
def test_a_word_becomes_a_status(word: str) -> None:
    (receipt,) = read(a_status(word))

    assert isinstance(receipt, StatusReceipt)
    assert receipt.provider_status == word
    assert receipt.status is (WORDS[word].status if word in WORDS else None)
    assert (receipt.source, receipt.reference) == ("bird", BIRDS)
    assert str(receipt.message_id) == MESSAGE
    assert receipt.at == datetime(2026, 3, 1, 9, 0, 0, 250_000, tzinfo=UTC)
    assert (receipt.failure is not None) == (receipt.status is ReceiptStatus.FAILED)


def test_a_delayed_email_has_not_failed() -> None:
    (delayed,) = read(a_status("delivery_failed", "email.outbound", details="delay"))
    (bounced,) = read(a_status("delivery_failed", "email.outbound", details="bounceHard"))

    assert (delayed.status, delayed.provider_status) == (None, "delivery_failed")
    assert bounced.status is ReceiptStatus.FAILED
    assert bounced.failure.code == FailureCode.UNKNOWN_RECEIVER
    assert delayed.key != bounced.key


@pytest.mark.parametrize(
    ("failure", "retry"),
    [
        ({"code": 15005, "source": {"name": "sms-messagebird", "code": "1"}}, "recipient_gone"),
        ({"code": 15005, "source": {"name": "sms-messagebird", "code": "27"}}, "transient"),
        ({"code": 15001, "source": {"name": "sms-messagebird", "code": "34"}}, "transient"),
        ({"code": 11002, "source": {"name": "pre-processing", "code": "1"}}, "permanent"),
        ({"code": 12003}, "configuration"),
        ({"code": 14099}, "configuration"),
        ({"code": 15099}, "transient"),
        ({"code": 99999}, "transient"),
        (None, "transient"),
    ],
)
def test_the_most_exact_code_of_a_failure_counts(failure: Any, retry: str) -> None:
    (receipt,) = read(a_status("delivery_failed", failure=failure))

    assert receipt.failure.retry is Retry(retry)


@pytest.mark.parametrize("kind", list(InteractionType))
def test_an_interaction_is_kept(kind: InteractionType) -> None:
    (receipt,) = read(
        an_event(
            "email.interaction",
            id="i-1",
            messageId=BIRDS,
            type=str(kind),
            createdAt="2026-03-01T09:00:00Z",
            details="initial_open",
            metadata={"prefetched": True},
        )
    )

    assert isinstance(receipt, InteractionReceipt)
    assert (receipt.type, receipt.reference, receipt.key) == (kind, BIRDS, "i-1")
    assert receipt.details == "initial_open"
    assert receipt.metadata == InteractionMetadata(prefetched=True)


@pytest.mark.parametrize(
    "document",
    [
        an_event("email.interaction", id="i-1", messageId=BIRDS, type="shredded"),
        an_event("channel.updated", id=BIRDS),
        an_event("channel", id=BIRDS),
        {"event": "sms.spam"},
    ],
)
def test_an_unknown_event_is_kept_and_changes_nothing(document: Any) -> None:
    (receipt,) = read(document)

    assert isinstance(receipt, StatusReceipt)
    assert receipt.status is None
    assert receipt.provider_status
    assert receipt.key == read(document)[0].key


def test_an_incoming_message_belongs_to_a_channel() -> None:
    (by_channel,) = read(an_incoming())
    (by_number,) = read(an_incoming(), channels={"31600000009": ORDERS})

    assert isinstance(by_channel, IncomingMessage)
    assert by_channel == by_number
    assert by_channel.channel_id == ORDERS.id
    assert (by_channel.sender, by_channel.sender_name) == ("+31612345678", "Ann")
    assert by_channel.body == TextBody(text="Thank you €")
    assert by_channel.reference == BIRDS


@pytest.mark.parametrize(
    ("body", "read_as"),
    [
        ({"type": "html", "html": {"html": "<p>Hi", "text": "Hi"}}, HtmlBody),
        ({"type": "image", "image": {"images": [{"mediaUrl": "https://x.example/a"}]}}, ImageBody),
    ],
)
def test_incoming_bodies_are_those_of_the_api(body: Any, read_as: type) -> None:
    (message,) = read(an_incoming(body=body))

    assert isinstance(message.body, read_as)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"type": "text", "text": {"text": "Hi", "mood": "good"}}, "Hi"),
        ({"type": "hologram", "hologram": {"text": "Hi", "depth": 3}}, "Hi"),
        ({"type": "hologram"}, ""),
        (None, ""),
    ],
)
def test_a_body_of_an_unknown_form_loses_no_message(body: Any, text: str) -> None:
    (message,) = read(an_incoming(body=body))

    assert message.body == TextBody(text=text)
    assert "+31612345678" in message.raw


def test_a_message_comes_in_and_one_is_delivered() -> None:
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={ORDERS: RecordingTransport(name="bird")},
        clock=ManualClock(),
        receipt_parsers=[a_parser()],
    )
    worker = Worker(messenger)
    message = messenger.send(ORDERS, a_request())
    worker.drain()
    delivered = a_status(reference=str(message.id))

    answers = [
        messenger.receive_webhook("bird", signed(document)).status
        for document in (delivered, an_incoming(), an_incoming(), delivered)
    ]
    worker.drain()

    assert answers == [204] * 4
    assert messenger.get(message.id).status is Status.DELIVERED
    assert len(messenger.find(MessageQuery(direction="incoming")).results) == 1


def test_a_channel_that_is_not_named_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="name the channel in `channels`"):
        read(an_incoming(), channels={})


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"\xff",
        {},
        {"event": 7.5},
        an_event("sms.outbound"),
        an_event("sms.outbound", id=BIRDS),
        an_event("sms.interaction", id="i"),
        an_event("sms.inbound", channelId=CHANNEL),
    ],
)
def test_what_is_no_webhook_is_unreadable(document: Any) -> None:
    with pytest.raises(UnreadableRequestError):
        read(document)


@pytest.mark.parametrize("key", ["", [], None, 7])
def test_no_parser_is_made_without_a_key(key: Any) -> None:
    with pytest.raises(ArgumentError, match="signing_key must be"):
        BirdReceipts(signing_key=key)


def test_two_keys_count_during_a_rotation() -> None:
    parser = a_parser(signing_key=("new", KEY))

    parser.verify(signed(a_status()), now=NOW)
    parser.verify(signed(a_status(), key="new"), now=NOW)
    with pytest.raises(ForgedRequestError):
        parser.verify(signed(a_status(), key="newer"), now=NOW)


def test_a_repetition_keeps_its_timestamp_for_hours() -> None:
    request, parser = signed(a_status()), a_parser()

    parser.verify(request, now=NOW + timedelta(hours=8))
    for moment in (NOW + timedelta(hours=25), NOW - timedelta(minutes=6)):
        with pytest.raises(ForgedRequestError, match="too long ago, or in the future"):
            parser.verify(request, now=moment)


@pytest.mark.parametrize("timestamp", ["", "now", "1.5", "-1", "٣", "9" * 13])
def test_a_timestamp_is_a_number(timestamp: str) -> None:
    with pytest.raises(ForgedRequestError, match="no number"):
        a_parser().verify(signed(a_status(), timestamp=timestamp), now=NOW)


def test_the_public_url_is_signed() -> None:
    request = signed(a_status())
    moved = HttpRequest(method="POST", url=f"{URL}0", headers=request.headers, body=request.body)

    with pytest.raises(ForgedRequestError):
        a_parser().verify(moved, now=NOW)
