"""What becomes of a message after an attempt."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from attrs import define, evolve, field

from messaging_core.decisions.delivery.retrying import NAMED_WAITS, RetryPolicy, next_try, policy_of
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import IN_DOUBT_TIMEOUT
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.delivery import (
    Claim,
    Delivery,
    Lease,
    OutcomeKind,
    Resolution,
    Settlement,
)
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    SingleOutcome,
    Unknown,
)
from messaging_core.models.messages.message import Message, Part, Status
from messaging_core.rules.policy.lifecycle import Cause, move, transition

EXPIRED = "expired"
IN_DOUBT = "in_doubt"
POISONED = "poisoned"
PARTLY_REFUSED = "partly_refused"

_OURS = "pre-processing"
_CONFIGURATION_WAIT = timedelta(minutes=1)

UNPROVEN = Failure(
    code=FailureCode.IN_DOUBT,
    description="it is not known whether the provider took the message",
    source=FailureSource(name=_OURS, code=IN_DOUBT),
    retry=Retry.AMBIGUOUS,
)
"""The failure of a message that may or may not have been handed over."""

_MISSING = Unknown(failure=UNPROVEN)

_UNCERTAINTY = (
    OutcomeKind.ACCEPTED,
    OutcomeKind.REJECTED,
    OutcomeKind.DEFERRED,
    OutcomeKind.UNKNOWN,
)


@frozen(kw_only=True)
class Attempted:
    """One attempt, and everything its settlement depends on.

    Attributes:
        platform: Decides the waits between attempts.
        addresses: Whom the attempt went to.
        jitter: Uniform in [0, 1), for the random share of waits.
        in_doubt_timeout: How long proof is waited for when it is in doubt.
        deduplicates: Whether the provider would recognise the message if it came again.
        gives_up_doubt: Whether who is in doubt is given up, as the channel wants it.
        crashed: Whether the transport failed in a way that no provider does.
        handed_over: Whether it passed the point of no return.
    """

    claim: Claim
    platform: str
    addresses: tuple[str, ...]
    outcome: Outcome
    now: datetime
    jitter: float = 0.5
    in_doubt_timeout: timedelta = IN_DOUBT_TIMEOUT
    deduplicates: bool = False
    gives_up_doubt: bool = False
    crashed: bool = False
    handed_over: bool = False


@define
class _Tally:
    """How every receiver has fared, this attempt included, and what there is to say of it.

    Attributes:
        attempt: Which attempt it was; absent when none was made, as is its outcome.
        resolved: How an earlier doubt has ended, unless it stays open.
    """

    accepted: list[str]
    refused: list[str]
    parts: list[Part]
    failure: Failure | None = None
    deferred: list[Deferred] = field(factory=list)
    unknown: list[Unknown] = field(factory=list)
    attempt: int | None = None
    outcome: OutcomeKind | None = None
    resolved: Resolution | None = None
    handed_over: bool = False

    def count(self, address: str, outcome: SingleOutcome) -> None:
        match outcome:
            case Accepted():
                self.accepted.append(address)
            case Rejected(failure=failure):
                self.refused.append(address)
                self.failure = self.failure or failure
            case Deferred():
                self.deferred.append(outcome)
            case Unknown():
                self.unknown.append(outcome)


def settle(attempted: Attempted) -> Settlement:
    """Decide what becomes of a message: it is over, or it is tried again at a certain time."""
    tally = _tally(attempted)
    if tally.unknown and tally.deferred and attempted.gives_up_doubt:
        _give_up_doubt(attempted, tally)
    tally.resolved = _resolution(attempted, tally)
    return _decided(attempted, tally)


def _resolution(attempted: Attempted, tally: _Tally) -> Resolution | None:
    """Return how an earlier doubt has ended: given up, or sent again."""
    if tally.outcome is OutcomeKind.UNKNOWN and not tally.unknown:
        return Resolution.FAILED
    if attempted.claim.message.details != IN_DOUBT:
        return None
    return Resolution.DEDUPLICATED if attempted.deduplicates else Resolution.RESENT


def _decided(attempted: Attempted, tally: _Tally) -> Settlement:
    if tally.unknown:
        return _doubtful(attempted, tally, tally.unknown[0])
    if tally.deferred:
        return _postponed(attempted, tally, tally.deferred)
    return _finished(attempted.claim, tally, attempted.now)


def expire(claim: Claim, now: datetime) -> Settlement:
    """End a message whose validity has run out before it was handed over."""
    if claim.message.details == IN_DOUBT:
        ended = fail(claim, now, UNPROVEN, reason=IN_DOUBT)
        return evolve(ended, resolved=Resolution.EXPIRED)
    failure = Failure(
        code=FailureCode.EXPIRED,
        description="the validity ended before the message was handed over",
        source=FailureSource(name=_OURS, code=EXPIRED),
    )
    return fail(claim, now, failure, reason=EXPIRED)


def fail(claim: Claim, now: datetime, failure: Failure, *, reason: str | None = None) -> Settlement:
    """Fail the pending receivers; the message is sent if a provider took it for another one."""
    tally = _so_far(claim)
    tally.failure = tally.failure or failure
    return _finished(claim, tally, now, reason=reason)


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
    failure = Failure(
        code=FailureCode.POISONED,
        description="the stored message cannot be read",
        source=FailureSource(name=_OURS, code="unreadable"),
    )
    # It was claimed, even where its status could not be changed to show that.
    status = move(Status.PROCESSING, Status.SENDING_FAILED, Cause.FAILED)
    return Settlement(lease=lease, at=now, status=status, reason=POISONED, failure=failure)


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
    settlement = _finished(claim, _so_far(claim), claim.message.updated_at)
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


def _so_far(claim: Claim) -> _Tally:
    delivery, message = claim.delivery, claim.message
    # Once a receiver was refused, its refusal is the failure the message keeps.
    failure = message.failure if delivery.refused else None
    return _Tally(
        list(delivery.accepted), list(delivery.refused), list(message.parts), failure=failure
    )


def _tally(attempted: Attempted) -> _Tally:
    tally, outcome, addresses = _so_far(attempted.claim), attempted.outcome, attempted.addresses
    if isinstance(outcome, PerRecipient):
        answers = [outcome.outcomes.get(address, _MISSING) for address in addresses]
        kinds = [_kind(single) for single in outcome.outcomes.values()]
        tally.outcome = max(kinds, key=_UNCERTAINTY.index, default=OutcomeKind.UNKNOWN)
    else:
        answers = [outcome] * len(addresses)
        tally.outcome = _kind(outcome)
    for address, answer in zip(addresses, answers, strict=True):
        tally.count(address, answer)
    # Several receivers may share one answer, and so its references.
    for taken in {
        id(answer): answer for answer in answers if isinstance(answer, Accepted)
    }.values():
        tally.parts += [Part(platform_reference=reference) for reference in taken.references]
    tally.attempt = attempted.claim.delivery.attempts
    tally.handed_over = attempted.handed_over
    return tally


def _kind(outcome: SingleOutcome) -> OutcomeKind:
    match outcome:
        case Accepted():
            return OutcomeKind.ACCEPTED
        case Rejected():
            return OutcomeKind.REJECTED
        case Deferred():
            return OutcomeKind.DEFERRED
    return OutcomeKind.UNKNOWN


def _give_up_doubt(attempted: Attempted, tally: _Tally) -> None:
    """Give up those in doubt at once, so that the others need not share their fate.

    The failure shows that a receiver may have it, and the message cannot be cancelled.
    """
    outcomes = attempted.outcome.outcomes if isinstance(attempted.outcome, PerRecipient) else {}
    tally.refused += [
        address
        for address in attempted.addresses
        if isinstance(outcomes.get(address, _MISSING), Unknown)
    ]
    tally.failure = evolve(UNPROVEN, description=tally.unknown[0].failure.description)
    tally.unknown.clear()


def _doubtful(attempted: Attempted, tally: _Tally, unknown: Unknown) -> Settlement:
    """Wait for proof; at once where the provider tells a message it has seen before."""
    claim, now = attempted.claim, attempted.now
    policy = policy_of(attempted.platform)
    wait = (
        policy.wait(claim.delivery.attempts, attempted.jitter)
        if attempted.deduplicates
        else attempted.in_doubt_timeout
    )
    until = min(now + wait, max(now, claim.delivery.expires_at))
    waiting = _waiting(claim, tally, now, until, unknown.failure, details=IN_DOUBT)
    return evolve(waiting, crashed=attempted.crashed)


def _postponed(attempted: Attempted, tally: _Tally, deferred: Sequence[Deferred]) -> Settlement:
    claim, now = attempted.claim, attempted.now
    until = next_try(
        _policy(attempted, deferred),
        claim.delivery.attempts,
        now=now,
        expires_at=claim.delivery.expires_at,
        jitter=attempted.jitter,
        retry_after=_least_wait(deferred),
    )
    failure = deferred[0].failure
    if until is None:
        tally.failure = tally.failure or failure
        return _finished(claim, tally, now, reason=EXPIRED)
    waiting = _waiting(claim, tally, now, until, failure)
    return evolve(waiting, counts=not _nothing_was_tried(attempted), crashed=attempted.crashed)


def _nothing_was_tried(attempted: Attempted) -> bool:
    """Tell whether the provider was only asked to be spared: that makes no wait longer."""
    outcome = attempted.outcome
    outcomes = outcome.outcomes.values() if isinstance(outcome, PerRecipient) else (outcome,)
    return all(
        isinstance(single, Deferred) and single.failure.retry is Retry.THROTTLED
        for single in outcomes
    )


def _policy(attempted: Attempted, deferred: Sequence[Deferred]) -> RetryPolicy:
    is_named = all(outcome.retry_after is not None for outcome in deferred)
    if is_named and _nothing_was_tried(attempted):
        return NAMED_WAITS
    return policy_of(attempted.platform)


def _least_wait(deferred: Sequence[Deferred]) -> timedelta | None:
    waits = [wait for wait in (outcome.retry_after for outcome in deferred) if wait is not None]
    if any(outcome.failure.retry is Retry.CONFIGURATION for outcome in deferred):
        waits.append(_CONFIGURATION_WAIT)
    return max(waits, default=None)


def _waiting(  # noqa: PLR0913 - the parts of one settlement
    claim: Claim,
    tally: _Tally,
    now: datetime,
    until: datetime,
    failure: Failure,
    *,
    details: str | None = None,
) -> Settlement:
    # A doubt stays until evidence ends it: a later attempt that failed does not.
    doubt = IN_DOUBT if claim.message.details == IN_DOUBT else None
    is_open = doubt is not None and tally.outcome is not OutcomeKind.UNKNOWN
    return Settlement(
        lease=claim.lease,
        at=now,
        status=move(claim.message.status, Status.PROCESSING, Cause.CLAIMED),
        reason=failure.description or None,
        details=details or doubt,
        failure=tally.failure or failure,
        parts=tuple(tally.parts),
        next_due_at=until,
        accepted=tuple(tally.accepted),
        refused=tuple(tally.refused),
        attempt=tally.attempt,
        outcome=tally.outcome,
        resolved=None if is_open else tally.resolved,
        handed_over=tally.handed_over,
    )


def _finished(
    claim: Claim, tally: _Tally, now: datetime, *, reason: str | None = None
) -> Settlement:
    failure, current = tally.failure, claim.message.status
    details = PARTLY_REFUSED if tally.accepted and failure else None
    ended = Cause.EXPIRED if reason == EXPIRED else Cause.FAILED
    status = (
        move(current, Status.SENT, Cause.HANDED_OVER)
        if tally.accepted
        else move(current, Status.SENDING_FAILED, ended)
    )
    return Settlement(
        lease=claim.lease,
        at=now,
        status=status,
        reason=reason or (failure.description or None if failure else None),
        details=details,
        failure=failure,
        parts=tuple(tally.parts),
        accepted=tuple(tally.accepted),
        refused=tuple(tally.refused),
        attempt=tally.attempt,
        outcome=tally.outcome,
        resolved=tally.resolved,
        handed_over=tally.handed_over,
    )
