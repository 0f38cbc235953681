"""Waits grow, are spread, honour the provider and never pass the expiry."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.decisions.retrying import (
    EMAIL_RETRIES,
    OTHER_RETRIES,
    RetryPolicy,
    next_try,
    policy_of,
)
from messaging_core.testing import MONDAY_MORNING as NOW

policies = st.sampled_from([EMAIL_RETRIES, OTHER_RETRIES])
chances = st.floats(0, 1, exclude_max=True)
attempts = st.integers(1, 10_000)
DAY = timedelta(days=1)


@given(policy=policies, attempts=attempts, chance=chances)
def test_no_wait_is_longer_than_the_cap(policy: RetryPolicy, attempts: int, chance: float) -> None:
    assert timedelta(0) <= policy.wait(attempts, chance) <= policy.cap


def test_the_longest_wait_doubles_until_the_cap() -> None:
    policy = RetryPolicy(base=timedelta(seconds=5), cap=timedelta(seconds=60))

    waits = [policy.wait(attempt, 0.5).total_seconds() for attempt in range(1, 7)]

    assert waits == [2.5, 5, 10, 20, 30, 30]


def test_mail_servers_are_given_more_time() -> None:
    assert policy_of("email") is EMAIL_RETRIES
    assert policy_of("sms") is policy_of("pigeon") is OTHER_RETRIES


@given(
    policy=policies,
    attempts=attempts,
    chance=chances,
    valid_for=st.timedeltas(-DAY, 40 * DAY),
    retry_after=st.none() | st.timedeltas(-DAY, 40 * DAY),
)
def test_the_next_try_is_later_than_now_and_before_the_expiry(
    policy: RetryPolicy,
    attempts: int,
    chance: float,
    valid_for: timedelta,
    retry_after: timedelta | None,
) -> None:
    at = next_try(
        policy,
        attempts,
        now=NOW,
        expires_at=NOW + valid_for,
        chance=chance,
        retry_after=retry_after,
    )

    if at is not None:
        assert NOW < at < NOW + valid_for
        assert retry_after is None or at - NOW >= retry_after


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_what_the_provider_asks_for_is_spread_by_a_tenth(chance: float) -> None:
    at = next_try(
        OTHER_RETRIES,
        1,
        now=NOW,
        expires_at=NOW + DAY,
        chance=chance,
        retry_after=timedelta(minutes=10),
    )

    assert at is not None
    assert timedelta(minutes=10) <= at - NOW <= timedelta(minutes=11)


@pytest.mark.parametrize("retry_after", [timedelta(days=1000), timedelta.max])
def test_a_provider_that_asks_for_too_much_is_not_tried_again(retry_after: timedelta) -> None:
    at = next_try(
        OTHER_RETRIES, 1, now=NOW, expires_at=NOW + DAY, chance=0.9, retry_after=retry_after
    )

    assert at is None
