"""Status callbacks and incoming messages of Twilio.

Sources: "Webhooks security" and "Track outbound message status" in Twilio's documentation.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from attrs import define, field

from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.message_token import PARAMETER, read_message_id
from messaging_adapters.receipts.incoming import body_of, channel_of, ids_by_number
from messaging_adapters.receipts.signatures import hmac_base64, is_signed, secrets_of
from messaging_adapters.receipts.words import (
    DELIVERED,
    FAILED,
    NO_CHANGE,
    READ,
    SENT,
    Meaning,
    StatusReport,
)
from messaging_core.arguments import a_text, checked_init
from messaging_core.errors import ForgedRequestError, UnreadableRequestError
from messaging_core.models.delivery.receipt import IncomingMessage, Receipt
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import ReceiptParser

WORDS: Final[Mapping[str, Meaning]] = {
    "accepted": NO_CHANGE,
    "scheduled": NO_CHANGE,
    "queued": NO_CHANGE,
    "sending": NO_CHANGE,
    "sent": SENT,
    "partially_delivered": SENT,
    "delivered": DELIVERED,
    "read": READ,
    "undelivered": FAILED,
    "failed": FAILED,
    "canceled": FAILED,
}
"""What each `MessageStatus` means."""

_INCOMING: Final = frozenset({"", "receiving", "received"})  # the MessageStatus of a message to us
_SIGNATURE: Final = "x-twilio-signature"
_SETTINGS: Final = "x-twilio-webhooks-signature-settings"
_ALGORITHMS: Final = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_PORTS: Final = {"https": 443, "http": 80}
_MOST_FIELDS: Final = 1000
_MOST_MEDIA: Final = 10

Fields = Mapping[str, frozenset[str]]
"""The distinct values of each parameter: what Twilio signs of a form."""


@checked_init(auth_token=secrets_of, name=a_text)
@define(eq=False, kw_only=True)
class TwilioReceipts(ReceiptParser):
    """Verify and read the webhooks of a Twilio account.

    Twilio signs neither a time nor a nonce, so a request has no age. A status callback is
    recognised by its message and status, an incoming message by its `MessageSid`. A status callback
    has no time of its own: it happened when it came.

    Attributes:
        auth_token: The auth token of the account, or the secret of a shared key; several during a
            rotation. Message tokens in callback URLs are proved with them too.
        channels: Channels by the number, or by the messaging service, that people write to.
        name: The name of the webhook; the transport's, if two accounts have channels.
        errors: What error codes mean that differs from the table of the engine.

    Raises:
        ConfigurationError: There is no secret.
    """

    auth_token: str | Iterable[str] = field(repr=False)
    channels: Mapping[str, UUID] = field(factory=dict, converter=ids_by_number, repr=False)
    name: str = "twilio"
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    answer: HttpResponse = field(
        default=HttpResponse(
            status=200, headers={"Content-Type": "text/xml"}, body=b"<Response></Response>"
        ),
        init=False,
        repr=False,
    )
    _table: ErrorTable = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._table = error_table("twilio").with_changes(self.errors)

    def verify(self, request: HttpRequest, *, now: datetime) -> None:  # noqa: ARG002 - no age
        algorithm = _algorithm(request)
        try:
            signed = [text.encode() for text in _signed_texts(request)]
        except ValueError:
            raise ForgedRequestError("the request is no form, or its URL is none") from None
        expected = [
            hmac_base64(secret, text, algorithm) for secret in self.auth_token for text in signed
        ]
        if not is_signed(request.headers.get(_SIGNATURE, ""), expected):
            raise ForgedRequestError("the signature is missing or wrong")

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        fields = _parameters(request)
        word = _value(fields, "MessageStatus")
        if word not in _INCOMING:
            return self._status(request, fields, word, now)
        if "Body" in fields:
            return [self._incoming(request, fields, now)]
        raise UnreadableRequestError("it has neither a MessageStatus nor a Body")

    def _status(
        self, request: HttpRequest, fields: Fields, word: str, now: datetime
    ) -> list[Receipt]:
        sid = _required(fields, "MessageSid")
        code = _value(fields, "ErrorCode")
        report = StatusReport(
            source=self.name,
            at=now,
            word=word,
            reference=sid,
            key=f"{sid}:{word}",
            raw=_raw(request),
            message_id=self._message_id(request),
            codes=(code,) if code else (),
        )
        return report.receipts(WORDS.get(word, NO_CHANGE), self._table)

    def _message_id(self, request: HttpRequest) -> UUID | None:
        query = dict(parse_qsl(urlsplit(request.url).query))
        return read_message_id(query.get(PARAMETER, ""), self.auth_token)

    def _incoming(self, request: HttpRequest, fields: Fields, now: datetime) -> IncomingMessage:
        to, service = _required(fields, "To"), _value(fields, "MessagingServiceSid")
        return IncomingMessage(
            source=self.name,
            at=now,
            channel_id=channel_of(self.channels, self.name, to, service),
            sender=_required(fields, "From"),
            body=body_of(_value(fields, "Body"), _media(fields)),
            reference=_required(fields, "MessageSid"),
            raw=_raw(request),
        )


def _algorithm(request: HttpRequest) -> str:
    """Return the hash that the settings name; by default that of the auth token."""
    settings = [part.partition("=") for part in request.headers.get(_SETTINGS, "").split(",")]
    named = [value.strip() for name, _, value in settings if name.strip() == "algorithm"]
    algorithm = _ALGORITHMS.get(next(filter(None, named), "HMAC_SHA1").upper())
    if algorithm is None:
        raise ForgedRequestError("the signature has an unknown algorithm")
    return algorithm


def _signed_texts(request: HttpRequest) -> list[str]:
    """Return what Twilio may have signed: it writes the default port of a URL, or does not.

    Raises:
        ValueError: The body is no form, or the URL is none.
    """
    query = dict(parse_qsl(urlsplit(request.url).query))
    digest = query.get("bodySHA256")
    if digest is not None and not _is_form(request):
        if not hmac.compare_digest(hashlib.sha256(request.body).hexdigest(), digest.lower()):
            raise ForgedRequestError("the body is not the one that was signed")
        parameters = ""
    else:
        fields = _fields(request.body)
        parameters = "".join(
            name + value for name in sorted(fields) for value in sorted(fields[name])
        )
    return [url + parameters for url in _spellings(request.url)]


def _is_form(request: HttpRequest) -> bool:
    content_type = request.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"


def _spellings(url: str) -> list[str]:
    """Return a URL as it is, and with its port left out, or with the default port."""
    parts = urlsplit(url)
    if parts.port is None:
        port = _PORTS.get(parts.scheme)
        netloc = f"{parts.netloc}:{port}"
    else:
        netloc = parts.netloc.removesuffix(f":{parts.port}")
    return [url, parts._replace(netloc=netloc).geturl()]


def _parameters(request: HttpRequest) -> Fields:
    """Return the parameters, which a webhook with the method GET has in its query."""
    query = urlsplit(request.url).query.encode()
    try:
        return _fields(query if request.method.upper() == "GET" else request.body)
    except ValueError:
        raise UnreadableRequestError("it is no form") from None


def _fields(text: bytes) -> Fields:
    pairs = parse_qsl(
        text.decode(),
        keep_blank_values=True,
        strict_parsing=bool(text),
        errors="strict",
        max_num_fields=_MOST_FIELDS,
    )
    values: dict[str, set[str]] = {}
    for name, value in pairs:
        values.setdefault(name, set()).add(value)
    return {name: frozenset(several) for name, several in values.items()}


def _value(fields: Fields, name: str) -> str:
    """Return the value of a parameter, or an empty text.

    Raises:
        UnreadableRequestError: It has several, whose order nothing proves.
    """
    values = fields.get(name, frozenset({""}))
    if len(values) > 1:
        raise UnreadableRequestError(f"it has several values of {name}")
    return next(iter(values))


def _required(fields: Fields, name: str) -> str:
    value = _value(fields, name)
    if not value:
        raise UnreadableRequestError(f"it has no {name}")
    return value


def _media(fields: Fields) -> list[tuple[str, str]]:
    """Return URL and type of each medium; `NumMedia` says how many, and the URLs prove it."""
    names = [(f"MediaUrl{index}", f"MediaContentType{index}") for index in range(_MOST_MEDIA)]
    return [
        (_value(fields, url), _value(fields, kind) or "application/octet-stream")
        for url, kind in names
        if _value(fields, url)
    ]


def _raw(request: HttpRequest) -> str:
    return request.body.decode() if request.body else urlsplit(request.url).query
