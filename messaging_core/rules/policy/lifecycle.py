"""The law of the lifecycle: which status may follow which, and why.

Everything about the life of a message stands in `TRANSITIONS`: the status it has, the statuses
it may move to, and the causes that may move it there. `move` and `transition` refuse everything
else, and no other module sets a status. No other module compares statuses; they ask the
predicates below.

Some moves are good only under a condition that a status does not show. Such a condition is part
of its cause, and whoever names the cause vouches for it: see `Cause`.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve

from messaging_core.errors import StateError
from messaging_core.models.messages.message import Direction, Message, Status


class Cause(StrEnum):
    """Say why a message moves, and what must be true of it then.

    Attributes:
        CLAIMED: A worker took it up.
        HELD: It waits on: for a retry, quiet hours, or a provider that is throttled.
        RESCHEDULED: The caller chose another time, and nobody has taken it up yet.
        EXPIRED: Its validity is over, and it was never handed over.
        EXCLUDED: A send rule keeps it back: opt-out, suppression, global holdout.
        CANCELLED: The caller withdrew it, and no attempt is under way.
        HANDED_OVER: The provider took it.
        FAILED: It could not be handed over, and will not be tried again.
        REPORTED: A receipt says what became of it.
        BOUNCED_LATE: A mail that was delivered came back. On SMS, a part of a delivered message
            failed that only a late answer named.
        PROVED_LATE: Proof of a hand-over arrived when the engine did not expect it any more: while
            the message waited for another attempt; after sending had failed, in doubt; after
            delivery had failed, positive, and no bounce after delivery before it.
    """

    CLAIMED = "claimed"
    HELD = "held"
    RESCHEDULED = "rescheduled"
    EXPIRED = "expired"
    EXCLUDED = "excluded"
    CANCELLED = "cancelled"
    HANDED_OVER = "handed_over"
    FAILED = "failed"
    REPORTED = "reported"
    BOUNCED_LATE = "bounced_late"
    PROVED_LATE = "proved_late"


TRANSITIONS: Final[Mapping[Status, Mapping[Status, frozenset[Cause]]]] = MappingProxyType(
    {
        Status.ACCEPTED: {
            Status.PROCESSING: frozenset({Cause.CLAIMED}),
            Status.SCHEDULED: frozenset({Cause.HELD, Cause.RESCHEDULED}),
            Status.SENT: frozenset({Cause.PROVED_LATE}),
            Status.SENDING_FAILED: frozenset({Cause.EXPIRED}),
            Status.SKIPPED: frozenset({Cause.EXCLUDED}),
            Status.DELETED: frozenset({Cause.CANCELLED}),
        },
        Status.SCHEDULED: {
            Status.PROCESSING: frozenset({Cause.CLAIMED}),
            Status.ACCEPTED: frozenset({Cause.RESCHEDULED}),
            Status.SENT: frozenset({Cause.PROVED_LATE}),
            Status.SENDING_FAILED: frozenset({Cause.EXPIRED}),
            Status.SKIPPED: frozenset({Cause.EXCLUDED}),
            Status.DELETED: frozenset({Cause.CANCELLED}),
        },
        Status.PROCESSING: {
            Status.SENT: frozenset({Cause.HANDED_OVER, Cause.PROVED_LATE}),
            Status.SENDING_FAILED: frozenset({Cause.FAILED, Cause.EXPIRED}),
            Status.SCHEDULED: frozenset({Cause.HELD}),
            Status.SKIPPED: frozenset({Cause.EXCLUDED}),
            Status.DELETED: frozenset({Cause.CANCELLED}),
        },
        Status.SENT: {
            Status.DELIVERED: frozenset({Cause.REPORTED}),
            Status.DELIVERY_FAILED: frozenset({Cause.REPORTED}),
        },
        Status.DELIVERED: {
            Status.DELIVERY_FAILED: frozenset({Cause.BOUNCED_LATE}),
        },
        Status.SENDING_FAILED: {
            Status.SENT: frozenset({Cause.PROVED_LATE}),
            Status.DELIVERED: frozenset({Cause.PROVED_LATE}),
            Status.DELIVERY_FAILED: frozenset({Cause.PROVED_LATE}),
        },
        Status.DELIVERY_FAILED: {
            Status.DELIVERED: frozenset({Cause.PROVED_LATE}),
        },
        Status.REJECTED: {},
        Status.SKIPPED: {},
        Status.DELETED: {},
    }
)
"""The table: from, to, and the causes that allow it."""

INITIAL: Final[Mapping[Direction, frozenset[Status]]] = MappingProxyType(
    {
        Direction.OUTGOING: frozenset(
            {Status.ACCEPTED, Status.SCHEDULED, Status.SKIPPED, Status.REJECTED}
        ),
        Direction.INCOMING: frozenset({Status.DELIVERED}),
    }
)
"""How a message may begin; one that was received is delivered from the start."""

WAITING: Final = frozenset({Status.ACCEPTED, Status.SCHEDULED})
"""Nobody has taken the message up yet."""

UNDER_WAY: Final = (Status.ACCEPTED, Status.SCHEDULED, Status.PROCESSING)
"""The message is still to be sent: nobody has taken it up yet, or somebody has."""

FINAL: Final = frozenset(
    {
        Status.DELIVERED,
        Status.DELIVERY_FAILED,
        Status.SENDING_FAILED,
        Status.REJECTED,
        Status.SKIPPED,
        Status.DELETED,
    }
)
"""Nothing more happens to the message, unless late evidence says otherwise."""

_REPORTABLE: Final = frozenset(
    {Status.PROCESSING, Status.SENT, Status.DELIVERED, Status.DELIVERY_FAILED}
)


_PROOFS: Final = (Cause.REPORTED, Cause.BOUNCED_LATE, Cause.PROVED_LATE)


_NEVER_WENT: Final = frozenset({Status.REJECTED, Status.SKIPPED, Status.DELETED})


def move(current: Status, to: Status, cause: Cause) -> Status:
    """Return the new status of a message, where the table lists the move; staying is allowed.

    Raises:
        StateError: The table does not list the move for this cause.
    """
    if to is not current and not may_move(current, to, cause):
        raise StateError(
            f"a message that is {current} cannot become {to} ({cause}): "
            "the lifecycle does not list this move"
        )
    return to


def transition(
    message: Message, to: Status, at: datetime, *, cause: Cause, **changes: Any
) -> Message:
    """Return a message with its new status.

    What explained the old status does not explain the new one: `reason`, `details` and `failure`
    are emptied unless they are given.

    Args:
        message: As it is.
        to: Its new status.
        at: When it changes.
        cause: Why; whoever names it vouches for its condition.
        changes: Other fields that change with it.

    Raises:
        StateError: The table does not list the move for this cause.
    """
    explained = {"reason": None, "details": None, "failure": None, **changes}
    status = move(message.status, to, cause)
    return evolve(message, status=status, last_status_at=at, updated_at=at, **explained)


def begun(message: Message, status: Status, **changes: Any) -> Message:
    """Return a new message, not stored yet, as the send rules let it begin.

    Raises:
        StateError: No message of its direction begins with this status.
    """
    if not may_begin(status, message.direction):
        raise StateError(f"an {message.direction} message cannot begin as {status}")
    return evolve(message, status=status, **changes)


def cause_of_proof(current: Status, to: Status) -> Cause | None:
    """Return why evidence may move a message, or nothing where it may not."""
    return next((cause for cause in _PROOFS if may_move(current, to, cause)), None)


def may_begin(status: Status, direction: Direction) -> bool:
    """Tell whether a message may come into being with this status."""
    return status in INITIAL[direction]


def may_move(current: Status, to: Status, cause: Cause) -> bool:
    """Tell whether a message may move, for this cause; to stay is no move."""
    return cause in TRANSITIONS[current].get(to, ())


def is_waiting(status: Status) -> bool:
    """Tell whether a message is still to be taken up for the first time."""
    return status in WAITING


def is_under_way(status: Status) -> bool:
    """Tell whether a message is still to be sent: nobody has taken it up yet, or somebody has."""
    return status in UNDER_WAY


def is_final(status: Status) -> bool:
    """Tell whether nothing more happens to a message, late evidence aside."""
    return status in FINAL


def can_cancel(status: Status) -> bool:
    """Tell whether a message can be withdrawn, as long as no attempt is under way."""
    return may_move(status, Status.DELETED, Cause.CANCELLED)


def can_exclude(status: Status) -> bool:
    """Tell whether a send rule can still keep a message back, as long as nobody may have it."""
    return may_move(status, Status.SKIPPED, Cause.EXCLUDED)


def can_reschedule(status: Status) -> bool:
    """Tell whether a message can be given another time: one that was never taken up."""
    return any(Cause.RESCHEDULED in causes for causes in TRANSITIONS[status].values())


def never_went(status: Status) -> bool:
    """Tell whether a message that is over was never handed over: no receipt can be about it."""
    return status in _NEVER_WENT


def can_be_reported(status: Status, *, doubted: bool) -> bool:
    """Tell whether receipts can say anything about a message: a provider has it, or may have.

    Args:
        status: What it is now.
        doubted: Whether some attempt may have been accepted although it is not known.
    """
    if status is Status.SENDING_FAILED:
        return doubted
    return status in _REPORTABLE
