"""What an engine tells a `Telemetry` of its work: never content, an address or a secret."""

from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from messaging_core.lazy import frozen


class OperationKind(StrEnum):
    """What an operation does.

    Attributes:
        SEND: Messages are accepted, by one call of the host.
        DELIVER: A transport is called for one message.
        REPORT: A receipt is applied to the message that it is about.
    """

    SEND = "send"
    DELIVER = "deliver"
    REPORT = "report"


@frozen(kw_only=True)
class Operation:
    """An operation that begins.

    Attributes:
        workspace: The tenant; absent where the messages of a call may be of several.
        channel: The name of the channel; absent where a call is for several.
        platform: Of the channel.
        message_id: Of the message, if there is one and it is known already.
        number: How many messages it concerns.
        attempt: Of a delivery, the number of the attempt, from 1.
        provider: Of a delivery, the name of the transport.
        trace: The W3C `traceparent` that was stored with the message.
        took: How long it took, if it is over already.
    """

    kind: OperationKind
    workspace: UUID | None = None
    channel: str | None = None
    platform: str | None = None
    message_id: UUID | None = None
    number: int = 1
    attempt: int | None = None
    provider: str | None = None
    trace: str | None = None
    took: timedelta = timedelta(0)


@frozen(kw_only=True)
class OperationResult:
    """How an operation ended.

    Attributes:
        outcome: In one word, such as `accepted` or `deferred`; of a receipt, its status.
        error: The kind of failure, by the name of its code or the type of the error.
        message_id: Of the message, if there is one.
    """

    outcome: str
    error: str | None = None
    message_id: UUID | None = None


@frozen(kw_only=True)
class StatusCount:
    """Messages that reached a status, to be counted.

    Attributes:
        channel: The name of the channel; absent if this process does not know it.
        status: The status that they have now, or `refused` for requests that became no message.
        error: The kind of failure, by the name of its code.
    """

    workspace: UUID
    channel: str | None = None
    platform: str | None = None
    status: str
    error: str | None = None
    number: int = 1
