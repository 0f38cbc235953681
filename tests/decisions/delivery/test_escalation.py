"""What becomes of a message when its fallback takes over, and of the fallback."""

from datetime import timedelta

import pytest

from messaging_core.decisions.delivery.escalation import (
    goes_at_once,
    overtaken,
    reason_to_stop,
    waiting_turn,
)
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.messages.message import Status
from messaging_core.models.policy.send_rules import Course
from messaging_core.testing import a_failure, a_message
from messaging_core.testing.builders import a_delivery
from messaging_core.testing.clock import MONDAY_MORNING as NOW

SENDS = {Status.ACCEPTED, Status.SCHEDULED, Status.PROCESSING, Status.SENT}


@pytest.mark.parametrize("status", Status)
def test_a_fallback_goes_at_once_is_stopped_or_waits(status: Status) -> None:
    first = a_message(status=status)

    reason = reason_to_stop(first)

    stops = {
        Status.DELIVERED: "escalation.delivered",
        Status.REJECTED: "escalation.stopped",
        Status.SKIPPED: "escalation.stopped",
        Status.DELETED: "escalation.stopped",
    }
    assert (reason.code if reason else None) == stops.get(status)
    assert goes_at_once(first) is (status not in SENDS and status not in stops)


def test_a_frequency_cap_is_not_evaded_by_a_fallback() -> None:
    capped = a_message(
        status=Status.SENDING_FAILED, failure=a_failure(FailureCode.FREQUENCY_CAPPED)
    )

    reason = reason_to_stop(capped)

    assert reason is not None
    assert reason.code == "escalation.stopped"


@pytest.mark.parametrize(
    ("current", "details", "accepted", "status", "code"),
    [
        (Status.ACCEPTED, None, (), Status.SENDING_FAILED, FailureCode.EXPIRED),
        (Status.SCHEDULED, None, (), Status.SENDING_FAILED, FailureCode.EXPIRED),
        (Status.PROCESSING, None, (), Status.SENDING_FAILED, FailureCode.EXPIRED),
        (Status.PROCESSING, "in_doubt", (), Status.SENDING_FAILED, FailureCode.IN_DOUBT),
        (Status.PROCESSING, None, ("token-1",), Status.SENT, None),
        (Status.SCHEDULED, None, ("token-1",), Status.SENT, None),
    ],
)
def test_a_message_that_waited_ends(
    current: Status,
    details: str | None,
    accepted: tuple[str, ...],
    status: Status,
    code: FailureCode | None,
) -> None:
    first = a_message(status=current, details=details)

    ended = overtaken(first, a_delivery(accepted=accepted), NOW)

    assert ended.status is status
    assert (ended.failure.code if ended.failure else None) == code


def test_a_fallback_asks_again_before_its_validity_ends() -> None:
    soon, late = NOW + timedelta(seconds=10), NOW + timedelta(hours=1)

    turns = [waiting_turn(a_message(), NOW, at) for at in (soon, late)]

    assert [turn.due_at for turn in turns] == [soon, NOW + timedelta(seconds=30)]
    assert {turn.course for turn in turns} == {Course.HOLD}
