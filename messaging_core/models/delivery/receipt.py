"""What a provider reports after it took a message, and what people send in."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.failure import Failure
from messaging_core.models.common.instants import in_utc
from messaging_core.models.content.body import Body
from messaging_core.models.content.meta import Meta
from messaging_core.models.content.sms import SmsEncoding
from messaging_core.models.delivery.interaction import InteractionMetadata, InteractionType
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.request import ReplyTo


class ReceiptStatus(StrEnum):
    """Say what a provider reports about one of its messages."""

    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


@frozen(kw_only=True)
class StatusReceipt:
    """Report what became of a message, or of one part or receiver of it.

    Attributes:
        source: Who reports: the name of the provider's transport, or another one, such as a
            webhook's. The name of a transport has to be one that serves the message's channel.
        at: When it happened, by the provider's clock.
        status: What it means; absent for a provider's word that means nothing to us, which is
            kept all the same.
        provider_status: The provider's own word.
        reference: The provider's id of its message, as the transport answered it.
        message_id: Our id, where the provider gives it back.
        channel_id: The message's channel: narrows a reference that several providers may use.
        recipient: Whom it concerns, where a message had several.
        failure: Why it failed.
        key: The provider's id of this report; by default it is told from others by its content.
        raw: What the provider wrote.
    """

    source: str
    at: datetime = field(converter=in_utc)
    status: ReceiptStatus | None = None
    provider_status: str = ""
    reference: str | None = None
    message_id: UUID | None = None
    channel_id: UUID | None = None
    recipient: str | None = field(default=None, repr=False)
    failure: Failure | None = None
    key: str | None = None
    raw: str = field(default="", repr=False)


@frozen(kw_only=True)
class InteractionReceipt:
    """Report what a person did with a message; the fields are those of `StatusReceipt`.

    Attributes:
        details: Such as `initial_open`.
        platform_id: The platform's own id of it.
    """

    source: str
    at: datetime = field(converter=in_utc)
    type: InteractionType
    reference: str | None = None
    message_id: UUID | None = None
    channel_id: UUID | None = None
    recipient: str | None = field(default=None, repr=False)
    details: str | None = None
    platform_id: str | None = None
    metadata: InteractionMetadata | None = None
    key: str | None = None
    raw: str = field(default="", repr=False)


@frozen(kw_only=True)
class IncomingPart:
    """Say which part of a longer text an incoming message is.

    Attributes:
        reference: Tells the text from others of the same sender to the same channel.
        total: How many parts the text has.
        number: Which of them this is, from 1.
        octets: The part as it was sent, in hexadecimal digits: a character may begin in one part
            and end in the next. Absent where the provider gives text only.
        encoding: How the octets of all parts together are read.
    """

    reference: str
    total: int
    number: int
    octets: str | None = field(default=None, repr=False)
    encoding: SmsEncoding | None = None


@frozen(kw_only=True)
class IncomingMessage:
    """Report a message that a person sent to one of the channels.

    Attributes:
        source: Who reports: the name of the provider's transport.
        at: When it was sent, by the provider's clock.
        channel_id: The channel whose number or mailbox it came to.
        sender: Number or address of the person.
        sender_name: The display name beside it.
        body: The content; pictures and files by their URLs.
        reference: The provider's id of it.
        part: Which part of a longer text it is; the engine keeps the parts, and takes the text in
            when all of them are there.
        key: The provider's id of this report; by default the reference.
        raw: What the provider wrote.
    """

    source: str
    at: datetime = field(converter=in_utc)
    channel_id: UUID
    sender: str = field(repr=False)
    body: Body = field(repr=False)
    sender_name: str | None = field(default=None, repr=False)
    reference: str | None = None
    meta: Meta | None = None
    reply_to: ReplyTo | None = None
    part: IncomingPart | None = None
    key: str | None = None
    raw: str = field(default="", repr=False)


Receipt = StatusReceipt | InteractionReceipt | IncomingMessage


class ReceiptState(StrEnum):
    """Say how far a receipt that was kept has come.

    Attributes:
        KEPT: Stored, and not looked at yet.
        APPLIED: It did what there was to do.
        UNMATCHED: It names no message that was handed over; it waits for its reference to appear.
        UNREADABLE: What is stored of it is damaged; it is looked at no more.
    """

    KEPT = "kept"
    APPLIED = "applied"
    UNMATCHED = "unmatched"
    UNREADABLE = "unreadable"


@frozen(kw_only=True)
class KeptReceipt:
    """A receipt as it lies in the inbox.

    Attributes:
        position: The storage's own key of it.
        key: Tells it from all others of its source.
        receipt: What was reported; absent where what is stored of it cannot be read.
    """

    position: int
    workspace: UUID
    key: str
    received_at: datetime
    receipt: Receipt | None


@frozen(kw_only=True)
class Reception:
    """Count what became of receipts that were handed in together; all of them are kept.

    Attributes:
        applied: They found their message.
        unmatched: They wait for it.
        repeated: They had been handed in before.
        failed: They could not be applied; a worker tries again.
        incoming: The messages that people sent.
    """

    applied: int = 0
    unmatched: int = 0
    repeated: int = 0
    failed: int = 0
    incoming: tuple[Message, ...] = ()
