"""What the report of a notification says about one message."""

from typing import Any

import pytest

from messaging_core.decisions.acceptance.notification_outcome import error_of, outcome_of
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.message import Status
from messaging_core.models.messages.notification import NotificationFailure, NotificationSkip
from messaging_core.testing import a_failure, a_message


@pytest.mark.parametrize(
    "status", [Status.ACCEPTED, Status.SCHEDULED, Status.PROCESSING, Status.SENT, Status.DELIVERED]
)
def test_a_message_that_goes_is_not_reported(status: Status) -> None:
    assert outcome_of(a_message(status=status), "ada", "email") is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": Status.SKIPPED, "details": "holdout.skipped"}, "holdout.skipped"),
        ({"status": Status.REJECTED, "details": "frequency.capped"}, "frequency.capped"),
        ({"status": Status.SKIPPED}, "receivers.nobody_left"),
        ({"status": Status.DELETED, "details": "x"}, "cancelled"),
    ],
)
def test_a_message_that_is_kept_back_is_skipped(fields: dict[str, Any], reason: str) -> None:
    outcome = outcome_of(a_message(**fields), "ada", "email")

    assert isinstance(outcome, NotificationSkip)
    assert (outcome.user_id, outcome.channel, outcome.reason) == ("ada", "email", reason)


@pytest.mark.parametrize("status", [Status.SENDING_FAILED, Status.DELIVERY_FAILED])
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"failure": a_failure(15001, description="busy")}, "15001: busy"),
        ({"failure": a_failure(15001, description="")}, "15001"),
        ({"reason": "lost"}, "lost"),
        ({}, "it could not be sent"),
    ],
)
def test_a_message_that_failed_says_why(status: Status, fields: dict[str, Any], error: str) -> None:
    outcome = outcome_of(a_message(status=status, **fields), "ada", "email")

    assert isinstance(outcome, NotificationFailure)
    assert outcome.error == error


def test_an_error_names_the_first_violation_and_no_address() -> None:
    receiver = Violation("/receiver", "receiver.invalid", "ada@ is no address")
    content = Violation("/body", "text.empty", "write some")

    assert error_of([receiver, content]) == "receiver.invalid: nothing can be sent to the address"
    assert error_of([content, receiver]) == "text.empty: write some"
