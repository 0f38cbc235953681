"""How a message shows that the send rules hold it back, or keep it from going at all."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from attrs import evolve

from messaging_core.decisions.delivery.settlement import (
    IN_DOUBT,
    UNPROVEN,
    fail,
    postpone,
)
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource
from messaging_core.models.delivery.delivery import Claim, Delivery, Resolution, Settlement
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.policy.plan import Reason
from messaging_core.models.policy.reasons import ReasonCode
from messaging_core.models.policy.send_rules import Course, Ruling
from messaging_core.rules.policy.lifecycle import Cause, begun, move

_DECISIVE: Final = {
    Course.HOLD: {ReasonCode.QUIET_HOURS_HOLD, ReasonCode.ESCALATION_IN_TURN},
    Course.SKIP: {
        ReasonCode.RECEIVER_UNREACHABLE,
        ReasonCode.SUPPRESSED_MARKETING,
        ReasonCode.SUPPRESSED_TRANSACTIONAL,
        ReasonCode.SUPPRESSED_SENDER,
        ReasonCode.SUBSCRIPTION_UNSUBSCRIBED,
        ReasonCode.SUBSCRIPTION_BLANK,
        ReasonCode.HOLDOUT_SKIPPED,
        ReasonCode.QUIET_HOURS_DROP,
        ReasonCode.ESCALATION_DELIVERED,
        ReasonCode.ESCALATION_STOPPED,
    },
    Course.REJECT: {
        ReasonCode.CHANNEL_INACTIVE,
        ReasonCode.FREQUENCY_CAPPED,
        ReasonCode.QUIET_HOURS_OUTLASTS_VALIDITY,
        ReasonCode.QUIET_HOURS_NEVER,
    },
}
_CODES: Final = {
    ReasonCode.CHANNEL_INACTIVE: FailureCode.NOT_CONFIGURED,
    ReasonCode.FREQUENCY_CAPPED: FailureCode.FREQUENCY_CAPPED,
    ReasonCode.QUIET_HOURS_OUTLASTS_VALIDITY: FailureCode.EXPIRED,
    ReasonCode.QUIET_HOURS_NEVER: FailureCode.EXPIRED,
}


def skip_reason(codes: Collection[str]) -> str:
    """Return which of the reasons of a skipped message decided: the first that can, or any."""
    decided = [code for code in codes if code in _DECISIVE[Course.SKIP]]
    return next(iter([*decided, *codes]), "")


def decisive(ruling: Ruling) -> Reason | None:
    """Return the reason that decided, or nothing where the message goes."""
    codes = _DECISIVE.get(ruling.course, set())
    return next((reason for reason in ruling.reasons if reason.code in codes), None)


def failure_of(ruling: Ruling) -> Failure | None:
    """Return why a message is rejected: only that is a failure, to be skipped is none."""
    reason = decisive(ruling)
    if reason is None or ruling.course is not Course.REJECT:
        return None
    return Failure(
        code=_CODES[ReasonCode(reason.code)],
        description=reason.message,
        source=FailureSource(name="pre-processing", code=reason.code),
    )


def withheld(
    message: Message, delivery: Delivery, ruling: Ruling
) -> tuple[Message, Delivery | None]:
    """Return a new message, and its delivery if it has one, as the send rules leave them.

    Args:
        message: As it was admitted.
        delivery: Of all its receivers.
        ruling: On all its receivers, in their order.
    """
    match ruling.course:
        case Course.HOLD:
            due_at = ruling.due_at or delivery.due_at
            shown = _shown(message, Status.SCHEDULED, ruling)
            return shown, _without(message, evolve(delivery, due_at=due_at), ruling)
        case Course.SKIP:
            return _shown(message, Status.SKIPPED, ruling), None
        case Course.REJECT:
            return _shown(message, Status.REJECTED, ruling), None
    # What is too late already expires when it is taken up.
    return message, _without(message, delivery, ruling)


def _shown(message: Message, status: Status, ruling: Ruling) -> Message:
    reason = decisive(ruling)
    return begun(
        message,
        status,
        reason=reason.message if reason else None,
        details=reason.code if reason else None,
        failure=failure_of(ruling),
    )


def _without(message: Message, delivery: Delivery, ruling: Ruling) -> Delivery:
    """Leave out the receivers who must not get it, where others may."""
    if not ruling.excluded:
        return delivery
    addresses = message.addresses
    return evolve(delivery, refused=tuple(addresses[place] for place in sorted(ruling.excluded)))


def deferred(claim: Claim, now: datetime, ruling: Ruling) -> Settlement:
    """Put a claimed message back until the rules let it go; a doubt stays a doubt."""
    reason, until = decisive(ruling), ruling.due_at or now
    settlement = postpone(claim, now, until, claim.message.failure)
    if claim.message.details == IN_DOUBT:
        return evolve(settlement, reasons=ruling.reasons)
    return evolve(
        settlement,
        status=move(claim.message.status, Status.SCHEDULED, Cause.HELD),
        reason=reason.message if reason else None,
        details=reason.code if reason else None,
        reasons=ruling.reasons,
    )


def blocked(claim: Claim, now: datetime, ruling: Ruling) -> Settlement:
    """End a claimed message that the rules do not let go; who was served already stays served."""
    if claim.message.details == IN_DOUBT:
        ended = fail(claim, now, UNPROVEN, reason=IN_DOUBT)
        return evolve(ended, resolved=Resolution.FAILED, reasons=ruling.reasons)
    reason, failure = decisive(ruling), failure_of(ruling)
    if failure is not None:
        return evolve(fail(claim, now, failure), reasons=ruling.reasons)
    current = claim.message.status
    status = (
        move(current, Status.SENT, Cause.HANDED_OVER)
        if claim.delivery.accepted
        else move(current, Status.SKIPPED, Cause.EXCLUDED)
    )
    return Settlement(
        lease=claim.lease,
        at=now,
        status=status,
        reason=reason.message if reason else None,
        details=reason.code if reason else None,
        parts=claim.message.parts,
        accepted=claim.delivery.accepted,
        refused=claim.delivery.refused,
        reasons=ruling.reasons,
    )


def excluding(claim: Claim, receivers: Collection[int]) -> Claim:
    """Leave out those of the receivers still to be served who must not get a message.

    Args:
        claim: The message.
        receivers: Their places among those who were not served yet.
    """
    if not receivers:
        return claim
    delivery = claim.delivery
    served = {*delivery.accepted, *delivery.refused}
    left = [address for address in claim.message.addresses if address not in served]
    refused = (*delivery.refused, *(left[place] for place in sorted(receivers)))
    return evolve(claim, delivery=evolve(delivery, refused=refused))
