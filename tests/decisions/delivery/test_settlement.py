"""What becomes of a message after each kind of attempt."""

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.decisions.delivery.settlement import (
    EXPIRED,
    IN_DOUBT,
    PARTLY_REFUSED,
    Attempted,
    expire,
    postpone,
    release,
    settle,
)
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.delivery import Claim, Settlement
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
from messaging_core.rules.policy.lifecycle import TRANSITIONS
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import a_claim, a_failure, a_message

A, B, C = "a@x.example", "b@x.example", "c@x.example"
BUSY, GONE, LOST = a_failure(), a_failure(FailureCode.UNKNOWN_RECEIVER), a_failure(12005)
SECOND = timedelta(seconds=1)


def a_mail(**delivery: object) -> Claim:
    message = a_message(to=[A, B, C], status=Status.PROCESSING)
    return a_claim(message, **delivery)


def after(
    outcome: Outcome,
    claim: Claim | None = None,
    *,
    addresses: tuple[str, ...] = (A, B, C),
    now: timedelta = SECOND,
    deduplicates: bool = False,
) -> Settlement:
    return settle(
        Attempted(
            claim=claim or a_mail(),
            platform="sms",
            addresses=addresses,
            outcome=outcome,
            now=NOW + now,
            deduplicates=deduplicates,
        )
    )


def test_an_accepted_message_is_sent_with_its_references() -> None:
    settlement = after(Accepted(references=("r-1", "r-2")))

    assert (settlement.status, settlement.next_due_at) == (Status.SENT, None)
    assert settlement.parts == (Part(platform_reference="r-1"), Part(platform_reference="r-2"))
    assert settlement.accepted == (A, B, C)
    assert (settlement.failure, settlement.reason, settlement.details) == (None, None, None)


def test_a_rejected_message_has_failed_for_good() -> None:
    settlement = after(Rejected(failure=GONE))

    assert (settlement.status, settlement.next_due_at) == (Status.SENDING_FAILED, None)
    assert (settlement.failure, settlement.reason) == (GONE, GONE.description)
    assert settlement.refused == (A, B, C)


def test_a_deferred_message_waits_for_another_try() -> None:
    settlement = after(Deferred(failure=BUSY))

    assert settlement.status is Status.PROCESSING
    assert settlement.next_due_at is not None
    assert NOW + SECOND < settlement.next_due_at <= NOW + SECOND + timedelta(seconds=5)
    assert (settlement.failure, settlement.details, settlement.counts) == (BUSY, None, True)


def test_a_deferral_waits_as_long_as_the_provider_asks() -> None:
    settlement = after(Deferred(failure=BUSY, retry_after=timedelta(minutes=30)))

    assert settlement.next_due_at is not None
    assert settlement.next_due_at >= NOW + timedelta(minutes=30)


def test_a_fault_of_the_set_up_waits_for_a_minute_at_least() -> None:
    settlement = after(Deferred(failure=a_failure(retry=Retry.CONFIGURATION)))

    assert settlement.next_due_at is not None
    assert settlement.next_due_at >= NOW + SECOND + timedelta(minutes=1)


def test_a_deferral_past_the_validity_is_the_end() -> None:
    claim = a_mail(expires_at=NOW + timedelta(minutes=1))

    settlement = after(Deferred(failure=BUSY, retry_after=timedelta(minutes=1)), claim)

    assert (settlement.status, settlement.next_due_at) == (Status.SENDING_FAILED, None)
    assert (settlement.reason, settlement.failure) == (EXPIRED, BUSY)


def test_doubt_is_processing_for_a_time_of_grace() -> None:
    settlement = after(Unknown(failure=LOST))

    assert (settlement.status, settlement.details) == (Status.PROCESSING, IN_DOUBT)
    assert settlement.next_due_at == NOW + SECOND + timedelta(seconds=120)
    assert settlement.failure == LOST


def test_doubt_is_short_where_the_provider_recognises_a_message() -> None:
    settlement = after(Unknown(failure=LOST), deduplicates=True)

    assert settlement.next_due_at is not None
    assert settlement.next_due_at < NOW + timedelta(seconds=10)
    assert settlement.details == IN_DOUBT


def test_doubt_does_not_last_longer_than_the_validity() -> None:
    claim = a_mail(expires_at=NOW + timedelta(seconds=30))

    settlement = after(Unknown(failure=LOST), claim)

    assert settlement.next_due_at == NOW + timedelta(seconds=30)


def test_receivers_are_counted_one_by_one() -> None:
    outcomes = {
        A: Accepted(references=("r",)),
        B: Rejected(failure=GONE),
        C: Deferred(failure=BUSY),
    }

    settlement = after(PerRecipient(outcomes=outcomes))

    assert settlement.status is Status.PROCESSING
    assert (settlement.accepted, settlement.refused) == ((A,), (B,))
    assert settlement.parts == (Part(platform_reference="r"),)


def test_a_message_that_some_refused_is_sent_and_says_so() -> None:
    outcomes: dict[str, SingleOutcome] = {A: Accepted(), B: Rejected(failure=GONE), C: Accepted()}

    settlement = after(PerRecipient(outcomes=outcomes))

    assert (settlement.status, settlement.details) == (Status.SENT, PARTLY_REFUSED)
    assert (settlement.accepted, settlement.refused, settlement.failure) == ((A, C), (B,), GONE)


