"""What becomes of a claimed message without an attempt."""

from collections.abc import Iterable
from datetime import datetime

from attrs import evolve

from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.delivery import (
    Claim,
    Delivery,
    Lease,
    Resolution,
    Settlement,
)
from messaging_core.models.messages.message import Message, Status
from messaging_core.rules.policy.lifecycle import Cause, move, transition

EXPIRED = "expired"
IN_DOUBT = "in_doubt"
POISONED = "poisoned"
PARTLY_REFUSED = "partly_refused"

_OURS = "pre-processing"

UNPROVEN = Failure(
    code=FailureCode.IN_DOUBT,
    description="it is not known whether the provider took the message",
    source=FailureSource(name=_OURS, code=IN_DOUBT),
    retry=Retry.AMBIGUOUS,
)
"""The failure of a message that may or may not have been handed over."""

TOO_LATE = Failure(
    code=FailureCode.EXPIRED,
    description="the validity ended before the message was handed over",
    source=FailureSource(name=_OURS, code=EXPIRED),
)
"""The failure of a message that expired."""

DAMAGED = Failure(
    code=FailureCode.POISONED,
    description="the stored message cannot be read",
    source=FailureSource(name=_OURS, code="unreadable"),
)
"""The failure of a message that its storage cannot read any more; storages find it by this."""


def so_far(claim: Claim, now: datetime) -> Settlement:
    """Return what the attempts before came to; once a receiver was refused, that is the failure."""
    delivery, message = claim.delivery, claim.message
    return Settlement(
        lease=claim.lease,
        at=now,
        status=message.status,
        failure=message.failure if delivery.refused else None,
        parts=message.parts,
        accepted=delivery.accepted,
        refused=delivery.refused,
    )


def finish(settlement: Settlement, *, reason: str | None = None) -> Settlement:
    """End a message by how its receivers have fared; it is sent if a provider took it for one."""
    failure, current = settlement.failure, settlement.status
    if settlement.accepted:
        status = move(current, Status.SENT, Cause.HANDED_OVER)
    else:
        cause = Cause.EXPIRED if reason == EXPIRED else Cause.FAILED
        status = move(current, Status.SENDING_FAILED, cause)
    return evolve(
        settlement,
        status=status,
        reason=reason or (failure.description or None if failure else None),
        details=PARTLY_REFUSED if settlement.accepted and failure else None,
    )


def expire(claim: Claim, now: datetime) -> Settlement:
    """End a message whose validity has run out before it was handed over."""
    if claim.message.details == IN_DOUBT:
        ended = fail(claim, now, UNPROVEN, reason=IN_DOUBT)
        return evolve(ended, resolved=Resolution.EXPIRED)
    return fail(claim, now, TOO_LATE, reason=EXPIRED)


def fail(claim: Claim, now: datetime, failure: Failure, *, reason: str | None = None) -> Settlement:
    """Fail the pending receivers; the message is sent if a provider took it for another one."""
    settlement = so_far(claim, now)
    return finish(evolve(settlement, failure=settlement.failure or failure), reason=reason)


def dead_letter(claim: Claim, now: datetime) -> Settlement:
    """End a message that crashed too often; the failure names the last fault that is known."""
    source = claim.message.failure.source if claim.message.failure else None
    last_fault = f"; the last that is known: {source.code}" if source and source.code else ""
    failure = Failure(
        code=FailureCode.POISONED,
        description=f"given up after {claim.delivery.crashes} crashes{last_fault}",
        source=FailureSource(name=_OURS, code=POISONED),
    )
    return fail(claim, now, failure, reason=POISONED)


def unreadable(lease: Lease, now: datetime) -> Settlement:
    """End a message that its storage cannot read any more."""
    # It was claimed, even where its status could not be changed to show that.
    status = move(Status.PROCESSING, Status.SENDING_FAILED, Cause.FAILED)
    return Settlement(lease=lease, at=now, status=status, reason=POISONED, failure=DAMAGED)


def release(claim: Claim, now: datetime) -> Settlement:
    """Put a claimed message back where it was in the line: nothing was tried."""
    return postpone(claim, now, min(now, claim.delivery.due_at), claim.message.failure)


def postpone(
    claim: Claim,
    now: datetime,
    until: datetime,
    failure: Failure | None,
    *,
    crashed: bool = False,
) -> Settlement:
    """Put a claimed message back until an instant, without counting an attempt."""
    return Settlement(
        lease=claim.lease,
        at=now,
        status=move(claim.message.status, Status.PROCESSING, Cause.CLAIMED),
        reason=claim.message.reason,
        details=claim.message.details,
        failure=failure,
        parts=claim.message.parts,
        next_due_at=until,
        accepted=claim.delivery.accepted,
        refused=claim.delivery.refused,
        counts=False,
        crashed=crashed,
    )


def with_evidence(claim: Claim, proven: Iterable[str]) -> Claim:
    """Take those for whom it is proved that a provider had the message for served."""
    delivery = claim.delivery
    accepted = tuple(dict.fromkeys((*delivery.accepted, *sorted(proven))))
    return evolve(claim, delivery=evolve(delivery, accepted=accepted))


def already_delivered(claim: Claim) -> Settlement:
    """End a message for which evidence shows that all its receivers were served."""
    settlement = finish(so_far(claim, claim.message.updated_at))
    doubted = claim.message.details == IN_DOUBT
    return evolve(settlement, resolved=Resolution.REPORTED if doubted else None)


def proved(message: Message, delivery: Delivery, at: datetime) -> Message:
    """Return a message as it is when it is proved, between two attempts, that it was handed over.

    A receiver who was refused before stays so.
    """
    failure = message.failure if delivery.refused else None
    return transition(
        message,
        Status.SENT,
        at,
        cause=Cause.PROVED_LATE,
        details=PARTLY_REFUSED if failure else None,
        reason=message.reason if failure else None,
        failure=failure,
    )


def pending_addresses(message: Message, delivery: Delivery) -> frozenset[str]:
    """Return the addresses of those who were neither served nor refused yet."""
    return frozenset(message.addresses) - {*delivery.accepted, *delivery.refused}


def may_have_gone(message: Message, delivery: Delivery | None) -> bool:
    """Return True if a provider took a message, or may have, for some of its receivers."""
    was_in_doubt = message.failure is not None and message.failure.code == FailureCode.IN_DOUBT
    return message.details == IN_DOUBT or was_in_doubt or bool(delivery and delivery.accepted)
