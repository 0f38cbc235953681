"""No lane and no workspace starves, and no place is wasted."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.decisions.delivery.fairness import (
    divide,
    lane_quotas,
    most_for_one,
    place_suspect,
    rotation,
    tenant_quotas,
)

lanes = st.lists(st.integers(0, 200), min_size=1, max_size=6)


@given(waiting=lanes, limit=st.integers(0, 300))
def test_every_place_is_used_and_no_lane_gets_more_than_it_has(
    waiting: list[int], limit: int
) -> None:
    shares = lane_quotas(waiting, limit)

    assert sum(shares) == min(limit, sum(waiting))
    assert all(0 <= share <= most for share, most in zip(shares, waiting, strict=True))


@given(waiting=lanes, limit=st.integers(6, 300))
def test_every_lane_that_waits_gets_a_place(waiting: list[int], limit: int) -> None:
    shares = lane_quotas(waiting, limit)

    assert all(share > 0 for share, most in zip(shares, waiting, strict=True) if most)


def test_what_is_left_over_goes_to_the_most_urgent() -> None:
    assert lane_quotas([100, 100, 100, 100], 16) == [10, 2, 2, 2]
    assert lane_quotas([3, 100, 0, 100], 16) == [3, 11, 0, 2]


def test_a_single_place_goes_to_the_most_urgent_that_waits() -> None:
    assert lane_quotas([0, 5, 5], 1) == [0, 1, 0]


def test_a_limit_below_zero_is_none() -> None:
    assert lane_quotas([5, 5], -1) == [0, 0]


@given(waiting=lanes, places=st.integers(-5, 300), first=st.integers(0, 5))
def test_fair_shares_use_every_place_and_give_no_tenant_more_than_it_has(
    waiting: list[int], places: int, first: int
) -> None:
    shares = tenant_quotas(waiting, places, first % len(waiting))

    assert sum(shares) == min(max(0, places), sum(waiting))
    assert all(0 <= share <= most for share, most in zip(shares, waiting, strict=True))


@given(waiting=lanes, places=st.integers(0, 300), first=st.integers(0, 5))
def test_no_tenant_gets_more_than_one_more_than_another_that_wants_more(
    waiting: list[int], places: int, first: int
) -> None:
    shares = tenant_quotas(waiting, places, first % len(waiting))

    wanting = [share for share, most in zip(shares, waiting, strict=True) if share < most]
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


def test_without_tenants_there_are_no_shares() -> None:
    assert tenant_quotas([], 5) == []
    assert rotation(datetime(2026, 1, 1, tzinfo=UTC), 0) == 0


@given(
    start=st.datetimes(timezones=st.just(UTC)),
    count=st.integers(1, 20),
    step=st.sampled_from(
        [timedelta(microseconds=1), timedelta(milliseconds=1), timedelta(hours=1)]
    ),
)
def test_at_regular_instants_every_tenant_has_its_turn(
    start: datetime, count: int, step: timedelta
) -> None:
    sign = -1 if start.year > 5000 else 1

    turns = [rotation(start + sign * number * step, count) for number in range(50 * count)]

    assert min(turns.count(number) for number in range(count)) >= 10


@pytest.mark.parametrize(
    ("count", "places", "most"), [(1, 10, 10), (4, 10, 7), (10, 10, 1), (20, 10, 1), (1, 0, 1)]
)
def test_one_gets_at_most_what_is_left_when_each_other_has_one(
    count: int, places: int, most: int
) -> None:
    assert most_for_one(count, places) == most


@pytest.mark.parametrize(("limit", "shares"), [(7, [6, 1]), (8, [7, 1]), (16, [14, 2])])
def test_a_lane_has_an_eighth_and_at_least_one_place(limit: int, shares: list[int]) -> None:
    assert lane_quotas([50, 50], limit) == shares


@pytest.mark.parametrize(
    ("instant", "first"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 233),
        (datetime(2026, 3, 2, 9, 0, 0, 1, tzinfo=UTC), 948),
    ],
)
def test_every_storage_names_the_same_turn(instant: datetime, first: int) -> None:
    # CRC-32 of the microseconds since 1970 as eight bytes, the highest first.
    assert rotation(instant, 1000) == first


A, B = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_a_claim_is_divided_between_lanes_then_workspaces_then_channels() -> None:
    lanes = [{(A, A): 1}, {(A, A): 9, (A, B): 9, (B, A): 2}]

    assert divide(lanes, 9, NOW) == [{(A, A): 1}, {(A, A): 3, (A, B): 3, (B, A): 2}]


def test_a_queue_that_gets_nothing_is_left_out() -> None:
    (lane,) = divide([{(A, A): 0, (A, B): 5}], 5, NOW)

    assert lane == {(A, B): 5}
    assert sum(len(group) for group in divide([{(A, A): 5, (B, B): 5}], 1, NOW)) == 1


def test_a_channel_gets_no_more_than_it_has_room_for_in_all_lanes() -> None:
    lanes = [{(A, A): 5}, {(A, A): 5, (A, B): 5}]

    assert divide(lanes, 20, NOW, {A: 6}) == [{(A, A): 5}, {(A, A): 1, (A, B): 5}]
    assert divide(lanes, 20, NOW, {A: 0}) == [{}, {(A, B): 5}]
    assert divide(lanes, 20, NOW, {A: 1}) == [{(A, A): 1}, {(A, B): 5}]


@pytest.mark.parametrize(("crashes", "order"), [(1, [1, 2, 9]), (2, [9, 1, 2])])
def test_a_suspect_comes_last_until_it_crashed_twice(crashes: int, order: list[int]) -> None:
    assert place_suspect([1, 2], 9, crashes) == order
