"""Events and incoming mail of Amazon SES, as Amazon SNS publishes them.

Sources: "Contents of event data" and "Contents of notifications for email receiving" of the SES
developer guide.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from attrs import define, evolve, field

from messaging_adapters._extras import needing
from messaging_adapters.mail.received import UnreadableMailError, people_in, read_mail
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
from messaging_adapters.receipts.sns import AN_HTTP_CLIENT, SnsVerifier, topics_of
from messaging_adapters.receipts.words import (
    DELIVERED,
    FAILED,
    NO_CHANGE,
    SENT,
    Meaning,
    StatusReport,
)
from messaging_core.arguments import a_text, checked_init, flag, span
from messaging_core.errors import ConfigurationError, UnreadableRequestError
from messaging_core.models.delivery.interaction import (
    ClickedLink,
    InteractionMetadata,
    InteractionType,
)
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    InteractionReceipt,
    Receipt,
    StatusReceipt,
)
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.ports.receipts import ReceiptParser

WORDS: Final[Mapping[str, Meaning]] = {
    "Send": SENT,
    "Delivery": DELIVERED,
    "DeliveryDelay": NO_CHANGE,
    "Bounce": FAILED,
    "Complaint": Meaning(interaction=InteractionType.REPORTED_AS_SPAM),
    "Complaint:not-spam": NO_CHANGE,
    "Complaint:OnAccountSuppressionList": FAILED,
    "Reject": FAILED,
    "Rendering Failure": FAILED,
    "Open": Meaning(interaction=InteractionType.OPENED),
    "Click": Meaning(interaction=InteractionType.CLICKED),
    "Subscription:unsubscribed": Meaning(interaction=InteractionType.UNSUBSCRIBE_REQUEST),
    "Subscription:subscribed": Meaning(interaction=InteractionType.SUBSCRIBE_REQUEST),
}
"""What each `eventType` means: of a complaint with its subtype where that matters, and of a change
of subscription with its direction."""

MAX_AGE: Final = timedelta(hours=24)
"""SNS repeats a message for an hour at most, by its own policies."""

_RECEIVED: Final = "Received"
_PARTS: Final = {
    "Send": ("send", ""),
    "Delivery": ("delivery", "recipients"),
    "DeliveryDelay": ("deliveryDelay", "delayedRecipients"),
    "Bounce": ("bounce", "bouncedRecipients"),
    "Complaint": ("complaint", "complainedRecipients"),
    "Reject": ("reject", ""),
    "Rendering Failure": ("failure", ""),
    "Open": ("open", ""),
    "Click": ("click", ""),
    "Subscription": ("subscription", ""),
}
"""The object of an event, and its list of receivers, if it has one."""

_OF_PEOPLE: Final = frozenset({"Open", "Click", "Subscription"})
# What SES publishes when a topic is set up: it is about no mail.
_GREETINGS: Final = ("Successfully validated SNS topic", "AmazonSnsSubscriptionSucceeded")


@checked_init(
    topic_arns=topics_of,
    confirm_subscriptions=flag,
    name=a_text,
    max_age=span(),
    client=AN_HTTP_CLIENT,
)
@define(eq=False, kw_only=True)
class SesReceipts(ReceiptParser):
    """Verify and read what Amazon SES publishes to topics of SNS.

    SNS signs each message with a certificate, which is fetched from SNS once and kept. A message
    of another topic is refused before that, so that no stranger makes us ask for anything. A
    message is recognised by its `MessageId`. Raw message delivery must be off: it has no signature.

    A request to confirm a subscription to one of the topics is confirmed at once.

    Attributes:
        topic_arns: The topics to which SES publishes; no other topic is believed.
        channels: Channels by the address that people write to.
        confirm_subscriptions: False leaves requests to confirm a subscription alone.
        name: The name of the webhook; the transport's, if two accounts have channels.
        max_age: How old the timestamp of a message may be.
        client: Fetches certificates and confirms subscriptions; by default one of its own, which
            connects to public addresses only.
        errors: What failure codes mean that differs from the table of the engine, by code.

    Raises:
        ConfigurationError: A topic is missing or none.
        MissingDependencyError: The package `cryptography` or `urllib3` is missing.
    """

    topic_arns: str | Iterable[str]
    channels: Mapping[str, UUID] = field(factory=dict, converter=ids_by_address, repr=False)
    confirm_subscriptions: bool = True
    name: str = "ses"
    max_age: timedelta = MAX_AGE
    client: HttpClient | None = field(default=None, repr=False)
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    answer: HttpResponse = field(default=HttpResponse(status=200), init=False, repr=False)
    _table: ErrorTable = field(init=False, repr=False)
    _sns: SnsVerifier = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._table = error_table("ses").with_changes(self.errors)
        self._sns = SnsVerifier(
            topics=tuple(self.topic_arns),
            client=self.client or _own_client(),
            max_age=self.max_age,
            confirms=self.confirm_subscriptions,
        )

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        self._sns.verify(request, now=now)

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        notification = self._sns.notification(request)
        if notification is None:
            return []
        raw = text(notification, "Message")
        if raw.startswith(_GREETINGS):
            return []
        event = document_of(raw.encode("utf-8", "replace"))
        kind = text(event, "eventType") or required(event, "notificationType")
        key = required(notification, "MessageId")
        if kind in _GREETINGS:
            return []
        if kind == _RECEIVED:
            return [self._incoming(event, key, now)]
        return list(self._report(kind, event, key, raw, now))

    def _report(
        self, kind: str, event: Document, key: str, raw: str, now: datetime
    ) -> Iterator[Receipt]:
        """Yield what an event says of each receiver, or of the mail as a whole."""
        word, mail = _word(kind, event), child(event, "mail")
        meaning = WORDS.get(word, NO_CHANGE)
        subject = child(event, _PARTS.get(kind, ("", ""))[0])
        for place, recipient in enumerate(_receivers(kind, event, mail)):
            report = StatusReport(
                source=self.name,
                at=instant(subject, "timestamp", instant(mail, "timestamp", now)),
                word=word,
                reference=required(mail, "messageId"),
                key=f"{key}:{place}",
                raw=raw,
                message_id=_own_id(mail),
                codes=_codes(word, subject),
            )
            # What a person did says nothing about the status.
            receipt = report.receipts(meaning, self._table)[-1]
            yield _with_details(receipt, subject, recipient, raw)

    def _incoming(self, event: Document, key: str, now: datetime) -> IncomingMessage:
        mail, receipt = child(event, "mail"), child(event, "receipt")
        try:
            content = read_mail(_content(event, receipt))
        except UnreadableMailError as error:
            raise UnreadableRequestError(str(error)) from None
        addresses = [*_texts(receipt, "recipients"), *_texts(mail, "destination")]
        return IncomingMessage(
            source=self.name,
            at=sent_at(content.date, now),
            channel_id=channel_of(self.channels, self.name, *map(str.lower, addresses)),
            sender=content.sender or required(mail, "source"),
            sender_name=content.sender_name,
            body=content.body,
            reference=content.message_id or required(mail, "messageId"),
            key=key,
            raw=_without_content(event),
        )


def _own_client() -> HttpClient:
    from messaging_adapters.http_clients.public_addresses import is_public  # noqa: PLC0415

    with needing("ses"):
        from messaging_adapters.http_clients.urllib3_client import (  # noqa: PLC0415 - an extra
            Urllib3Client,
        )

    # A connection is used once in months: none is kept.
    return Urllib3Client(timeout=timedelta(seconds=10), allows=is_public, max_idle=0)


def _word(kind: str, event: Document) -> str:
    if kind == "Subscription":
        return f"{kind}:{'un' if _is_opt_out(child(event, 'subscription')) else ''}subscribed"
    if kind == "Complaint":
        complaint = child(event, "complaint")
        for detail in ("complaintSubType", "complaintFeedbackType"):
            word = f"{kind}:{text(complaint, detail)}"
            if word in WORDS:
                return word
    return kind


def _is_opt_out(subscription: Document) -> bool:
    """Tell whether a receiver left the list, or a topic of it."""
    preferences = child(subscription, "newTopicPreferences")
    topics = children(preferences, "topicSubscriptionStatus")
    is_out = any(text(topic, "subscriptionStatus") == "OptOut" for topic in topics)
    return preferences.get("unsubscribeAll") is True or is_out


def _receivers(kind: str, event: Document, mail: Document) -> Sequence[str | None]:
    """Return whom an event is about; nothing means the mail as a whole."""
    part, listed = _PARTS.get(kind, ("", ""))
    subject = child(event, part)
    lines = [text(item, "emailAddress") for item in children(subject, listed)]
    lines += _texts(subject, listed)
    destination = _texts(mail, "destination")
    if kind in _OF_PEOPLE and len(destination) > 1:
        return [None]  # SES does not say which of them
    return [_address(line) for line in lines or destination] or [None]


def _codes(word: str, subject: Document) -> tuple[str, ...]:
    """Return the codes of a failure, the most exact one first; see `ses_errors.toml`."""
    if word != "Bounce":
        return (word,)
    kind, detail = text(subject, "bounceType"), text(subject, "bounceSubType")
    return (f"{word}:{kind}:{detail}", f"{word}:{kind}")


def _with_details(receipt: Receipt, subject: Document, recipient: str | None, raw: str) -> Receipt:
    if isinstance(receipt, StatusReceipt):
        return evolve(receipt, recipient=recipient)
    if not isinstance(receipt, InteractionReceipt):
        return receipt
    url = text(subject, "link")
    metadata = InteractionMetadata(link=ClickedLink(url=url)) if url else None
    return evolve(receipt, recipient=recipient, metadata=metadata, raw=raw)


def _own_id(mail: Document) -> UUID | None:
    """Return our message id: a tag has a list of values."""
    values = _texts(child(mail, "tags"), MESSAGE_ID)
    return own_id(values[0]) if values else None


def _texts(document: Document, key: str) -> list[str]:
    value = document.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _address(line: str) -> str | None:
    people = people_in(line)
    return people[0][1] if people else None


def _content(event: Document, receipt: Document) -> bytes:
    """Return the bytes of an incoming mail.

    Raises:
        UnreadableRequestError: They are no base64.
        ConfigurationError: The rule of SES does not publish them.
    """
    content = text(event, "content")
    if not content:
        raise ConfigurationError(
            "a notification of SES has no content of the mail:"
            " let the receipt rule publish it with an SNS action"
        )
    if text(child(receipt, "action"), "encoding") != "BASE64":
        return content.encode("utf-8", "replace")
    try:
        return base64.b64decode(content)
    except (binascii.Error, ValueError):
        raise UnreadableRequestError("the content of the mail is no base64") from None


def _without_content(event: Document) -> str:
    """Return the text of an incoming mail's notification; its files are in the body already."""
    others: dict[str, Any] = {name: value for name, value in event.items() if name != "content"}
    return orjson.dumps(others).decode()
