"""The events of messages."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.failure import Failure
from messaging_core.models.messages.message import Status
from messaging_core.models.policy.plan import Reason


class EventKind(StrEnum):
    """The kind of an event.

    Attributes:
        ADMITTED: A request was accepted or rejected, and its message was stored.
        ATTEMPTED: A transport was called; the event has its outcome.
        HELD: The message was not tried, and still waits.
        ENDED: The message ended without another attempt.
        LAPSED: The lease of a worker expired before the worker settled the message.
        LATE: A worker whose lease had expired returned its outcome.
        RESCHEDULED: The message was moved to another time.
        CANCELLED: The message was withdrawn.
        REPORTED: A receipt was applied to the message.
        INTERACTED: A person did something with the message.
        RECEIVED: A person sent the message.
        ESCALATED: Its fallback takes over: it was not delivered in time, or failed.
        REDACTED: Its content and addresses were removed.
    """

    ADMITTED = "admitted"
    ATTEMPTED = "attempted"
    HELD = "held"
    ENDED = "ended"
    LAPSED = "lapsed"
    LATE = "late"
    RESCHEDULED = "rescheduled"
    CANCELLED = "cancelled"
    REPORTED = "reported"
    INTERACTED = "interacted"
    RECEIVED = "received"
    ESCALATED = "escalated"
    REDACTED = "redacted"


@frozen(kw_only=True)
class Event:
    """One event of a message; it holds no address and no content.

    Attributes:
        position: Its position in the log of all events; 0 until it is stored.
        status: The status of the message after the event.
        attempt: The number of the attempt, from 1.
        outcome: The outcome of the transport: `accepted`, `deferred`, `rejected` or `unknown`;
            of a receipt, the provider's own word.
        failure: Why it failed.
        references: The provider's ids of the parts.
        due_at: When the message is due next.
        in_doubt: Whether it is unknown if a provider has the message.
        reasons: The reasons of the decision, with their facts.
        tags: Of an admission, the tags of the message.
        detail: Of an interaction, `prefetched` if a machine did it, and the status of a conversion
            that is not `converted`.
        trace: Of an admission, the W3C `traceparent` under which it was accepted.
    """

    workspace: UUID
    message_id: UUID
    kind: EventKind
    at: datetime
    status: Status
    position: int = 0
    attempt: int | None = None
    outcome: str | None = None
    failure: Failure | None = None
    references: tuple[str, ...] = ()
    due_at: datetime | None = None
    in_doubt: bool = False
    reasons: tuple[Reason, ...] = field(default=())
    tags: tuple[str, ...] = ()
    detail: str | None = None
    trace: str | None = None


WEBHOOKS: Final = "messaging.webhooks"
"""The name of the cursor that remembers how far webhooks have come."""


@frozen(kw_only=True)
class Cursor:
    """The position of a subscriber in the log of events, with a fencing token.

    Attributes:
        name: The subscriber.
        position: The last event that it has handled.
        failures: How often it has failed on the next event.
        fence: Grows whenever a process leases the cursor; a cursor with an older one is void.
    """

    name: str
    position: int
    failures: int = 0
    fence: int = 0
