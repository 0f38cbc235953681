"""What becomes of a message after an attempt."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import evolve

from messaging_core.decisions.delivery.retrying import NAMED_WAITS, RetryPolicy, next_try, policy_of
from messaging_core.decisions.delivery.settlement import (
    EXPIRED,
    IN_DOUBT,
    UNPROVEN,
    finish,
    so_far,
)
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import IN_DOUBT_TIMEOUT
from messaging_core.models.common.failure import Failure, FailureCode, Retry
from messaging_core.models.delivery.delivery import Claim, OutcomeKind, Resolution, Settlement
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    SingleOutcome,
    Unknown,
)
from messaging_core.models.messages.message import Part, Status
from messaging_core.rules.policy.lifecycle import Cause, move

_CONFIGURATION_WAIT = timedelta(minutes=1)
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


Answers = Sequence[tuple[str, SingleOutcome]]
"""Each receiver of an attempt with what the transport answered for it."""


def settle(attempted: Attempted) -> Settlement:
    """Decide what becomes of a message: it is over, or it is tried again at a certain time."""
    outcome, delivery = attempted.outcome, attempted.claim.delivery
    if isinstance(outcome, Accepted) and attempted.addresses and not delivery.refused:
        return _accepted(attempted, outcome)
    answers = _answers(attempted)
    unknown = [answer for _, answer in answers if isinstance(answer, Unknown)]
    deferred = [answer for _, answer in answers if isinstance(answer, Deferred)]
    gives_up = bool(unknown and deferred and attempted.gives_up_doubt)
    settlement = _with_answers(attempted, answers, is_open=bool(unknown) and not gives_up)
    if gives_up:
        settlement, unknown = _without_doubtful(settlement, answers, unknown[0]), []
    if unknown:
        return _doubtful(attempted, settlement, unknown[0])
    if deferred:
        return _postponed(attempted, settlement, deferred)
    return finish(settlement)


def _accepted(attempted: Attempted, outcome: Accepted) -> Settlement:
    """End a message that a provider took for all who were left.

    Nearly every message ends so. By the general way, `benchmarks/deliver.py` takes 12 % longer.
    """
    claim, kind = attempted.claim, OutcomeKind.ACCEPTED
    message, delivery = claim.message, claim.delivery
    return Settlement(
        lease=claim.lease,
        at=attempted.now,
        status=move(message.status, Status.SENT, Cause.HANDED_OVER),
        parts=message.parts + _parts(outcome),
        accepted=delivery.accepted + attempted.addresses,
        attempt=delivery.attempts,
        outcome=kind,
        resolved=_resolution(attempted, kind, is_open=False),
        handed_over=attempted.handed_over,
    )


def _answers(attempted: Attempted) -> Answers:
    outcome = attempted.outcome
    if not isinstance(outcome, PerRecipient):
        return [(address, outcome) for address in attempted.addresses]
    return [(address, outcome.outcomes.get(address, _MISSING)) for address in attempted.addresses]


def _with_answers(attempted: Attempted, answers: Answers, *, is_open: bool) -> Settlement:
    """Return how every receiver has fared, this attempt included; its status is still to come."""
    earlier, kind = so_far(attempted.claim, attempted.now), _kind(attempted.outcome)
    named = {id(answer): answer for _, answer in answers if isinstance(answer, Accepted | Rejected)}
    rejected = [answer.failure for _, answer in answers if isinstance(answer, Rejected)]
    return evolve(
        earlier,
        # Several receivers may share one answer, and so its references.
        parts=earlier.parts + sum(map(_parts, named.values()), ()),
        accepted=earlier.accepted + _addresses(answers, Accepted),
        refused=earlier.refused + _addresses(answers, Rejected),
        failure=earlier.failure or next(iter(rejected), None),
        attempt=attempted.claim.delivery.attempts,
        outcome=kind,
        resolved=_resolution(attempted, kind, is_open=is_open),
        handed_over=attempted.handed_over,
        gone=tuple(address for address, answer in answers if _is_gone(answer)),
    )


def _is_gone(answer: SingleOutcome) -> bool:
    return isinstance(answer, Rejected) and answer.failure.code == FailureCode.UNKNOWN_RECEIVER


def _addresses(answers: Answers, cls: type[SingleOutcome]) -> tuple[str, ...]:
    return tuple([address for address, answer in answers if isinstance(answer, cls)])


def _parts(outcome: Accepted | Rejected) -> tuple[Part, ...]:
    return tuple([Part(platform_reference=reference) for reference in outcome.references])


def _kind(outcome: Outcome) -> OutcomeKind:
    """Return the kind of an outcome; of several receivers the least certain."""
    match outcome:
        case PerRecipient(outcomes=outcomes):
            kinds = map(_kind, outcomes.values())
            return max(kinds, key=_UNCERTAINTY.index, default=OutcomeKind.UNKNOWN)
        case Accepted():
            return OutcomeKind.ACCEPTED
        case Rejected():
            return OutcomeKind.REJECTED
        case Deferred():
            return OutcomeKind.DEFERRED
    return OutcomeKind.UNKNOWN


def _resolution(
    attempted: Attempted, kind: OutcomeKind | None, *, is_open: bool
) -> Resolution | None:
    """Return how an earlier doubt has ended, unless one is open: given up, or sent again."""
    if kind is OutcomeKind.UNKNOWN and not is_open:
        return Resolution.FAILED
    if attempted.claim.message.details != IN_DOUBT:
        return None
    return Resolution.DEDUPLICATED if attempted.deduplicates else Resolution.RESENT


def _without_doubtful(settlement: Settlement, answers: Answers, unknown: Unknown) -> Settlement:
    """Give up those in doubt at once, so that the others need not share their fate.

    The failure shows that a receiver may have it, and the message cannot be cancelled.
    """
    return evolve(
        settlement,
        refused=settlement.refused + _addresses(answers, Unknown),
        failure=evolve(UNPROVEN, description=unknown.failure.description),
    )


def _doubtful(attempted: Attempted, settlement: Settlement, unknown: Unknown) -> Settlement:
    """Wait for proof; at once where the provider tells a message it has seen before."""
    delivery, now = attempted.claim.delivery, attempted.now
    wait = attempted.in_doubt_timeout
    if attempted.deduplicates:
        wait = policy_of(attempted.platform).wait(delivery.attempts, attempted.jitter)
    until = min(now + wait, max(now, delivery.expires_at))
    waiting = _waiting(attempted, settlement, until, unknown.failure)
    return evolve(waiting, details=IN_DOUBT)


def _postponed(
    attempted: Attempted, settlement: Settlement, deferred: Sequence[Deferred]
) -> Settlement:
    delivery, failure = attempted.claim.delivery, deferred[0].failure
    until = next_try(
        _policy(attempted, deferred),
        delivery.attempts,
        now=attempted.now,
        expires_at=delivery.expires_at,
        jitter=attempted.jitter,
        retry_after=_least_wait(deferred),
    )
    if until is None:
        return finish(evolve(settlement, failure=settlement.failure or failure), reason=EXPIRED)
    waiting = _waiting(attempted, settlement, until, failure)
    return evolve(waiting, counts=not _nothing_was_tried(attempted))


def _nothing_was_tried(attempted: Attempted) -> bool:
    """Return whether the provider only throttled: that makes the next wait no longer."""
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
    waits = [outcome.retry_after for outcome in deferred if outcome.retry_after is not None]
    if any(outcome.failure.retry is Retry.CONFIGURATION for outcome in deferred):
        waits.append(_CONFIGURATION_WAIT)
    return max(waits, default=None)


def _waiting(
    attempted: Attempted, settlement: Settlement, until: datetime, failure: Failure
) -> Settlement:
    # A doubt stays until evidence ends it: a later attempt that failed does not.
    is_doubted = attempted.claim.message.details == IN_DOUBT
    stays_open = is_doubted and settlement.outcome is not OutcomeKind.UNKNOWN
    return evolve(
        settlement,
        status=move(settlement.status, Status.PROCESSING, Cause.CLAIMED),
        reason=failure.description or None,
        details=IN_DOUBT if is_doubted else None,
        failure=settlement.failure or failure,
        next_due_at=until,
        resolved=None if stays_open else settlement.resolved,
        crashed=attempted.crashed,
    )
