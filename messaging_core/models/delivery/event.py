"""What happened to a message, one thing after the other."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.failure import Failure
from messaging_core.models.messages.message import Status
from messaging_core.models.policy.plan import Reason


class EventKind(StrEnum):
    """Say what happened.

    Attributes:
        ADMITTED: A request was decided on, and its message kept.
        ATTEMPTED: A transport was asked, and this is its outcome.
        HELD: It was not tried, and waits on.
        ENDED: It was given up without another attempt.
        LAPSED: A worker took it and was not heard of again.
        LATE: A worker that had lost the message to another answered after all.
        RESCHEDULED: It was given another time.
        CANCELLED: It was withdrawn.
        REPORTED: A receipt said something about it.
        INTERACTED: A person did something with it.
        RECEIVED: It came in.
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
    REDACTED = "redacted"


@frozen(kw_only=True)
class Event:
    """One thing that happened to a message; it holds no address and no content.

    Attributes:
        position: Its place in the log of all events; 0 until it is stored.
        status: The status of the message from then on.
        attempt: Which attempt it was, counted from 1.
        outcome: What the transport answered: `accepted`, `deferred`, `rejected` or `unknown`;
            of a receipt, the provider's own word.
        failure: What went wrong.
        references: The provider's ids of the parts.
        due_at: When something happens next.
        in_doubt: Whether it is not known if a provider has the message.
        reasons: Why it was decided so, with the facts.
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


@frozen(kw_only=True)
class Cursor:
    """How far a subscriber has come, and its right to go on.

    Attributes:
        name: The subscriber.
        position: The last event that it has dealt with.
        failures: How often it has refused the next one.
        fence: Grows whenever a process takes the cursor; an older one moves nothing.
    """

    name: str
    position: int
    failures: int = 0
    fence: int = 0
