"""Webhooks of Postmark: deliveries, bounces, complaints, opens, clicks and incoming mail.

Sources: "Webhooks", "Bounce API" and "Parse an email" of Postmark's documentation.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson
from attrs import Factory, define, evolve, field

from messaging_adapters.mail.parts import ANY_TYPE
from messaging_adapters.providers.credentials import basic_auth
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.own_id import MESSAGE_ID
from messaging_adapters.receipts.incoming import channel_of, ids_by_address, own_id, sent_at
from messaging_adapters.receipts.json_body import (
    Document,
    child,
    children,
    document_of,
    instant,
    required,
    text,
)
from messaging_adapters.receipts.signatures import is_signed, secrets_of
from messaging_adapters.receipts.words import (
    DELIVERED,
    FAILED,
    NO_CHANGE,
    Meaning,
    StatusReport,
)
from messaging_core.arguments import a_text, checked_init, optional, whole
from messaging_core.errors import ConfigurationError, ForgedRequestError, UnreadableRequestError
from messaging_core.models.content.body import Attachment, Body, HtmlBody, HtmlMetadata
from messaging_core.models.delivery.interaction import (
    ClickedLink,
    InteractionMetadata,
    InteractionType,
)
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    InteractionReceipt,
    Receipt,
    ReceiptStatus,
)
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import MAX_SIZE, ReceiptParser

WORDS: Final[Mapping[str, Meaning]] = {
    "Delivery": DELIVERED,
    "Bounce:HardBounce": FAILED,
    "Bounce:BadEmailAddress": FAILED,
    "Bounce:SoftBounce": FAILED,
    "Bounce:ManuallyDeactivated": FAILED,
    "Bounce:Unsubscribe": Meaning(ReceiptStatus.FAILED, InteractionType.UNSUBSCRIBE_REQUEST),
    "Bounce:Blocked": FAILED,
    "Bounce:DMARCPolicy": FAILED,
    "Bounce:SpamNotification": FAILED,
    "Bounce:VirusNotification": FAILED,
    "Bounce:TemplateRenderingFailed": FAILED,
    "Bounce:SMTPApiError": FAILED,
    "Bounce:Unknown": FAILED,
    "Bounce:Unconfirmed": FAILED,
    "Bounce:Transient": NO_CHANGE,
    "Bounce:DnsError": NO_CHANGE,
    "Bounce:OpenRelayTest": NO_CHANGE,
    "Bounce:AutoResponder": NO_CHANGE,
    "Bounce:AddressChange": NO_CHANGE,
    "Bounce:ChallengeVerification": NO_CHANGE,
    "Bounce:InboundError": NO_CHANGE,
    "Bounce:Subscribe": Meaning(interaction=InteractionType.SUBSCRIBE_REQUEST),
    "SpamComplaint": Meaning(interaction=InteractionType.REPORTED_AS_SPAM),
    "Open": Meaning(interaction=InteractionType.OPENED),
    "Click": Meaning(interaction=InteractionType.CLICKED),
    "SubscriptionChange:ManualSuppression": Meaning(
        interaction=InteractionType.UNSUBSCRIBE_REQUEST
    ),
    "SubscriptionChange:HardBounce": NO_CHANGE,
    "SubscriptionChange:SpamComplaint": NO_CHANGE,
    "SubscriptionChange:false": Meaning(interaction=InteractionType.SUBSCRIBE_REQUEST),
}
"""What each `RecordType` means: of a bounce with its `Type`, of a change of subscription with its
reason, or `false` where sending is allowed again."""

_TIMES: Final = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_INBOUND: Final = ("", "Inbound")
_FILES: Final = frozenset({"Attachments", "RawEmail"})
_LARGEST_MAIL: Final = 50_000_000  # bytes: 35 MB of attachments, as base64, and the texts


def _default_size(parser: "PostmarkReceipts") -> int:
    return _LARGEST_MAIL if parser.channels else MAX_SIZE


@checked_init(
    secret=secrets_of, username=a_text, header=optional(a_text), max_size=whole(), name=a_text
)
@define(eq=False, kw_only=True)
class PostmarkReceipts(ReceiptParser):
    """Verify and read the webhooks of a server of Postmark.

    Postmark signs nothing: it shows a secret, in the URL of the webhook as a user name and a
    password (HTTP Basic), or in a header that you name there. So the URL must be HTTPS, and a
    stranger who reads a request once can forge others. A bounce is recognised by its id, anything
    else by its kind, message, receiver and time.

    Attributes:
        secret: The password in the URL, or the value of the header; several during a rotation.
        username: The user name in the URL.
        header: The name of a header with the secret, instead of user name and password.
        channels: Channels by the address that people write to.
        max_size: The most bytes of a request: by default 1 MiB, and 50,000,000 bytes with
            `channels`, for mail with the 35 MB of attachments that Postmark takes.
        name: The name of the webhook; the transport's, if two servers have channels.
        errors: What error codes mean that differs from the table of the engine.

    Raises:
        ConfigurationError: There is no secret, or the header has no name of one.
    """

    secret: str | Iterable[str] = field(repr=False)
    username: str = field(default="postmark", repr=False)
    header: str | None = None
    channels: Mapping[str, UUID] = field(factory=dict, converter=ids_by_address, repr=False)
    max_size: int = field(default=Factory(_default_size, takes_self=True))
    name: str = "postmark"
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    answer: HttpResponse = field(default=HttpResponse(status=200), init=False, repr=False)
    _table: ErrorTable = field(init=False, repr=False)
    _expected: tuple[str, ...] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.header is not None and not _HEADER.fullmatch(self.header):
            raise ConfigurationError("header must be the name of a header, such as X-Secret")
        if ":" in self.username:
            raise ConfigurationError("username must have no colon (RFC 7617)")
        self._table = error_table("postmark").with_changes(self.errors)
        self._expected = tuple(
            secret if self.header else basic_auth(self.username, secret) for secret in self.secret
        )

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        del now
        given = request.headers.get((self.header or "authorization").lower(), "")
        if not is_signed(given, self._expected):
            raise ForgedRequestError("the secret is missing or wrong")

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        document = document_of(request.body)
        kind = text(document, "RecordType")
        if kind in _INBOUND and "FromFull" in document:
            return [self._incoming(document, now)]
        if not kind:
            raise UnreadableRequestError("it has neither a RecordType nor a FromFull")
        return self._report(kind, document, request.body.decode(), now)

    def _report(self, kind: str, document: Document, raw: str, now: datetime) -> list[Receipt]:
        word, meaning = _word(kind, document), WORDS.get(_word(kind, document), NO_CHANGE)
        report = StatusReport(
            source=self.name,
            at=instant(document, _time(document), now),
            word=word,
            reference=required(document, "MessageID"),
            key=_key(kind, document),
            raw=raw,
            message_id=own_id(text(child(document, "Metadata"), MESSAGE_ID)),
            codes=(word.replace("Bounce", "bounce", 1),) if kind == "Bounce" else (),
        )
        recipient = text(document, "Recipient") or text(document, "Email") or None
        receipts = [
            _with_details(receipt, document, recipient)
            for receipt in report.receipts(meaning, self._table)
        ]
        # What a person did says nothing about the status.
        return receipts[1:] if meaning.interaction and meaning.status is None else receipts

    def _incoming(self, document: Document, now: datetime) -> IncomingMessage:
        sender = child(document, "FromFull")
        people = [*children(document, "ToFull"), *children(document, "CcFull")]
        addresses = [text(document, "OriginalRecipient"), *(text(to, "Email") for to in people)]
        return IncomingMessage(
            source=self.name,
            at=sent_at(text(document, "Date"), now),
            channel_id=channel_of(self.channels, self.name, *map(str.lower, addresses)),
            sender=required(sender, "Email"),
            sender_name=text(sender, "Name") or None,
            body=_body(document),
            reference=required(document, "MessageID"),
            raw=_without_files(document),
        )


def _word(kind: str, document: Document) -> str:
    if kind == "Bounce":
        return f"{kind}:{text(document, 'Type')}"
    if kind == "SubscriptionChange":
        is_allowed = document.get("SuppressSending") is False
        return f"{kind}:{'false' if is_allowed else text(document, 'SuppressionReason')}"
    return kind


def _time(document: Document) -> str:
    return next((name for name in _TIMES if text(document, name)), "")


def _key(kind: str, document: Document) -> str:
    """Return what tells a report from others; hashed, because it holds an address."""
    own = text(document, "ID")
    if own:
        return f"{kind}:{own}"
    fields = ("MessageID", "Recipient", _time(document), "OriginalLink", "SuppressSending")
    parts = "\n".join(str(document.get(name)) for name in fields)
    digest = hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()
    return f"{kind}:{digest}"


def _with_details(receipt: Receipt, document: Document, recipient: str | None) -> Receipt:
    if isinstance(receipt, IncomingMessage):
        return receipt
    receipt = evolve(receipt, recipient=recipient)
    url = text(document, "OriginalLink")
    if not isinstance(receipt, InteractionReceipt) or not url:
        return receipt
    return evolve(receipt, metadata=InteractionMetadata(link=ClickedLink(url=url)))


def _without_files(document: Document) -> str:
    """Return the text of an incoming mail; its files are in the body already."""
    others = {name: value for name, value in document.items() if name not in _FILES}
    return orjson.dumps(others).decode()


def _body(document: Document) -> Body:
    html, words = text(document, "HtmlBody"), text(document, "TextBody")
    return HtmlBody(
        html=html or None,
        text=words if words or not html else None,
        attachments=tuple(map(_attachment, children(document, "Attachments"))),
        metadata=HtmlMetadata(subject=text(document, "Subject") or None),
    )


def _attachment(file: Document) -> Attachment:
    content_id = text(file, "ContentID").strip("<>")
    return Attachment(
        filename=text(file, "Name"),
        content=text(file, "Content"),
        content_type=text(file, "ContentType").partition(";")[0] or ANY_TYPE,
        inline=bool(content_id),
        content_id=content_id or None,
    )
