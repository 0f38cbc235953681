"""Webhooks and routes of Mailgun: deliveries, failures, opens, clicks and incoming mail.

Sources: "Webhooks", "Events" and "Receiving, forwarding and storing messages" of Mailgun's
documentation.
"""

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from attrs import Factory, define, evolve, field

from messaging_adapters.mail.received import UnreadableMailError, people_in, read_mail
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.own_id import MESSAGE_ID
from messaging_adapters.receipts.form_body import (
    FormBody,
    attachment_of,
    form_of,
    is_json,
    json_of,
)
from messaging_adapters.receipts.incoming import channel_of, ids_by_address, own_id, sent_at
from messaging_adapters.receipts.json_body import Document, child, document_of, required, text
from messaging_adapters.receipts.signatures import check_age, is_signed, secrets_of
from messaging_adapters.receipts.words import (
    DELIVERED,
    FAILED,
    NO_CHANGE,
    Meaning,
    StatusReport,
    enhanced_codes,
)
from messaging_core.arguments import a_text, checked_init, span, whole
from messaging_core.errors import ForgedRequestError, UnreadableRequestError
from messaging_core.models.content.body import HtmlBody, HtmlMetadata
from messaging_core.models.delivery.interaction import (
    ClickedLink,
    InteractionMetadata,
    InteractionType,
)
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    InteractionReceipt,
    Receipt,
)
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import MAX_SIZE, ReceiptParser

WORDS: Final[Mapping[str, Meaning]] = {
    "accepted": NO_CHANGE,
    "delivered": DELIVERED,
    "failed:temporary": NO_CHANGE,
    "failed:permanent": FAILED,
    "rejected": FAILED,
    "opened": Meaning(interaction=InteractionType.OPENED),
    "clicked": Meaning(interaction=InteractionType.CLICKED),
    "unsubscribed": Meaning(interaction=InteractionType.UNSUBSCRIBE_REQUEST),
    "complained": Meaning(interaction=InteractionType.REPORTED_AS_SPAM),
    "stored": NO_CHANGE,
}
"""What each `event` means: of a failure with its `severity`."""

MAX_AGE: Final = timedelta(hours=24)
"""Mailgun repeats a request for eight hours, and does not say whether it signs it again."""

# A timestamp of another length is of another age: no digit can move between it and the token.
_EPOCH: Final = re.compile(r"[0-9]{10}")
_TOKEN: Final = re.compile(r"[!-~]{16,200}")
_SECONDS: Final = re.compile(r"[0-9]{1,11}(\.[0-9]{1,9})?")
_STATUS_IN_TEXT: Final = re.compile(r"(?<![\w.])[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![\w.])")
_LARGEST_MAIL: Final = 30_000_000  # bytes: Mailgun takes mails of 25 MB
_FAILED: Final = "failed"
_REJECTED: Final = "rejected"
_GENERAL: Final = frozenset({"", "bounce", "generic"})  # what the mail server said is more exact


def _default_size(parser: "MailgunReceipts") -> int:
    return _LARGEST_MAIL if parser.channels else MAX_SIZE


@checked_init(signing_key=secrets_of, max_size=whole(), name=a_text, max_age=span())
@define(eq=False, kw_only=True)
class MailgunReceipts(ReceiptParser):
    """Verify and read the webhooks and routes of a Mailgun account.

    Mailgun signs a time and a token, and nothing else: neither the body nor the URL. So each
    request is recognised by its token, and reports one thing: what is sent with a token that came
    before is taken for a repetition, whatever it says.

    Attributes:
        signing_key: The "HTTP webhook signing key" of the account; several during a rotation.
        channels: Channels by the address that people write to.
        max_size: The most bytes of a request; by default what an incoming mail has at most where
            there are channels, and else a mebibyte.
        name: The name of the webhook; the transport's, if two domains have channels.
        max_age: How old the timestamp of a request may be. An inbox that forgets its receipts
            earlier believes a token twice.
        errors: What error codes mean that differs from the table of the engine.

    Raises:
        ConfigurationError: There is no key.
    """

    signing_key: str | Iterable[str] = field(repr=False)
    channels: Mapping[str, UUID] = field(factory=dict, converter=ids_by_address, repr=False)
    max_size: int = field(default=Factory(_default_size, takes_self=True))
    name: str = "mailgun"
    max_age: timedelta = MAX_AGE
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    answer: HttpResponse = field(default=HttpResponse(status=200), init=False, repr=False)
    _table: ErrorTable = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._table = error_table("mailgun").with_changes(self.errors)

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        try:
            signature = _signature_of(request)
        except UnreadableRequestError:
            raise ForgedRequestError("the request has no signature") from None
        timestamp, token = text(signature, "timestamp"), text(signature, "token")
        if not _EPOCH.fullmatch(timestamp) or not _TOKEN.fullmatch(token):
            raise ForgedRequestError("the timestamp or the token is missing or malformed")
        signed = f"{timestamp}{token}".encode()
        expected = [hmac.digest(key.encode(), signed, "sha256").hex() for key in self.signing_key]
        if not is_signed(text(signature, "signature"), expected):
            raise ForgedRequestError("the signature is missing or wrong")
        check_age(int(timestamp), now, self.max_age)

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        key = required(_signature_of(request), "token")
        if not is_json(request):
            return [evolve(self._incoming(form_of(request), now), key=key)]
        event = child(document_of(request.body), "event-data")
        return [evolve(self._report(event, request.body.decode(), now), key=key)]

    def _report(self, event: Document, raw: str, now: datetime) -> Receipt:
        word = _word(event)
        meaning = WORDS.get(word, NO_CHANGE)
        headers = child(child(event, "message"), "headers")
        report = StatusReport(
            source=self.name,
            at=_instant(event, now),
            word=word,
            reference=required(headers, "message-id"),
            key="",
            raw=raw,
            message_id=own_id(text(child(event, "user-variables"), MESSAGE_ID)),
            codes=_codes(event),
        )
        recipient = text(event, "recipient") or _only_address(text(headers, "to"))
        # What a person did says nothing about the status.
        receipt = report.receipts(meaning, self._table)[-1]
        if isinstance(receipt, InteractionReceipt):
            return evolve(receipt, recipient=recipient, metadata=_metadata(event), raw=raw)
        return (
            receipt
            if isinstance(receipt, IncomingMessage)
            else evolve(receipt, recipient=recipient)
        )

    def _incoming(self, form: FormBody, now: datetime) -> IncomingMessage:
        fields = form.fields
        if "body-mime" in fields:
            return self._incoming_mime(form, now)
        headers = _headers_of(fields)
        name, sender = _sender(fields)
        return IncomingMessage(
            source=self.name,
            at=sent_at(headers.get("date", ""), now),
            channel_id=channel_of(self.channels, self.name, required(fields, "recipient").lower()),
            sender=sender,
            sender_name=name or None,
            body=_body(form),
            reference=headers.get("message-id", "").strip("<> ") or None,
            raw=orjson.dumps(fields).decode(),
        )

    def _incoming_mime(self, form: FormBody, now: datetime) -> IncomingMessage:
        """Return a mail that a route forwards as it is, to a URL that ends in `mime`."""
        fields = form.fields
        try:
            mail = read_mail(form.contents["body-mime"])
        except UnreadableMailError as error:
            raise UnreadableRequestError(str(error)) from None
        return IncomingMessage(
            source=self.name,
            at=sent_at(mail.date, now),
            channel_id=channel_of(self.channels, self.name, required(fields, "recipient").lower()),
            sender=mail.sender or required(fields, "sender"),
            sender_name=mail.sender_name,
            body=mail.body,
            reference=mail.message_id or None,
            raw=orjson.dumps({**fields, "body-mime": ""}).decode(),  # the body has all of it
        )


