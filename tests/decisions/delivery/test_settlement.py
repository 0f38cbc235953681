"""What becomes of a message after each kind of attempt."""

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.decisions.delivery.attempt import Attempted, settle
from messaging_core.decisions.delivery.settlement import (
    EXPIRED,
    IN_DOUBT,
    PARTLY_REFUSED,
    already_delivered,
    expire,
    may_have_gone,
    pending_addresses,
    postpone,
    proved,
    release,
    with_evidence,
)
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
from messaging_core.rules.policy.lifecycle import TRANSITIONS
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import a_claim, a_delivery, a_failure, a_message

A, B, C = "a@x.example", "b@x.example", "c@x.example"
BUSY, GONE, LOST = a_failure(), a_failure(FailureCode.UNKNOWN_RECEIVER), a_failure(12005)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


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


def test_a_message_that_no_receiver_got_in_time_has_expired() -> None:
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
    addresses = tuple(address for address in (A, B, C) if address not in served)

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


DOUBTED = a_failure(FailureCode.IN_DOUBT)
THROTTLED = a_failure(retry=Retry.THROTTLED)


def a_doubted_mail(**delivery: object) -> Claim:
    message = a_message(to=[A, B, C], status=Status.PROCESSING, details=IN_DOUBT)
    return a_claim(message, **delivery)


@pytest.mark.parametrize(
    ("outcome", "deduplicates", "resolved"),
    [
        (Accepted(), False, Resolution.RESENT),
        (Accepted(), True, Resolution.DEDUPLICATED),
        (Rejected(failure=GONE), False, Resolution.RESENT),
        # The doubt stays open while nothing is known that ends it.
        (Deferred(failure=BUSY), False, None),
        (Unknown(failure=LOST), False, Resolution.RESENT),
    ],
)
def test_a_doubt_ends_by_how_it_was_sent_again(
    outcome: Outcome, resolved: Resolution | None, *, deduplicates: bool
) -> None:
    settlement = after(outcome, a_doubted_mail(), deduplicates=deduplicates)

    assert settlement.resolved is resolved


@pytest.mark.parametrize("outcome", [Accepted(), Unknown(failure=LOST), Deferred(failure=BUSY)])
def test_without_a_doubt_none_ends(outcome: Outcome) -> None:
    assert after(outcome).resolved is None


def test_a_later_failure_does_not_end_a_doubt() -> None:
    settlement = after(Deferred(failure=BUSY), a_doubted_mail())

    assert (settlement.details, settlement.outcome) == (IN_DOUBT, OutcomeKind.DEFERRED)


def given_up(outcomes: dict[str, SingleOutcome]) -> Settlement:
    return settle(
        Attempted(
            claim=a_mail(),
            platform="sms",
            addresses=(A, B, C),
            outcome=PerRecipient(outcomes=outcomes),
            now=NOW,
            gives_up_doubt=True,
        )
    )


def test_whom_nothing_is_known_of_is_given_up_and_the_others_are_tried_again() -> None:
    settlement = given_up({A: Deferred(failure=BUSY), B: Unknown(failure=LOST)})

    assert settlement.refused == (B, C)
    assert settlement.failure is not None
    assert settlement.failure.code == FailureCode.IN_DOUBT
    assert settlement.failure.description == LOST.description
    assert (settlement.status, settlement.resolved) == (Status.PROCESSING, Resolution.FAILED)


def test_doubts_of_all_are_waited_for() -> None:
    settlement = given_up(dict.fromkeys((A, B, C), Unknown(failure=LOST)))

    assert (settlement.refused, settlement.details) == ((), IN_DOUBT)


@pytest.mark.parametrize(
    ("failure", "retry_after", "earliest", "latest"),
    [
        # A limit that names its wait adds little to it; a fault of the provider backs off.
        (THROTTLED, SECOND, SECOND, 5 * SECOND),
        (THROTTLED, None, 2 * 64 * SECOND, 3600 * SECOND),
        (BUSY, SECOND, 2 * 64 * SECOND, 3600 * SECOND),
    ],
)
def test_only_a_limit_that_names_its_wait_does_not_back_off(
    failure: Failure, retry_after: timedelta | None, earliest: timedelta, latest: timedelta
) -> None:
    claim = a_mail(attempts=8)

    settlement = after(Deferred(failure=failure, retry_after=retry_after), claim)

    assert settlement.next_due_at is not None
    assert NOW + SECOND + earliest <= settlement.next_due_at <= NOW + SECOND + latest


@pytest.mark.parametrize(("failure", "counts"), [(THROTTLED, False), (BUSY, True)])
def test_an_attempt_counts_unless_the_provider_only_asked_to_be_spared(
    failure: Failure, *, counts: bool
) -> None:
    assert after(Deferred(failure=failure)).counts is counts


