"""Status webhooks and incoming messages of Vonage's Messages API v1.

Sources: "Webhooks" and "Signed webhooks" of Vonage's documentation, and its Messages API reference.
"""

import hashlib
import hmac
import math
import mimetypes
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from attrs import define, field

from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.receipts.incoming import body_of, channel_of, ids_by_number, own_id
from messaging_adapters.receipts.json_body import (
    Document,
    child,
    children,
    document_of,
    instant,
    required,
    text,
)
from messaging_adapters.receipts.signatures import check_age, claims_of, secrets_of
from messaging_adapters.receipts.words import (
    DELIVERED,
    FAILED,
    NO_CHANGE,
    READ,
    SENT,
    Meaning,
    StatusReport,
)
from messaging_core.arguments import a_text, checked_init, span
from messaging_core.errors import ForgedRequestError, UnreadableRequestError
from messaging_core.models.delivery.receipt import IncomingMessage, Receipt
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import ReceiptParser

WORDS: Final[Mapping[str, Meaning]] = {
    "submitted": SENT,
    "delivered": DELIVERED,
    "read": READ,
    "rejected": FAILED,
    "undeliverable": FAILED,
}
"""What each `status` means."""

MAX_AGE: Final = timedelta(hours=25)
"""Vonage repeats a webhook for 24 hours."""

_MOBILE: Final = re.compile(r"[1-9][0-9]{6,14}")
_SCHEME: Final = "bearer"
_UNKNOWN_TYPE: Final = "application/octet-stream"
_TYPES: Final = {"image": "image/*", "vcard": "text/vcard"}
_MEDIA: Final = ("image", "audio", "video", "file", "vcard")


@checked_init(signature_secret=secrets_of, name=a_text, max_age=span())
@define(eq=False, kw_only=True)
class VonageReceipts(ReceiptParser):
    """Verify and read the signed webhooks of a Vonage account.

    The token of a webhook signs the hash of its body, which is always compared. A status is
    recognised by its message and its word, an incoming message by its `message_uuid`.

    Attributes:
        signature_secret: The signature secret of the account; several during a rotation.
        channels: Channels by the number that people write to.
        name: The name of the webhook; the transport's, if two accounts have channels.
        max_age: How old a token may be.
        errors: What error codes mean that differs from the table of the engine.

    Raises:
        ConfigurationError: There is no secret.
    """

    signature_secret: str | Iterable[str] = field(repr=False)
    channels: Mapping[str, UUID] = field(factory=dict, converter=ids_by_number, repr=False)
    name: str = "vonage"
    max_age: timedelta = MAX_AGE
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    answer: HttpResponse = field(default=HttpResponse(status=204), init=False, repr=False)
    _table: ErrorTable = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._table = error_table("vonage").with_changes(self.errors)

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != _SCHEME:
            raise ForgedRequestError("it carries no bearer token")
        claims = claims_of(token.strip(), self.signature_secret)
        digest = hashlib.sha256(request.body).hexdigest()
        if not hmac.compare_digest(text(claims, "payload_hash").encode(), digest.encode()):
            raise ForgedRequestError("the body is not the one that was signed")
        check_age(_seconds(claims, "iat"), now, self.max_age)
        if "exp" in claims and _seconds(claims, "exp") < now.timestamp():
            raise ForgedRequestError("the token has expired")

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        document = document_of(request.body)
        raw = request.body.decode()
        if text(document, "status"):
            return self._status(document, raw, now)
        if text(document, "message_type"):
            return [self._incoming(document, raw, now)]
        raise UnreadableRequestError("it has neither a status nor a message_type")

    def _status(self, document: Document, raw: str, now: datetime) -> list[Receipt]:
        message, word = required(document, "message_uuid"), required(document, "status")
        report = StatusReport(
            source=self.name,
            at=instant(document, "timestamp", now),
            word=word,
            reference=message,
            key=f"{message}:{word}",
            raw=raw,
            message_id=own_id(text(document, "client_ref")),
            codes=_codes(child(document, "error")),
        )
        return report.receipts(WORDS.get(word, NO_CHANGE), self._table)

    def _incoming(self, document: Document, raw: str, now: datetime) -> IncomingMessage:
        words, media = _content(document)
        number = required(document, "from")
        return IncomingMessage(
            source=self.name,
            at=instant(document, "timestamp", now),
            channel_id=channel_of(self.channels, self.name, required(document, "to")),
            # A number comes without its plus sign; a short code is shorter.
            sender=f"+{number}" if _MOBILE.fullmatch(number) else number,
            body=body_of(words, media),
            reference=required(document, "message_uuid"),
            raw=raw,
        )


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value: Any = claims.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise ForgedRequestError(f"the token has no {name}")
    return float(value)


def _codes(error: Document) -> tuple[str, ...]:
    """Return the code of an error: its title, or the end of its type."""
    codes = (text(error, "title"), text(error, "type").rpartition("#")[2])
    return tuple(code for code in codes if code)


def _content(document: Document) -> tuple[str, list[tuple[str, str]]]:
    """Return the text and the media of an incoming message, each medium with its type."""
    items = [document, *children(document, "content")]
    media = [(kind, medium) for item in items for kind, medium in _media(item)]
    texts = [text(item, "text") for item in items]
    texts += [text(medium, "caption") for _, medium in media]
    words = "\n".join(filter(None, texts))
    return words, [(text(medium, "url"), _content_type(kind, medium)) for kind, medium in media]


def _media(item: Document) -> list[tuple[str, Document]]:
    """Return the media of a message, or of an element of its `content`, each with its kind."""
    media = [(kind, child(item, kind)) for kind in _MEDIA]
    if text(item, "type") in _MEDIA and text(item, "url"):
        media.append((text(item, "type"), item))
    return [(kind, medium) for kind, medium in media if text(medium, "url")]


def _content_type(kind: str, medium: Document) -> str:
    name = text(medium, "name") or text(medium, "url").partition("?")[0]
    return mimetypes.guess_type(name)[0] or _TYPES.get(kind, _UNKNOWN_TYPE)
