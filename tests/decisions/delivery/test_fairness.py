"""No lane and no workspace starves, and no place is wasted."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from messaging_core.decisions.delivery.fairness import (
    lane_quotas,
    most_for_one,
    rotation,
    tenant_quotas,
)

lanes = st.lists(st.integers(0, 200), min_size=1, max_size=6)


@given(waiting=lanes, limit=st.integers(0, 300))
def test_every_place_is_used_and_nobody_gets_more_than_he_has(
    waiting: list[int], limit: int
) -> None:
    shares = lane_quotas(waiting, limit)

    assert sum(shares) == min(limit, sum(waiting))
    assert all(0 <= one <= most for one, most in zip(shares, waiting, strict=True))


@given(waiting=lanes, limit=st.integers(6, 300))
def test_whoever_waits_gets_a_place(waiting: list[int], limit: int) -> None:
    shares = lane_quotas(waiting, limit)

    assert all(one > 0 for one, most in zip(shares, waiting, strict=True) if most)


def test_what_is_left_over_goes_to_the_most_urgent() -> None:
    assert lane_quotas([100, 100, 100, 100], 16) == [10, 2, 2, 2]
    assert lane_quotas([3, 100, 0, 100], 16) == [3, 11, 0, 2]


def test_a_single_place_goes_to_the_most_urgent_that_waits() -> None:
    assert lane_quotas([0, 5, 5], 1) == [0, 1, 0]


def test_a_limit_below_zero_is_none() -> None:
    assert lane_quotas([5, 5], -1) == [0, 0]


@given(waiting=lanes, places=st.integers(-5, 300), first=st.integers(0, 5))
def test_fair_shares_use_every_place_and_give_nobody_more_than_he_has(
    waiting: list[int], places: int, first: int
) -> None:
    shares = tenant_quotas(waiting, places, first % len(waiting))

    assert sum(shares) == min(max(0, places), sum(waiting))
    assert all(0 <= one <= most for one, most in zip(shares, waiting, strict=True))


@given(waiting=lanes, places=st.integers(0, 300), first=st.integers(0, 5))
def test_nobody_gets_more_than_one_more_than_somebody_who_wants_more(
    waiting: list[int], places: int, first: int
) -> None:
    shares = tenant_quotas(waiting, places, first % len(waiting))

    wanting = [one for one, most in zip(shares, waiting, strict=True) if one < most]
    assert max(shares) <= min(wanting, default=max(shares)) + 1


@given(waiting=st.lists(st.integers(1, 200), min_size=1, max_size=30), limit=st.integers(1, 60))
def test_counting_as_far_as_one_can_get_changes_no_share(waiting: list[int], limit: int) -> None:
    most = most_for_one(len(waiting), limit)

    counted = [min(count, most) for count in waiting]

    assert min(limit, sum(counted)) == min(limit, sum(waiting))
    for places in range(limit + 1):
        assert tenant_quotas(counted, places) == tenant_quotas(waiting, places)


def test_odd_places_go_round_from_the_first() -> None:
    assert tenant_quotas([9, 9, 9], 5, first=2) == [2, 1, 2]
    assert tenant_quotas([9, 1, 9], 4, first=1) == [1, 1, 2]
    assert tenant_quotas([9, 9, 9], 1, first=1) == [0, 1, 0]


def test_nobody_shares_nothing() -> None:
    assert tenant_quotas([], 5) == []
    assert rotation(datetime(2026, 1, 1, tzinfo=UTC), 0) == 0


@given(
    start=st.datetimes(timezones=st.just(UTC)),
    count=st.integers(1, 20),
    step=st.sampled_from(
        [timedelta(microseconds=1), timedelta(milliseconds=1), timedelta(hours=1)]
    ),
)
def test_at_regular_instants_everybody_has_his_turn(
    start: datetime, count: int, step: timedelta
) -> None:
    sign = -1 if start.year > 5000 else 1

    turns = [rotation(start + sign * number * step, count) for number in range(50 * count)]

    assert min(turns.count(one) for one in range(count)) >= 10