def test_what_was_reached_before_is_kept() -> None:
    claim = a_mail(accepted=(A,), refused=(B,), attempts=2)
    claim = evolve(claim, message=evolve(claim.message, parts=(Part(platform_reference="r-1"),)))

    settlement = after(Accepted(references=("r-2",)), claim, addresses=(C,))

    assert (settlement.accepted, settlement.refused) == ((A, C), (B,))
    assert [part.platform_reference for part in settlement.parts] == ["r-1", "r-2"]


def test_a_receiver_without_an_answer_is_in_doubt() -> None:
    settlement = after(PerRecipient(outcomes={A: Accepted(), B: Accepted()}))

    assert (settlement.status, settlement.details) == (Status.PROCESSING, IN_DOUBT)
    assert settlement.accepted == (A, B)


def test_an_answer_for_several_gives_its_references_once() -> None:
    shared = Accepted(references=("r",))

    settlement = after(PerRecipient(outcomes={A: shared, B: shared, C: shared}))

    assert settlement.parts == (Part(platform_reference="r"),)


def test_a_message_that_nobody_got_in_time_has_expired() -> None:
    settlement = expire(a_mail(), NOW)

    assert (settlement.status, settlement.reason) == (Status.SENDING_FAILED, EXPIRED)
    assert settlement.failure is not None
    assert settlement.failure.code == FailureCode.EXPIRED


def test_a_message_that_some_got_in_time_is_sent() -> None:
    settlement = expire(a_mail(accepted=(A,)), NOW)

    assert (settlement.status, settlement.details) == (Status.SENT, PARTLY_REFUSED)
    assert settlement.accepted == (A,)


def test_a_message_in_doubt_that_expires_stays_unproven() -> None:
    claim = a_mail()
    claim = evolve(claim, message=evolve(claim.message, details=IN_DOUBT))

    settlement = expire(claim, NOW)

    assert (settlement.status, settlement.reason) == (Status.SENDING_FAILED, IN_DOUBT)
    assert settlement.failure is not None
    assert settlement.failure.code == FailureCode.IN_DOUBT


def test_what_is_given_back_is_due_at_once_and_as_it_was() -> None:
    claim = a_mail(accepted=(A,), refused=(B,))
    claim = evolve(claim, message=evolve(claim.message, details=IN_DOUBT, failure=LOST, reason="x"))

    settlement = release(claim, NOW)

    assert (settlement.next_due_at, settlement.counts) == (NOW, False)
    assert (settlement.details, settlement.failure, settlement.reason) == (IN_DOUBT, LOST, "x")
    assert (settlement.accepted, settlement.refused) == ((A,), (B,))


def test_what_is_postponed_does_not_count_an_attempt() -> None:
    settlement = postpone(a_mail(), NOW, NOW + SECOND, BUSY)

    assert (settlement.counts, settlement.failure) == (False, BUSY)
    assert settlement.next_due_at == NOW + SECOND


singles = st.sampled_from(
    [
        Accepted(references=("r",)),
        Accepted(),
        Rejected(failure=GONE),
        Deferred(failure=BUSY),
        Deferred(failure=BUSY, retry_after=timedelta(hours=2)),
        Deferred(failure=BUSY, retry_after=timedelta.max),
        Deferred(failure=BUSY, retry_after=-SECOND),
        Unknown(failure=LOST),
    ]
)
outcomes_of_all = singles | st.dictionaries(st.sampled_from([A, B, C]), singles).map(
    lambda outcomes: PerRecipient(outcomes=outcomes)
)


@given(
    outcome=outcomes_of_all,
    served=st.sampled_from([(), (A,), (A, B)]),
    attempts=st.integers(1, 100),
    now=st.timedeltas(timedelta(0), timedelta(days=3)),
    valid_for=st.timedeltas(timedelta(0), timedelta(days=3)),
    deduplicates=st.booleans(),
)
def test_every_attempt_ends_lawfully(  # noqa: PLR0913, PLR0917 - every fact of the decision
    outcome: Outcome,
    served: tuple[str, ...],
    attempts: int,
    now: timedelta,
    valid_for: timedelta,
    deduplicates: bool,  # noqa: FBT001 - one of the facts
) -> None:
    claim = a_mail(accepted=served, attempts=attempts, expires_at=NOW + valid_for)
    addresses = tuple(one for one in (A, B, C) if one not in served)

    settlement = after(outcome, claim, addresses=addresses, now=now, deduplicates=deduplicates)

    assert settlement.lease == claim.lease
    assert (settlement.next_due_at is None) == (settlement.status is not Status.PROCESSING)
    if settlement.next_due_at is None:
        assert settlement.status in TRANSITIONS[Status.PROCESSING]
        assert (settlement.status is Status.SENT) == bool(settlement.accepted)
    else:
        assert NOW + now <= settlement.next_due_at <= max(NOW + now, NOW + valid_for)
    assert set(served) <= set(settlement.accepted)
    assert set(settlement.accepted).isdisjoint(settlement.refused)
    assert settlement.counts


@pytest.mark.parametrize("status", [Status.SENT, Status.SENDING_FAILED])
def test_a_settlement_after_an_end_has_no_next_time(status: Status) -> None:
    outcome = Accepted() if status is Status.SENT else Rejected(failure=GONE)

    settlement = after(outcome)

    assert (settlement.status, settlement.next_due_at) == (status, None)
