"""Reports of providers about messages, and messages that people send."""

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
    """The status that a provider reports."""

    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


@frozen(kw_only=True)
class StatusReceipt:
    """A report about a message, or about one part or receiver of it.

    Attributes:
        source: The name of the provider's transport, or another name, such as that of a webhook.
            A transport can report only on messages of the channels that it serves.
        at: When it happened, by the provider's clock.
        status: The meaning of the report; absent for a provider's word that the engine does not
            know. Such a receipt is stored, too.
        provider_status: The provider's own word.
        reference: The provider's id of its message, as the transport returned it.
        message_id: The engine's id, if the provider returns it.
        channel_id: The channel of the message, if several providers may use the same reference.
        recipient: The receiver, if the message has several.
        failure: Why it failed.
        key: The provider's id of this report; by default its content identifies it.
        raw: The text of the provider.
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
    """A report of what a person did with a message; the fields are those of `StatusReceipt`.

    Attributes:
        details: A detail, such as `initial_open`.
        platform_id: The platform's own id of the interaction.
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
    """A message that a person sent to one of the channels.

    Attributes:
        source: The name of the provider's transport.
        at: When it was sent, by the provider's clock.
        channel_id: The channel to whose number or mailbox it was sent.
        sender: Number or address of the person.
        sender_name: The display name of the person.
        body: The content; pictures and files by their URLs.
        reference: The provider's id of the message.
        is_announced: The provider only announced it: a worker fetches the content from the receipt
            parser that has the name of `source`.
        part: Which part of a longer text it is; the engine keeps the parts, and takes the text in
            when all of them are there.
        key: The provider's id of this report; by default the reference.
        raw: The text of the provider.
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
    is_announced: bool = False
    key: str | None = None
    raw: str = field(default="", repr=False)


Receipt = StatusReceipt | InteractionReceipt | IncomingMessage


class ReceiptState(StrEnum):
    """The state of a stored receipt.

    Attributes:
        KEPT: Stored, but not yet applied.
        APPLIED: Applied.
        UNMATCHED: No message that was handed over has its reference; it waits for one.
        UNREADABLE: Its stored data are damaged; it is not read again.
        FAILED: It could not be applied, again and again; it waits for a person.
    """

    KEPT = "kept"
    APPLIED = "applied"
    UNMATCHED = "unmatched"
    UNREADABLE = "unreadable"
    FAILED = "failed"


@frozen(kw_only=True)
class KeptReceipt:
    """A receipt in the inbox.

    Attributes:
        position: The storage's own key of the receipt.
        key: Identifies it among the receipts of its source.
        receipt: The receipt; absent if its stored data cannot be read.
        failures: How often it could not be applied.
    """

    position: int
    workspace: UUID
    key: str
    received_at: datetime
    receipt: Receipt | None
    failures: int = 0


@frozen(kw_only=True)
class Reception:
    """The results of receipts that were received together; all of them are stored.

    Attributes:
        applied: How many were applied to their messages.
        unmatched: How many wait for their messages.
        repeated: How many had been received before.
        failed: How many could not be applied; a worker tries again, after growing pauses.
        incoming: The messages that people sent.
    """

    applied: int = 0
    unmatched: int = 0
    repeated: int = 0
    failed: int = 0
    incoming: tuple[Message, ...] = ()