def _signature_of(request: HttpRequest) -> Document:
    """Return what holds timestamp, token and signature; in a form the last of each counts.

    Raises:
        UnreadableRequestError: The body has another form.
    """
    if is_json(request):
        return child(document_of(request.body), "signature")
    return form_of(request).fields


def _word(event: Document) -> str:
    word = required(event, "event")
    return f"{word}:{text(event, 'severity')}" if word == _FAILED else word


def _instant(event: Document, default: datetime) -> datetime:
    """Return the time of an event: seconds of the epoch with a fraction."""
    value = event.get("timestamp")
    shown = str(value) if isinstance(value, int | float) else text(event, "timestamp")
    if not _SECONDS.fullmatch(shown):
        return default
    return datetime.fromtimestamp(float(shown), UTC)


def _codes(event: Document) -> tuple[str, ...]:
    """Return the codes of a failure, the most exact one first; see `mailgun_errors.toml`."""
    word, reason = text(event, "event"), text(event, "reason")
    if word == _REJECTED:
        return (_REJECTED,)
    if word != _FAILED:
        return ()
    status = child(event, "delivery-status")
    words = " ".join(text(status, name) for name in ("enhanced-code", "message", "description"))
    status_code = _STATUS_IN_TEXT.search(words)
    enhanced, own = enhanced_codes(status_code[0]) if status_code else (), (f"reason:{reason}",)
    return enhanced + own if reason in _GENERAL else own + enhanced


def _metadata(event: Document) -> InteractionMetadata:
    """Return the link of a click, and whether a machine opened the mail or the link."""
    url, client = text(event, "url"), child(event, "client-info")
    known: dict[str, Any] = {"link": ClickedLink(url=url)} if url else {}
    return InteractionMetadata(**known, prefetched=bool(text(client, "bot")))


def _only_address(line: str) -> str | None:
    people = people_in(line)
    return people[0][1] if len(people) == 1 else None


def _sender(fields: Document) -> tuple[str, str]:
    """Return name and address of `From`; where it is none, of the envelope."""
    people = people_in(text(fields, "from"))
    return people[0] if people else ("", required(fields, "sender"))


def _headers_of(fields: Document) -> Mapping[str, str]:
    """Return headers by their names in lower case; Mailgun sends a list of pairs."""
    pairs = json_of(text(fields, "message-headers"))
    items = [pair for pair in pairs if isinstance(pair, list)] if isinstance(pairs, list) else []
    return {
        name.lower(): value
        for name, value in (pair for pair in items if len(pair) == 2)  # noqa: PLR2004 - a pair
        if isinstance(name, str) and isinstance(value, str)
    }


def _body(form: FormBody) -> HtmlBody:
    fields = form.fields
    html, words = text(fields, "body-html"), text(fields, "body-plain")
    shown = json_of(text(fields, "content-id-map"))
    pairs = shown.items() if isinstance(shown, dict) else ()
    ids = {part: content_id for content_id, part in pairs if isinstance(part, str)}
    return HtmlBody(
        html=html or None,
        text=words if words or not html else None,
        attachments=tuple(attachment_of(file, ids.get(name)) for name, file in form.files.items()),
        metadata=HtmlMetadata(subject=text(fields, "subject") or None),
    )
