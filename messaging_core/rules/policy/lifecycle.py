"""The lifecycle of a message: a table of allowed moves, and the functions that make them.

`TRANSITIONS` lists every move with its causes. `transition` changes the status of a message,
`move` the status that a settlement gives one, and `initial` names the status of a new one. They
refuse what the table does not list, and no other module sets a status. Other modules do not
compare statuses either; they call the predicates below.

Some moves are allowed only under a condition that the status does not show. The condition is part
of the cause (see `Cause`), and the caller that names the cause has checked it.
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
    """Why a message changes its status, and the condition that the caller has checked.

    Attributes:
        CLAIMED: A worker leased it.
        HELD: It waits for a retry, for the end of quiet hours, or for a throttled provider.
        RESCHEDULED: The caller chose another time, and no attempt has started.
        EXPIRED: Its validity ended, and it was never handed over.
        EXCLUDED: A send rule forbids it: opt-out, suppression or global holdout.
        CANCELLED: The caller cancelled it, and no attempt is running.
        HANDED_OVER: A provider accepted it.
        FAILED: It could not be handed over and will not be tried again.
        REPORTED: A receipt reported delivery or failure.
        BOUNCED_LATE: A delivered email bounced. On SMS, a part failed that only a late answer
            named, after the message was delivered.
        PROVED_LATE: Proof of a hand-over arrived when the engine no longer expected it: while
            the message waited for another attempt; after `sending_failed`, and then it was in
            doubt; or after `delivery_failed`, and then the proof is a delivery that no bounce
            preceded.
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
"""From, to, and the causes that allow it."""

INITIAL: Final[Mapping[Direction, frozenset[Status]]] = MappingProxyType(
    {
        Direction.OUTGOING: frozenset(
            {Status.ACCEPTED, Status.SCHEDULED, Status.SKIPPED, Status.REJECTED}
        ),
        Direction.INCOMING: frozenset({Status.DELIVERED}),
    }
)
"""The status of a new message, by direction; an incoming message is delivered at once."""

WAITING: Final = frozenset({Status.ACCEPTED, Status.SCHEDULED})
"""No worker has claimed the message yet."""

UNDER_WAY: Final = (Status.ACCEPTED, Status.SCHEDULED, Status.PROCESSING)
"""The message is still to be sent: it waits, or a worker has claimed it."""

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
"""The status changes no more, except by late evidence."""

_REPORTABLE: Final = frozenset(
    {Status.PROCESSING, Status.SENT, Status.DELIVERED, Status.DELIVERY_FAILED}
)

_PROOFS: Final = (Cause.REPORTED, Cause.BOUNCED_LATE, Cause.PROVED_LATE)

_NEVER_WENT: Final = frozenset({Status.REJECTED, Status.SKIPPED, Status.DELETED})


def move(current: Status, to: Status, cause: Cause) -> Status:
    """Return the new status if the table lists the move; a message may also keep its status.

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
    """Return the message with another status.

    What explained the old status does not explain the new one: `reason`, `details` and `failure`
    are emptied unless they are given.

    Args:
        message: The message with its current status.
        to: The new status.
        at: The time of the change.
        cause: Why it changes; the caller has checked the condition of the cause.
        changes: Other fields that change with the status.

    Raises:
        StateError: The table does not list the move for this cause.
    """
    explained = {"reason": None, "details": None, "failure": None, **changes}
    status = move(message.status, to, cause)
    return evolve(message, status=status, last_status_at=at, updated_at=at, **explained)


def initial(status: Status, direction: Direction) -> Status:
    """Return the status of a new message if one of its direction may begin with it.

    Raises:
        StateError: No message of this direction begins with this status.
    """
    if not may_begin(status, direction):
        raise StateError(f"an {direction} message cannot begin as {status}")
    return status


def begun(message: Message, status: Status, **changes: Any) -> Message:
    """Return a new message, not stored yet, with the status in which it begins.

    Raises:
        StateError: No message of its direction begins with this status.
    """
    return evolve(message, status=initial(status, message.direction), **changes)


def cause_of_report(current: Status, to: Status) -> Cause | None:
    """Return the cause by which evidence may change a status, or None if it may not."""
    return next((cause for cause in _PROOFS if may_move(current, to, cause)), None)


def may_begin(status: Status, direction: Direction) -> bool:
    """Return True if a new message may have this status."""
    return status in INITIAL[direction]


def may_move(current: Status, to: Status, cause: Cause) -> bool:
    """Return True if the table lists the move for this cause; keeping a status is no move."""
    return cause in TRANSITIONS[current].get(to, ())


def is_waiting(status: Status) -> bool:
    """Return True if no worker has claimed the message yet."""
    return status in WAITING


def is_under_way(status: Status) -> bool:
    """Return True if the message is still to be sent: it waits, or a worker has claimed it."""
    return status in UNDER_WAY


def is_final(status: Status) -> bool:
    """Return True if the status changes no more, except by late evidence."""
    return status in FINAL


def can_cancel(status: Status) -> bool:
    """Return True if the message can be cancelled, provided that no attempt is running."""
    return may_move(status, Status.DELETED, Cause.CANCELLED)


def can_exclude(status: Status) -> bool:
    """Return True if a send rule can still stop the message, provided that no receiver has it."""
    return may_move(status, Status.SKIPPED, Cause.EXCLUDED)


def can_reschedule(status: Status) -> bool:
    """Return True if the message can be rescheduled: only before its first attempt."""
    return any(Cause.RESCHEDULED in causes for causes in TRANSITIONS[status].values())


def is_delivered(status: Status) -> bool:
    """Return True if it is proved that a receiver got the message."""
    return status is Status.DELIVERED


def has_failed(status: Status) -> bool:
    """Return True if the message did not arrive, unless late evidence says otherwise."""
    return status in {Status.SENDING_FAILED, Status.DELIVERY_FAILED}


def never_went(status: Status) -> bool:
    """Return True if the message ended without a hand-over: no receipt can be about it."""
    return status in _NEVER_WENT


def can_be_reported(status: Status, *, doubted: bool) -> bool:
    """Return True if a receipt can be about the message: a provider has it, or may have it.

    Args:
        status: The current status.
        doubted: Whether it is unknown if some attempt was accepted.
    """
    if status is Status.SENDING_FAILED:
        return doubted
    return status in _REPORTABLE
