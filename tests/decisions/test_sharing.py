"""No lane starves, and no place is wasted."""

from hypothesis import given
from hypothesis import strategies as st

from messaging_core.decisions.sharing import share

lanes = st.lists(st.integers(0, 200), min_size=1, max_size=6)


@given(waiting=lanes, limit=st.integers(0, 300))
def test_every_place_is_used_and_nobody_gets_more_than_he_has(
    waiting: list[int], limit: int
) -> None:
    shares = share(waiting, limit)

    assert sum(shares) == min(limit, sum(waiting))
    assert all(0 <= one <= most for one, most in zip(shares, waiting, strict=True))


@given(waiting=lanes, limit=st.integers(6, 300))
def test_whoever_waits_gets_a_place(waiting: list[int], limit: int) -> None:
    shares = share(waiting, limit)

    assert all(one > 0 for one, most in zip(shares, waiting, strict=True) if most)


def test_what_is_left_over_goes_to_the_most_urgent() -> None:
    assert share([100, 100, 100, 100], 16) == [10, 2, 2, 2]
    assert share([3, 100, 0, 100], 16) == [3, 11, 0, 2]


def test_a_single_place_goes_to_the_most_urgent_that_waits() -> None:
    assert share([0, 5, 5], 1) == [0, 1, 0]


def test_a_limit_below_zero_is_none() -> None:
    assert share([5, 5], -1) == [0, 0]
