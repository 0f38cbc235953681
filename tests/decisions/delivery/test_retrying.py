"""Waits grow, are spread, honour the provider and never pass the expiry."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.decisions.delivery.retrying import (
    EMAIL_RETRIES,
    NAMED_WAITS,
    OTHER_RETRIES,
    RetryPolicy,
    next_try,
    policy_of,
)
from messaging_core.testing import MONDAY_MORNING as NOW

policies = st.sampled_from([EMAIL_RETRIES, OTHER_RETRIES])
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
jitters = st.floats(0, 1, exclude_max=True)
attempts = st.integers(1, 10_000)


@given(policy=policies, attempts=attempts, jitter=jitters)
def test_a_wait_has_a_floor_and_a_cap(policy: RetryPolicy, attempts: int, jitter: float) -> None:
    assert policy.base / 2 <= policy.wait(attempts, jitter) <= policy.cap


@given(policy=policies, attempts=attempts, jitter=jitters, later_jitter=jitters)
def test_no_wait_is_shorter_than_the_one_before(
    policy: RetryPolicy, attempts: int, jitter: float, later_jitter: float
) -> None:
    before, after = policy.wait(attempts, jitter), policy.wait(attempts + 1, later_jitter)

    # At the cap, waits are random between half of it and the whole.
    assert after >= min(before, policy.cap / 2)


@given(attempts=attempts, jitter=jitters, retry_after=st.none() | st.timedeltas(-DAY, DAY))
def test_an_email_is_never_tried_again_before_a_minute(
    attempts: int, jitter: float, retry_after: timedelta | None
) -> None:
    at = next_try(
        EMAIL_RETRIES,
        attempts,
        now=NOW,
        expires_at=NOW + 40 * DAY,
        jitter=jitter,
        retry_after=retry_after,
    )

    assert at is not None
    assert at - NOW >= timedelta(minutes=1)


def test_the_longest_wait_doubles_until_the_cap() -> None:
    policy = RetryPolicy(base=timedelta(seconds=5), cap=timedelta(seconds=60))

    waits = [policy.wait(attempt, 0.5).total_seconds() for attempt in range(1, 7)]

    assert waits == [3.75, 7.5, 15, 30, 45, 45]


def test_mail_servers_are_given_more_time() -> None:
    assert policy_of("email") is EMAIL_RETRIES
    assert policy_of("sms") is policy_of("pigeon") is OTHER_RETRIES


@given(
    policy=policies,
    attempts=attempts,
    jitter=jitters,
    valid_for=st.timedeltas(-DAY, 40 * DAY),
    retry_after=st.none() | st.timedeltas(-DAY, 40 * DAY),
)
def test_the_next_try_is_later_than_now_and_before_the_expiry(
    policy: RetryPolicy,
    attempts: int,
    jitter: float,
    valid_for: timedelta,
    retry_after: timedelta | None,
) -> None:
    at = next_try(
        policy,
        attempts,
        now=NOW,
        expires_at=NOW + valid_for,
        jitter=jitter,
        retry_after=retry_after,
    )

    if at is not None:
        assert NOW < at < NOW + valid_for
        assert retry_after is None or at - NOW >= retry_after


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_what_the_provider_asks_for_is_spread_by_a_tenth(jitter: float) -> None:
    at = next_try(
        OTHER_RETRIES,
        1,
        now=NOW,
        expires_at=NOW + DAY,
        jitter=jitter,
        retry_after=timedelta(minutes=10),
    )

    assert at is not None
    assert timedelta(minutes=10) <= at - NOW <= timedelta(minutes=11)


@pytest.mark.parametrize("retry_after", [timedelta(days=1000), timedelta.max])
def test_a_provider_that_asks_for_too_much_is_not_tried_again(retry_after: timedelta) -> None:
    at = next_try(
        OTHER_RETRIES, 1, now=NOW, expires_at=NOW + DAY, jitter=0.9, retry_after=retry_after
    )

    assert at is None


@pytest.mark.parametrize(
    ("policy", "attempts", "wait"),
    [
        (EMAIL_RETRIES, 1, timedelta(minutes=1, seconds=30)),
        (EMAIL_RETRIES, 100, timedelta(hours=3)),
        (OTHER_RETRIES, 1, timedelta(seconds=3.75)),
        (OTHER_RETRIES, 100, timedelta(minutes=45)),
        (NAMED_WAITS, 1, timedelta(seconds=2.5)),
        (NAMED_WAITS, 100, timedelta(seconds=2.5)),
    ],
)
def test_each_policy_has_its_first_and_its_longest_wait(
    policy: RetryPolicy, attempts: int, wait: timedelta
) -> None:
    assert policy.wait(attempts, 0.5) == wait


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        (timedelta(seconds=3.75), timedelta(seconds=3.75)),  # as long as the own wait
        (timedelta(seconds=4), timedelta(seconds=4.2)),  # longer: half of a tenth is added
    ],
)
def test_only_a_longer_wait_of_the_provider_is_spread(
    retry_after: timedelta, wait: timedelta
) -> None:
    at = next_try(
        OTHER_RETRIES, 1, now=NOW, expires_at=NOW + DAY, jitter=0.5, retry_after=retry_after
    )

    assert at == NOW + wait


def test_a_try_is_due_a_millisecond_later_at_the_earliest() -> None:
    at = next_try(NAMED_WAITS, 1, now=NOW, expires_at=NOW + DAY, jitter=0.0)

    assert at == NOW + timedelta(milliseconds=1)


def test_nothing_is_tried_at_the_expiry() -> None:
    wait = timedelta(seconds=3.75)
    later = timedelta(microseconds=1)

    def tried(valid_for: timedelta) -> bool:
        at = next_try(OTHER_RETRIES, 1, now=NOW, expires_at=NOW + valid_for, jitter=0.5)
        return at is not None

    assert not tried(wait)
    assert tried(wait + later)


def test_a_wait_that_ends_with_the_validity_is_too_long() -> None:
    at_the_end = next_try(
        OTHER_RETRIES, 1, now=NOW, expires_at=NOW + HOUR, jitter=0.0, retry_after=HOUR
    )
    before = next_try(
        OTHER_RETRIES, 1, now=NOW, expires_at=NOW + HOUR, jitter=0.0, retry_after=HOUR - SECOND
    )

    assert at_the_end is None
    assert before == NOW + HOUR - SECOND
