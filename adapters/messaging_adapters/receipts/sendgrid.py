"""The Event Webhook of Twilio SendGrid, and its Inbound Parse webhook.

Sources: "Event Webhook Reference" and "Event Webhook Security Features" of its documentation.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from attrs import Factory, define, evolve, field

from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.own_id import OWN_ID
from messaging_adapters.receipts.form_body import form_of
from messaging_adapters.receipts.incoming import ids_by_address, own_id
from messaging_adapters.receipts.json_body import Document, text
from messaging_adapters.receipts.sendgrid_inbound import incoming_mail
from messaging_adapters.receipts.signatures import check_age, secrets_of
from messaging_adapters.receipts.words import (
    DELIVERED,
    FAILED,
    NO_CHANGE,
    SENT,
    Meaning,
    StatusReport,
    enhanced_codes,
)
from messaging_core.arguments import a_text, checked_init, span, whole
from messaging_core.errors import ForgedRequestError, UnreadableRequestError
from messaging_core.models.delivery.interaction import (
    ClickedLink,
    InteractionMetadata,
    InteractionType,
)
from messaging_core.models.delivery.receipt import InteractionReceipt, Receipt, StatusReceipt
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import MAX_SIZE, ReceiptParser

WORDS: Final[Mapping[str, Meaning]] = {
    "processed": SENT,
    "deferred": NO_CHANGE,
    "delivered": DELIVERED,
    "bounce": FAILED,
    "dropped": FAILED,
    "open": Meaning(interaction=InteractionType.OPENED),
    "click": Meaning(interaction=InteractionType.CLICKED),
    "spamreport": Meaning(interaction=InteractionType.REPORTED_AS_SPAM),
    "unsubscribe": Meaning(interaction=InteractionType.UNSUBSCRIBE_REQUEST),
    "group_unsubscribe": Meaning(interaction=InteractionType.UNSUBSCRIBE_REQUEST),
    "group_resubscribe": Meaning(interaction=InteractionType.SUBSCRIBE_REQUEST),
}
"""What each `event` means."""

MAX_AGE: Final = timedelta(hours=25)
"""SendGrid repeats a request for 24 hours."""

MAX_AGE_OF_MAIL: Final = timedelta(hours=73)
"""It repeats an incoming mail for three days."""

_SIGNATURE: Final = "x-twilio-email-event-webhook-signature"
_TIMESTAMP: Final = "x-twilio-email-event-webhook-timestamp"
_EPOCH: Final = re.compile(r"[0-9]{1,11}")
_LARGEST_MAIL: Final = 32_000_000  # bytes: a mail of 30 MB, and the fields of the form
_FORM: Final = "multipart/form-data"
_BLOCKED: Final = "blocked"
_DROPPED: Final = "dropped"


def _default_size(parser: "SendGridReceipts") -> int:
    return _LARGEST_MAIL if parser.channels else MAX_SIZE


def _default_age(parser: "SendGridReceipts") -> timedelta:
    return MAX_AGE_OF_MAIL if parser.channels else MAX_AGE


@checked_init(public_key=secrets_of, max_size=whole(), name=a_text, max_age=span())
@define(eq=False, kw_only=True)
class SendGridReceipts(ReceiptParser):
    """Verify and read the signed events of a SendGrid account, and the mail that people send.

    A request holds events of many messages. Each is recognised by its `sg_event_id`, and says by
    `email` which receiver it is about. The time of a request is signed together with its body.

    Incoming mail comes as a form, one mail in each, as its parts or whole. It is signed in the same
    way where the Inbound Parse webhook has a security policy; without a signature it is refused.

    Attributes:
        public_key: The verification key that SendGrid shows once its signature is switched on;
            several during a change, and where events and mail have two.
        channels: Channels by the address that people write to.
        max_size: The most bytes of a request: by default 1 MiB, and 32,000,000 bytes with
            `channels`, for the largest mail that SendGrid takes.
        name: The name of the webhook; the transport's, if two accounts have channels.
        max_age: How old the timestamp of a request may be: by default 25 hours, and 73 hours with
            `channels`.
        errors: What failure codes mean that differs from the table of the engine, by code.

    Raises:
        ConfigurationError: A key is missing or none.
        MissingDependencyError: The package `cryptography` is missing.
    """

    public_key: str | Iterable[str] = field(repr=False)
    channels: Mapping[str, UUID] = field(factory=dict, converter=ids_by_address, repr=False)
    max_size: int = field(default=Factory(_default_size, takes_self=True))
    name: str = "sendgrid"
    max_age: timedelta = field(default=Factory(_default_age, takes_self=True))
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    answer: HttpResponse = field(default=HttpResponse(status=204), init=False, repr=False)
    _table: ErrorTable = field(init=False, repr=False)
    _keys: Sequence[Any] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._table = error_table("sendgrid").with_changes(self.errors)
        self._keys = _keys_of(self.public_key)

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        timestamp = request.headers.get(_TIMESTAMP, "")
        if not _EPOCH.fullmatch(timestamp):
            raise ForgedRequestError("the timestamp is missing or no number")
        signature, signed = request.headers.get(_SIGNATURE, ""), timestamp.encode() + request.body
        if not any(key.has_signed(signature, signed) for key in self._keys):
            raise ForgedRequestError("the signature is missing or wrong")
        check_age(int(timestamp), now, self.max_age)

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        if request.headers.get("content-type", "").lower().startswith(_FORM):
            form, channels = form_of(request), self.channels
            return [incoming_mail(form, channels=channels, source=self.name, now=now)]
        return [
            receipt for event in _events(request.body) for receipt in self._receipts(event, now)
        ]

    def _receipts(self, event: Document, now: datetime) -> Iterator[Receipt]:
        """Yield the status of an event, or the interaction that it is."""
        word, raw = text(event, "event"), orjson.dumps(event).decode()
        meaning = WORDS.get(word, NO_CHANGE)
        report = StatusReport(
            source=self.name,
            at=_instant(text(event, "timestamp"), now),
            word=word,
            # What follows the first dot tells apart the receivers of one request.
            reference=text(event, "sg_message_id").partition(".")[0],
            key=text(event, "sg_event_id") or hashlib.sha256(raw.encode()).hexdigest(),
            raw=raw,
            message_id=own_id(text(event, OWN_ID)),
            codes=_codes(event),
        )
        recipient = text(event, "email") or None
        for receipt in report.receipts(meaning, self._table):
            if isinstance(receipt, InteractionReceipt):
                yield evolve(receipt, recipient=recipient, metadata=_metadata(event), raw=raw)
            elif isinstance(receipt, StatusReceipt) and meaning.interaction is None:
                yield evolve(receipt, recipient=recipient)


def _keys_of(public_keys: str | Iterable[str]) -> Sequence[Any]:
    from messaging_adapters.receipts.ecdsa import VerificationKey  # noqa: PLC0415 - an extra

    return tuple(VerificationKey(key) for key in public_keys)


def _events(body: bytes) -> list[Document]:
    """Return the events of a request; a list may hold what is none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, list):
        raise UnreadableRequestError("the body is no JSON list")
    return [item for item in value if isinstance(item, dict)]


def _instant(seconds: str, default: datetime) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC) if _EPOCH.fullmatch(seconds) else default


def _codes(event: Document) -> tuple[str, ...]:
    """Return the codes of a failure, the most exact one first; see `sendgrid_errors.toml`."""
    if text(event, "event") == _DROPPED:
        return (f"{_DROPPED}:{text(event, 'reason')}", _DROPPED)
    if text(event, "type") == _BLOCKED:
        return (_BLOCKED,)
    return enhanced_codes(text(event, "status"))


def _metadata(event: Document) -> InteractionMetadata | None:
    """Return the link of a click, and whether a machine opened the mail."""
    url, machine = text(event, "url"), event.get("sg_machine_open")
    known: dict[str, Any] = {"link": ClickedLink(url=url)} if url else {}
    if isinstance(machine, bool):
        known["prefetched"] = machine
    return InteractionMetadata(**known) if known else None
