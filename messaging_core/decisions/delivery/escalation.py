"""What a fallback does about the message before it."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from messaging_core.decisions.delivery.settlement import (
    EXPIRED,
    IN_DOUBT,
    TOO_LATE,
    UNPROVEN,
    proved,
)
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.delivery.delivery import Delivery
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.policy.plan import Reason
from messaging_core.models.policy.reasons import ReasonCode, because
from messaging_core.models.policy.send_rules import Course, Ruling
from messaging_core.rules.policy.lifecycle import (
    Cause,
    has_failed,
    is_delivered,
    never_went,
    transition,
)

_TURN: Final = timedelta(seconds=30)
"""How long a fallback waits before it asks again whether the message before it is over."""


def reason_to_stop(first: Message) -> Reason | None:
    """Return why the fallback of a message need not go, or nothing where it may go."""
    if is_delivered(first.status):
        return delivered(first)
    if never_went(first.status) or _is_capped(first):
        return stopped(first)
    return None


def delivered(first: Message) -> Reason:
    """Return the reason of a fallback whose message reached its receiver."""
    return because(ReasonCode.ESCALATION_DELIVERED, messageId=str(first.id))


def stopped(first: Message) -> Reason:
    """Return the reason of a fallback whose message was withdrawn."""
    return because(ReasonCode.ESCALATION_STOPPED, messageId=str(first.id), status=str(first.status))


def waits_until(first_id: UUID, due_at: datetime) -> Reason:
    """Return the reason of a fallback that waits for its message."""
    return because(ReasonCode.ESCALATION_WAITS, messageId=str(first_id), at=due_at.isoformat())


def goes_at_once(first: Message) -> bool:
    """Return True if a message failed for good, so that its fallback need not wait."""
    return has_failed(first.status)


def _is_capped(first: Message) -> bool:
    """Return True if a frequency cap stopped a message: its fallback must not evade the cap."""
    failure = first.failure
    return failure is not None and failure.code == FailureCode.FREQUENCY_CAPPED


def overtaken(first: Message, delivery: Delivery, now: datetime) -> Message:
    """Return a message that still waited when its fallback took over: its validity is over.

    A push message that one of several devices has is sent, whatever the others would have done.
    """
    if delivery.accepted:
        return proved(first, delivery, now)
    in_doubt = first.details == IN_DOUBT
    return transition(
        first,
        Status.SENDING_FAILED,
        now,
        cause=Cause.FAILED if in_doubt else Cause.EXPIRED,
        reason=IN_DOUBT if in_doubt else EXPIRED,
        failure=UNPROVEN if in_doubt else TOO_LATE,
    )


def stopping(reason: Reason) -> Ruling:
    """Return the ruling on a fallback that must not go."""
    return Ruling(course=Course.SKIP, reasons=(reason,))


def waiting_turn(first: Message, now: datetime, expires_at: datetime) -> Ruling:
    """Return the ruling on a fallback whose message is being handed over right now.

    Args:
        first: The message before it.
        now: The present.
        expires_at: When the validity of the fallback ends.
    """
    reason = because(ReasonCode.ESCALATION_IN_TURN, messageId=str(first.id))
    return Ruling(course=Course.HOLD, reasons=(reason,), due_at=min(now + _TURN, expires_at))
