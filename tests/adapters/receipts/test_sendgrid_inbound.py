"""Mail that people send through SendGrid's Inbound Parse webhook."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import encode_multipart_formdata

from messaging_adapters.receipts.sendgrid import SendGridReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, MessageQuery, Messenger, Worker
from messaging_core.errors import (
    ArgumentError,
    ConfigurationError,
    ForgedRequestError,
    UnreadableRequestError,
)
from messaging_core.models.delivery.receipt import IncomingMessage
from messaging_core.ports.http import HttpRequest
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import ManualClock, RecordingTransport
from peers.webhooks import SendGrid, public_key_of

SECRET = "the seed of a key pair"
ORDERS = Channel(name="orders", platform="email", sender="orders@in.example")
HEADERS = "Date: Mon, 05 Jan 2026 08:00:00 +0000\nMessage-ID: <m-1@mail.example>\n"
FIELDS: dict[str, Any] = {
    "headers": HEADERS,
    "from": "Ada <ada@mail.example>",
    "to": "orders@in.example",
    "subject": "Hi",
    "text": "A text",
    "envelope": json.dumps({"to": ["orders@in.example"], "from": "ada@mail.example"}),
}


def a_form(**changes: Any) -> HttpRequest:
    """Return a form as another library writes it; a field without a value is left out."""
    fields = {name: value for name, value in (FIELDS | changes).items() if value is not None}
    body, content_type = encode_multipart_formdata(fields)
    request = HttpRequest(
        method="POST",
        url="https://example.test/hook",
        headers={"content-type": content_type},
        body=body,
    )
    return SendGrid().sign(request, SECRET, NOW)


def a_parser(**options: Any) -> SendGridReceipts:
    channels = {"Orders@in.example": ORDERS}
    return SendGridReceipts(**{"public_key": public_key_of(SECRET), "channels": channels} | options)


def read(request: HttpRequest, **options: Any) -> IncomingMessage:
    parser = a_parser(**options)
    parser.verify(request, now=NOW)
    (receipt,) = parser.parse(request, now=NOW)
    assert isinstance(receipt, IncomingMessage)
    return receipt


def test_a_mail_has_its_parts_and_is_recognised_by_its_header_and_envelope() -> None:
    first, again = read(a_form()), read(a_form(spam_score="0.1"))
    other = read(a_form(headers="Received: by another\n" + HEADERS))

    assert (first.sender, first.sender_name) == ("ada@mail.example", "Ada")
    assert (first.channel_id, first.reference) == (ORDERS.id, "m-1@mail.example")
    assert first.key == again.key != other.key


def test_a_part_is_read_in_the_charset_of_the_mail() -> None:
    charsets = json.dumps({"subject": "iso-8859-1", "text": "windows-1252", "html": "no-such"})

    receipt = read(
        a_form(
            subject="Käthe".encode("latin-1"),
            text="20 €".encode("cp1252"),
            html="<p>ä</p>",
            charsets=charsets,
        )
    )

    body: Any = receipt.body
    assert (body.metadata.subject, body.text, body.html) == ("Käthe", "20 €", "<p>ä</p>")


def test_files_come_in_as_they_are_and_not_twice() -> None:
    content = bytes(range(256)) * 4_000 + b"\r\n--x\r\n"
    files: dict[str, Any] = {
        "attachment1": ("a ü.pdf", content, "application/pdf"),
        "attachment2": ("l.png", b"PNG", "image/png"),
    }

    receipt = read(a_form(**files, **{"content-ids": json.dumps({"l1": "attachment2"})}))

    plain, picture = receipt.body.attachments  # type: ignore[union-attr]
    assert base64.b64decode(plain.content or "") == content
    assert (plain.content_type, plain.inline) == ("application/pdf", False)
    assert (picture.filename, picture.inline, picture.content_id) == ("l.png", True, "l1")
    assert len(receipt.raw) < 1_000


@pytest.mark.parametrize("name", ["email", "rawEmail"])
def test_a_mail_may_come_whole(name: str) -> None:
    mail = "From: Eve <eve@mail.example>\nSubject: =?utf-8?q?K=C3=A4the?=\n\nWhole\n"

    receipt = read(a_form(**{name: mail, "text": None}))

    body: Any = receipt.body
    assert (receipt.sender, receipt.sender_name) == ("eve@mail.example", "Eve")
    assert (body.metadata.subject, body.text) == ("Käthe", "Whole\n")
    assert "Whole" not in receipt.raw


def test_the_envelope_says_who_gets_a_mail_and_who_sent_one_without_a_from() -> None:
    hidden = read(a_form(to="others@in.example"))
    nameless = read(a_form(**{"from": None}))

    assert hidden.channel_id == ORDERS.id
    assert nameless.sender == "ada@mail.example"
    with pytest.raises(ConfigurationError, match="name the channel in `channels`"):
        read(a_form(to="x@in.example", envelope=None))
    with pytest.raises(UnreadableRequestError, match="no sender"):
        read(a_form(**{"from": None}, envelope=None))
    with pytest.raises(UnreadableRequestError, match="carries no mail"):
        read(a_form(headers=None, envelope=None))


def test_a_form_without_a_signature_is_refused() -> None:
    unsigned = a_form()
    headers = {"content-type": unsigned.headers["content-type"]}

    with pytest.raises(ForgedRequestError):
        a_parser().verify(
            HttpRequest(method="POST", url=unsigned.url, headers=headers, body=unsigned.body),
            now=NOW,
        )


@given(st.dictionaries(st.sampled_from([*FIELDS, "charsets", "email"]), st.binary(max_size=50)))
def test_any_field_is_read_or_refused(changes: dict[str, bytes]) -> None:
    try:
        receipt = read(a_form(**changes))
    except (UnreadableRequestError, ConfigurationError):
        return
    receipt.raw.encode()
    str(receipt.body.metadata.subject).encode()  # type: ignore[union-attr]


def test_it_may_be_as_large_and_as_old_as_mail_where_mail_comes_in() -> None:
    events = a_parser(channels={})

    assert (a_parser().max_size, events.max_size) == (32_000_000, 1 << 20)
    assert a_parser().max_age > events.max_age
    with pytest.raises(ArgumentError, match="max_size"):
        a_parser(max_size="1")


def test_a_mail_becomes_an_incoming_message() -> None:
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={ORDERS: RecordingTransport()},
        clock=ManualClock(),
        receipt_parsers=[a_parser()],
    )

    statuses = [messenger.receive_webhook("sendgrid", a_form()).status for _ in range(2)]
    Worker(messenger).drain()

    (message,) = messenger.find(MessageQuery(direction="incoming")).results
    body: Any = message.body
    assert statuses == [204, 204]
    assert (body.text, body.metadata.subject) == ("A text", "Hi")
