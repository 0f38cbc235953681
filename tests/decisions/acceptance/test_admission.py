"""When an accepted request goes, and until when it may."""

from datetime import timedelta

import pytest

from messaging_core.decisions.acceptance.admission import admit
from messaging_core.models.common.channel import MessageType
from messaging_core.models.policy.plan import Verdict
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import a_channel, a_request

MILLISECOND = timedelta(milliseconds=1)
NEAR, FAR = timedelta(minutes=10), timedelta(days=35)


def test_a_request_without_a_time_goes_now() -> None:
    admission = admit(a_request(), a_channel(), NOW)

    assert (admission.verdict, admission.due_at) == (Verdict.ACCEPTED, NOW)
    assert admission.expires_at == NOW + timedelta(hours=36)
    assert (admission.violations, admission.reasons) == ((), ())


@pytest.mark.parametrize("ahead", [-FAR, -MILLISECOND, timedelta(0), NEAR - MILLISECOND])
def test_a_time_that_is_past_or_near_means_now(ahead: timedelta) -> None:
    admission = admit(a_request(scheduled_for=NOW + ahead), a_channel(), NOW)

    assert (admission.verdict, admission.due_at) == (Verdict.ACCEPTED, NOW)
    assert [reason.code for reason in admission.reasons] == ["schedule.now"]


@pytest.mark.parametrize("ahead", [NEAR, NEAR + MILLISECOND, FAR])
def test_a_time_that_is_later_is_waited_for_and_the_validity_runs_from_there(
    ahead: timedelta,
) -> None:
    admission = admit(a_request(scheduled_for=NOW + ahead, validity=60), a_channel(), NOW)

    assert (admission.verdict, admission.due_at) == (Verdict.SCHEDULED, NOW + ahead)
    assert admission.expires_at == NOW + ahead + timedelta(seconds=60)
    assert [reason.code for reason in admission.reasons] == ["schedule.later"]


def test_a_time_too_far_ahead_is_a_violation() -> None:
    admission = admit(a_request(scheduled_for=NOW + FAR + MILLISECOND), a_channel(), NOW)

    assert admission.verdict is Verdict.INVALID
    assert [violation.code for violation in admission.violations] == ["schedule.too_far"]
    assert (admission.due_at, admission.expires_at) == (None, None)


def test_the_validity_runs_from_a_near_time_too() -> None:
    admission = admit(a_request(scheduled_for=NOW + NEAR - MILLISECOND), a_channel(), NOW)

    assert admission.expires_at == NOW + NEAR - MILLISECOND + timedelta(hours=36)


def test_a_code_for_logging_in_is_valid_for_ten_minutes() -> None:
    channel = a_channel(message_type=MessageType.TWO_FACTOR)

    assert admit(a_request(), channel, NOW).expires_at == NOW + timedelta(minutes=10)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    request = a_request(
        "", to="0612", tags=("!",), scheduled_for=NOW + 2 * FAR, validity=-1, reference="a\nb"
    )

    admission = admit(request, a_channel(active=False), NOW)

    paths = {violation.path for violation in admission.violations}
    assert {"", "/reference", "/tags/0", "/scheduledFor", "/validity"} <= paths
    assert any(path.startswith("/receiver/contacts/0") for path in paths)
    assert any(path.startswith("/body") for path in paths)
