"""Webhooks of the Bird Channels API: statuses, interactions and incoming messages.

Sources: "Webhook subscriptions", "Verifying a webhook subscription" and "Message status and
interactions" of Bird's documentation.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from attrs import define, field

from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.receipts.incoming import channel_of, ids_by_number, own_id
from messaging_adapters.receipts.json_body import (
    Document,
    child,
    document_of,
    instant,
    required,
    text,
)
from messaging_adapters.receipts.signatures import (
    check_age,
    hmac_base64,
    is_signed,
    is_timestamp,
    secrets_of,
)
from messaging_adapters.receipts.words import (
    DELIVERED,
    FAILED,
    NO_CHANGE,
    SENT,
    Meaning,
    StatusReport,
)
from messaging_core.arguments import a_text, checked_init, span
from messaging_core.errors import ForgedRequestError, InvalidRequestError
from messaging_core.models.content.body import TextBody
from messaging_core.models.delivery.interaction import InteractionMetadata, InteractionType
from messaging_core.models.delivery.receipt import IncomingMessage, InteractionReceipt, Receipt
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import ReceiptParser
from messaging_core.wire import load
from messaging_core.wire.salvage import parse_leniently

WORDS: Final[Mapping[str, Meaning]] = {
    "accepted": NO_CHANGE,
    "processing": NO_CHANGE,
    "scheduled": NO_CHANGE,
    "deleted": NO_CHANGE,
    "sent": SENT,
    "delivered": DELIVERED,
    "sending_failed": FAILED,
    "rejected": FAILED,
    "skipped": FAILED,
    "delivery_failed": FAILED,
    "delivery_failed:delay": NO_CHANGE,
}
"""What each `status` means; `delay` among the details of an email says that Bird tries again."""

MAX_AGE: Final = timedelta(hours=24)
"""Bird repeats a webhook for 8 hours, and a repetition keeps its first timestamp."""

_SIGNATURE: Final = "messagebird-signature"
_TIMESTAMP: Final = "messagebird-request-timestamp"


@checked_init(signing_key=secrets_of, name=a_text, max_age=span())
@define(eq=False, kw_only=True)
class BirdReceipts(ReceiptParser):
    """Verify and read the webhooks of a Bird workspace.

    A status is recognised by its message, its word and its details. An interaction and an incoming
    message are recognised by their ids.

    Attributes:
        signing_key: The signing key of the webhook subscription; several during a rotation.
        channels: Our channels by the id of Bird's channel, or by the number, that people write to.
        name: The name of the webhook; the transport's, if two workspaces have channels.
        max_age: How old the timestamp of a request may be.
        errors: What failure codes mean that differs from the table of the engine.

    Raises:
        ConfigurationError: There is no key.
    """

    signing_key: str | Iterable[str] = field(repr=False)
    channels: Mapping[str, UUID] = field(factory=dict, converter=ids_by_number, repr=False)
    name: str = "bird"
    max_age: timedelta = MAX_AGE
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    answer: HttpResponse = field(default=HttpResponse(status=204), init=False, repr=False)
    _table: ErrorTable = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._table = error_table("bird").with_changes(self.errors)

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        timestamp = request.headers.get(_TIMESTAMP, "")
        if not is_timestamp(timestamp):
            raise ForgedRequestError("the timestamp is missing or no number")
        url = request.url.encode("utf-8", "replace")
        digest = hashlib.sha256(request.body).digest()
        signed = b"\n".join((timestamp.encode(), url, digest))
        expected = [hmac_base64(key, signed) for key in self.signing_key]
        if not is_signed(request.headers.get(_SIGNATURE, ""), expected):
            raise ForgedRequestError("the signature is missing or wrong")
        check_age(int(timestamp), now, self.max_age)

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        document = document_of(request.body)
        event, payload = required(document, "event"), child(document, "payload")
        raw = request.body.decode()
        platform, _, kind = event.partition(".")
        if kind == "outbound":
            return self._status(platform, payload, raw, now)
        if kind == "inbound":
            return [self._incoming(payload, raw, now)]
        if kind == "interaction":
            return self._interaction(payload, raw, now)
        return self._unknown(event, payload, raw, now)

    def _status(self, platform: str, payload: Document, raw: str, now: datetime) -> list[Receipt]:
        message, status = required(payload, "id"), required(payload, "status")
        detailed = f"{status}:{text(payload, 'details')}"
        meaning = WORDS.get(detailed) or WORDS.get(status, NO_CHANGE)
        report = StatusReport(
            source=self.name,
            at=instant(payload, "lastStatusAt", now),
            word=status,
            reference=message,
            key=f"{message}:{detailed}",
            raw=raw,
            message_id=own_id(text(payload, "reference")),
            codes=_codes(platform, payload),
        )
        return report.receipts(meaning, self._table)

    def _incoming(self, payload: Document, raw: str, now: datetime) -> IncomingMessage:
        connector = child(child(payload, "receiver"), "connector")
        contact = child(child(payload, "sender"), "contact")
        numbers = text(payload, "channelId"), text(connector, "identifierValue")
        # Each field by itself: a body of a kind that we do not know must not lose the message.
        request = parse_leniently(
            {key: payload[key] for key in ("body", "meta", "replyTo") if key in payload}
        )
        body = child(payload, "body")
        return IncomingMessage(
            source=self.name,
            at=instant(payload, "createdAt", now),
            channel_id=channel_of(self.channels, self.name, *numbers),
            sender=required(contact, "identifierValue"),
            sender_name=text(child(contact, "annotations"), "name") or None,
            body=request.body or TextBody(text=text(child(body, text(body, "type")), "text")),
            reference=required(payload, "id"),
            meta=request.meta,
            reply_to=request.reply_to,
            raw=raw,
        )

    def _interaction(self, payload: Document, raw: str, now: datetime) -> list[Receipt]:
        kind = required(payload, "type")
        if kind not in set(InteractionType):
            return self._unknown(kind, payload, raw, now)
        interaction = InteractionReceipt(
            source=self.name,
            at=instant(payload, "createdAt", now),
            type=InteractionType(kind),
            reference=required(payload, "messageId"),
            details=text(payload, "details") or None,
            platform_id=text(payload, "platformId") or None,
            metadata=_metadata(payload),
            key=required(payload, "id"),
            raw=raw,
        )
        return [interaction]

    def _unknown(self, word: str, payload: Document, raw: str, now: datetime) -> list[Receipt]:
        """Keep an event that we do not know; it changes nothing."""
        digest = hashlib.sha256(raw.encode()).hexdigest()
        report = StatusReport(
            source=self.name,
            at=now,
            word=word,
            reference=text(payload, "messageId") or text(payload, "id"),
            key=f"{word}:{digest}",
            raw=raw,
        )
        return report.receipts(NO_CHANGE, self._table)


def _codes(platform: str, payload: Document) -> tuple[str, ...]:
    """Return the codes of a failure, the most exact one first; see `bird_errors.toml`."""
    failure = child(payload, "failure")
    source, code = child(failure, "source"), text(failure, "code")
    place = text(source, "name").partition("-")[0]
    codes = [
        f"{place}:{text(source, 'code')}" if text(source, "code") else "",
        f"{platform}:{text(payload, 'details')}" if text(payload, "details") else "",
        code,
        f"{code[:2]}xxx" if code else "",
    ]
    return tuple(filter(None, codes))


def _metadata(payload: Document) -> InteractionMetadata | None:
    """Return the metadata of an interaction, if they are of the known form."""
    metadata = child(payload, "metadata")
    if not metadata:
        return None
    try:
        return load(InteractionMetadata, metadata)
    except InvalidRequestError:
        return None
