from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.rules.policy.validity import (
    DEFAULT_VALIDITY,
    VALIDITY_LIMIT,
    check_validity,
    expires_at,
    validity_of,
)

NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONGEST = 63 * 7 * 86_400


@pytest.mark.parametrize("seconds", [None, 0, 1, 129_600, LONGEST])
def test_a_whole_number_of_seconds_is_a_validity(seconds: int | None) -> None:
    assert check_validity(seconds) == []


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (-1, "validity.negative"),
        (LONGEST + 1, "validity.too_long"),
        (10**400, "validity.too_long"),
        (True, "validity.not_an_integer"),
        (60.0, "validity.not_an_integer"),
        ("60", "validity.not_an_integer"),
    ],
)
def test_anything_else_is_refused_with_its_reason(seconds: object, code: str) -> None:
    (violation,) = check_validity(seconds)

    assert (violation.path, violation.code) == ("/validity", code)


@pytest.mark.parametrize(
    ("seconds", "message_type", "expected"),
    [
        (None, "promotional", timedelta(hours=36)),
        (None, "conversational", timedelta(hours=36)),
        (None, "transactional", timedelta(hours=36)),
        (None, "2fa", timedelta(minutes=10)),
        (1, "promotional", timedelta(seconds=1)),
        (3600, "2fa", HOUR),
        (0, "promotional", timedelta(hours=36)),
        (0, "2fa", timedelta(minutes=10)),
        (-5, "promotional", timedelta(hours=36)),
        (10**400, "promotional", VALIDITY_LIMIT),
    ],
)
def test_validity_is_what_was_asked_or_the_default_of_the_message_type(
    seconds: int | None, message_type: str, expected: timedelta
) -> None:
    assert validity_of(seconds, message_type) == expected


@pytest.mark.parametrize(
    ("scheduled_for", "expected"),
    [
        (None, NOON + HOUR),
        (NOON - HOUR, NOON + HOUR),
        (NOON, NOON + HOUR),
        (NOON + HOUR, NOON + 2 * HOUR),
    ],
)
def test_validity_runs_from_the_later_of_acceptance_and_schedule(
    scheduled_for: datetime | None, expected: datetime
) -> None:
    assert expires_at(NOON, scheduled_for, HOUR) == expected


def test_expiry_is_utc_whatever_the_schedule_was_given_in() -> None:
    scheduled = datetime(2025, 2, 1, 12, tzinfo=timezone(timedelta(hours=5)))

    assert expires_at(NOON, scheduled, HOUR).tzinfo is UTC


def test_expiry_saturates_at_the_end_of_time() -> None:
    end = datetime.max.replace(tzinfo=UTC)

    assert expires_at(end, None, DEFAULT_VALIDITY) == end
    assert expires_at(end.replace(tzinfo=timezone(-HOUR)), None, HOUR) == end


@given(
    accepted_at=st.datetimes(timezones=st.just(UTC)),
    scheduled_for=st.none() | st.datetimes(timezones=st.just(UTC)),
    seconds=st.none() | st.integers(),
    message_type=st.sampled_from(["promotional", "2fa"]),
)
def test_no_message_expires_before_it_is_due(
    accepted_at: datetime, scheduled_for: datetime | None, seconds: int | None, message_type: str
) -> None:
    expiry = expires_at(accepted_at, scheduled_for, validity_of(seconds, message_type))

    assert expiry >= accepted_at
    assert scheduled_for is None or expiry >= scheduled_for