def test_a_failure_that_says_nothing_gives_no_reason() -> None:
    silent = a_failure(description="")

    assert after(Deferred(failure=silent)).reason is None
    assert after(Rejected(failure=silent)).reason is None
    assert after(Deferred(failure=BUSY)).reason == BUSY.description


def test_a_refusal_of_an_earlier_attempt_stays_the_failure() -> None:
    message = a_message(to=[A, B, C], status=Status.PROCESSING, failure=GONE)

    refused = after(Accepted(), a_claim(message, refused=(C,)), addresses=(A, B))
    tried = after(Accepted(), a_claim(message))

    assert (refused.failure, refused.details) == (GONE, PARTLY_REFUSED)
    assert (tried.failure, tried.details) == (None, None)


def test_putting_a_message_off_is_no_attempt() -> None:
    settlement = postpone(a_mail(), NOW, NOW + SECOND, None)

    assert (settlement.counts, settlement.crashed, settlement.attempt) == (False, False, None)


@pytest.mark.parametrize(
    ("refused", "details"), [((), None), ((C,), PARTLY_REFUSED)], ids=["all", "some"]
)
def test_a_proof_between_attempts_makes_a_message_sent(
    refused: tuple[str, ...], details: str | None
) -> None:
    message = a_message(to=[A, B, C], failure=GONE, reason="gone", status=Status.SCHEDULED)

    sent = proved(message, a_delivery(refused=refused), NOW + SECOND)

    assert (sent.status, sent.details, sent.updated_at) == (Status.SENT, details, NOW + SECOND)
    assert (sent.failure, sent.reason) == ((GONE, "gone") if refused else (None, None))


def test_a_proof_for_all_receivers_ends_a_message_and_its_doubt() -> None:
    doubted = already_delivered(with_evidence(a_doubted_mail(), {A, B, C}))
    sure = already_delivered(with_evidence(a_mail(accepted=(B,)), {A, C}))

    assert (doubted.status, doubted.resolved) == (Status.SENT, Resolution.REPORTED)
    assert (sure.accepted, sure.resolved) == ((B, A, C), None)


def test_those_are_left_who_were_neither_served_nor_refused() -> None:
    message = a_message(to=[A, B, C])

    assert pending_addresses(message, a_delivery(accepted=(A,), refused=(C,))) == {B}
    assert pending_addresses(message, a_delivery()) == {A, B, C}


@pytest.mark.parametrize(
    ("message", "accepted", "expected"),
    [
        ({}, (), False),
        ({"failure": BUSY}, (), False),
        ({"failure": DOUBTED}, (), True),
        ({"details": IN_DOUBT}, (), True),
        ({}, (A,), True),
    ],
)
def test_a_message_may_have_gone_by_a_doubt_or_an_acceptance(
    message: dict[str, object], accepted: tuple[str, ...], *, expected: bool
) -> None:
    shown = a_message(to=[A, B], **message)

    assert may_have_gone(shown, a_delivery(accepted=accepted)) is expected
    assert may_have_gone(shown, None) is (expected and not accepted)


def test_an_attempt_is_ordinary_unless_it_says_otherwise() -> None:
    """It neither crashed nor went beyond the point of no return, and its doubt is waited for."""
    doubt = {A: Deferred(failure=BUSY), B: Unknown(failure=LOST)}
    ordinary = Attempted(
        claim=a_doubted_mail(),
        platform="sms",
        addresses=(A, B),
        outcome=PerRecipient(outcomes=doubt),
        now=NOW,
    )

    settlement = settle(ordinary)

    assert (settlement.crashed, settlement.handed_over, settlement.refused) == (False, False, ())
    assert (settlement.details, settlement.next_due_at) == (
        IN_DOUBT,
        NOW + ordinary.in_doubt_timeout,
    )
    sent_again = settle(evolve(ordinary, outcome=Accepted()))
    assert sent_again.resolved is Resolution.RESENT
    crashed = settle(evolve(ordinary, crashed=True, handed_over=True))
    assert (crashed.crashed, crashed.handed_over) == (True, True)


def test_a_message_that_was_not_tried_passed_no_point_of_no_return() -> None:
    assert not already_delivered(with_evidence(a_mail(), {A})).handed_over


def test_a_set_up_that_is_wrong_waits_for_one_minute() -> None:
    settlement = after(
        Deferred(failure=a_failure(retry=Retry.CONFIGURATION)), a_mail(attempts=1), now=0 * SECOND
    )

    assert settlement.next_due_at is not None
    assert MINUTE <= settlement.next_due_at - NOW <= MINUTE * 1.1
