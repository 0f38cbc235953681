"""How a message shows what the send rules decided."""

from datetime import timedelta

import pytest

from messaging_core.decisions.delivery.policy_outcomes import (
    blocked,
    decisive,
    deferred,
    excluding,
    failure_of,
    withheld,
)
from messaging_core.decisions.delivery.settlement import IN_DOUBT
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.delivery.delivery import Claim, Resolution
from messaging_core.models.messages.message import Status
from messaging_core.models.policy.plan import Reason
from messaging_core.models.policy.reasons import ReasonCode
from messaging_core.models.policy.send_rules import Course, Ruling
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import a_claim, a_delivery, a_message

HOUR = timedelta(hours=1)
A, B, C = "a@x.example", "b@x.example", "c@x.example"
OTHER = Reason(code="schedule.later", message="it was asked for")


def ruled(course: Course, code: str, **fields: object) -> Ruling:
    reason = Reason(code=code, message=f"because of {code}")
    return Ruling(course=course, reasons=(OTHER, reason), **fields)  # type: ignore[arg-type]


HOLD = ruled(Course.HOLD, ReasonCode.QUIET_HOURS_HOLD, due_at=NOW + HOUR)
SKIP = ruled(Course.SKIP, ReasonCode.SUPPRESSED_MARKETING)
REJECT = ruled(Course.REJECT, ReasonCode.FREQUENCY_CAPPED)
UNEXPLAINED = Ruling(course=Course.SKIP)


def a_mail(details: str | None = None, **delivery: object) -> Claim:
    message = a_message(to=[A, B, C], status=Status.PROCESSING, details=details)
    return a_claim(message, **delivery)


@pytest.mark.parametrize(
    ("ruling", "code"),
    [
        (HOLD, "quiet_hours.hold"),
        (SKIP, ReasonCode.SUPPRESSED_MARKETING),
        (REJECT, ReasonCode.FREQUENCY_CAPPED),
        (UNEXPLAINED, None),
        (ruled(Course.SEND, ReasonCode.FREQUENCY_CAPPED), None),
        (ruled(Course.HOLD, ReasonCode.FREQUENCY_CAPPED), None),
    ],
)
def test_the_reason_of_the_course_is_the_one_that_decided(ruling: Ruling, code: str | None) -> None:
    reason = decisive(ruling)

    assert (reason.code if reason else None) == code


def test_only_a_rejection_is_a_failure() -> None:
    failure = failure_of(REJECT)

    assert failure is not None
    assert failure.code == FailureCode.FREQUENCY_CAPPED
    assert failure_of(SKIP) is None
    assert failure_of(Ruling(course=Course.REJECT)) is None


def test_a_held_message_is_scheduled_for_the_time_of_the_ruling() -> None:
    message, delivery = withheld(a_message(), a_delivery(NOW), HOLD)

    assert (message.status, message.details) == (Status.SCHEDULED, "quiet_hours.hold")
    assert message.reason == "because of quiet_hours.hold"
    assert delivery is not None
    assert delivery.due_at == NOW + HOUR


def test_a_message_held_without_a_time_keeps_its_own() -> None:
    _, delivery = withheld(a_message(), a_delivery(NOW), Ruling(course=Course.HOLD))

    assert delivery is not None
    assert delivery.due_at == NOW


@pytest.mark.parametrize(
    ("ruling", "status", "details"),
    [
        (SKIP, Status.SKIPPED, ReasonCode.SUPPRESSED_MARKETING),
        (UNEXPLAINED, Status.SKIPPED, None),
        (REJECT, Status.REJECTED, ReasonCode.FREQUENCY_CAPPED),
    ],
)
def test_a_message_that_does_not_go_has_no_delivery(
    ruling: Ruling, status: Status, details: str | None
) -> None:
    message, delivery = withheld(a_message(), a_delivery(NOW), ruling)

    assert (message.status, message.details, delivery) == (status, details, None)
    assert message.failure == failure_of(ruling)


def test_receivers_who_must_not_get_it_are_refused_and_the_others_not() -> None:
    message, delivery = a_message(to=[A, B, C]), a_delivery(NOW)

    _, some = withheld(message, delivery, Ruling(course=Course.SEND, excluded=frozenset({2, 0})))
    _, everyone = withheld(message, delivery, Ruling(course=Course.SEND))

    assert some is not None
    assert some.refused == (A, C)
    assert everyone == delivery


def test_a_claim_is_held_until_the_ruling_lets_it_go() -> None:
    settlement = deferred(a_mail(), NOW, HOLD)

    assert (settlement.status, settlement.next_due_at) == (Status.SCHEDULED, NOW + HOUR)
    assert (settlement.details, settlement.reasons) == ("quiet_hours.hold", HOLD.reasons)
    assert settlement.reason == "because of quiet_hours.hold"
    assert not settlement.counts


def test_a_claim_held_without_time_and_reason_is_due_at_once() -> None:
    settlement = deferred(a_mail(), NOW, Ruling(course=Course.HOLD))

    assert (settlement.next_due_at, settlement.reason, settlement.details) == (NOW, None, None)


def test_a_doubt_stays_a_doubt_when_it_is_held() -> None:
    settlement = deferred(a_mail(IN_DOUBT), NOW, HOLD)

    assert (settlement.status, settlement.details) == (Status.PROCESSING, IN_DOUBT)


@pytest.mark.parametrize(
    ("ruling", "accepted", "status", "details"),
    [
        (SKIP, (), Status.SKIPPED, ReasonCode.SUPPRESSED_MARKETING),
        (SKIP, (A,), Status.SENT, ReasonCode.SUPPRESSED_MARKETING),
        (UNEXPLAINED, (), Status.SKIPPED, None),
        (REJECT, (), Status.SENDING_FAILED, None),
    ],
)
def test_a_claim_that_the_rules_bar_is_over(
    ruling: Ruling, accepted: tuple[str, ...], status: Status, details: str | None
) -> None:
    settlement = blocked(a_mail(accepted=accepted), NOW, ruling)

    assert (settlement.status, settlement.details) == (status, details)
    assert (settlement.failure, settlement.next_due_at) == (failure_of(ruling), None)
    assert (settlement.accepted, settlement.reasons) == (accepted, ruling.reasons)


def test_a_doubt_that_the_rules_bar_is_given_up() -> None:
    settlement = blocked(a_mail(IN_DOUBT), NOW, SKIP)

    assert (settlement.status, settlement.reason) == (Status.SENDING_FAILED, IN_DOUBT)
    assert settlement.resolved is Resolution.FAILED


def test_receivers_are_left_out_by_their_place_among_those_still_to_be_served() -> None:
    claim = a_mail(accepted=(A,))

    assert excluding(claim, {1}).delivery.refused == (C,)
    assert excluding(claim, {1, 0}).delivery.refused == (B, C)
    assert excluding(claim, ()) == claim
