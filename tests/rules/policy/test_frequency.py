"""When a cap has room again, compared with counting messages one by one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.models import FrequencyCap, MessageType
from messaging_core.rules.policy.frequency import binds, next_free
from messaging_core.testing import MONDAY_MORNING as NOW

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)

ago = st.timedeltas(-timedelta(hours=2), timedelta(days=5)).map(lambda span: NOW - span)


def counted(sent_at: list[datetime], window: timedelta, at: datetime) -> int:
    return sum(sent > at - window for sent in sent_at)


@given(st.lists(ago, max_size=8), st.integers(1, 5), st.timedeltas(TICK, timedelta(days=3)))
def test_there_is_room_then_and_not_a_moment_before(
    sent_at: list[datetime], limit: int, window: timedelta
) -> None:
    free = next_free(sent_at, limit, window, NOW)

    assert free is not None
    assert free >= NOW
    assert counted(sent_at, window, free) < limit
    assert free == NOW or counted(sent_at, window, free - TICK) >= limit


@given(st.lists(ago, max_size=8), st.integers(1, 5), st.randoms(use_true_random=False))
def test_the_order_of_what_was_sent_does_not_matter(
    sent_at: list[datetime], limit: int, chance: object
) -> None:
    shuffled = list(sent_at)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert next_free(shuffled, limit, DAY, NOW) == next_free(sent_at, limit, DAY, NOW)


def test_a_message_counts_until_exactly_the_window_is_over() -> None:
    assert next_free([NOW - DAY], 1, DAY, NOW) == NOW
    assert next_free([NOW - DAY + TICK], 1, DAY, NOW) == NOW + TICK


def test_a_cap_of_nothing_never_has_room() -> None:
    assert next_free([], 0, DAY, NOW) is None


def test_a_window_beyond_the_calendar_never_ends() -> None:
    assert next_free([datetime.max.replace(tzinfo=UTC)], 1, DAY, NOW) is None


@pytest.mark.parametrize(
    ("cap", "asked", "bound"),
    [
        (FrequencyCap(), True, True),
        (FrequencyCap(), False, False),
        (FrequencyCap(only_if_asked=False), False, True),
        (FrequencyCap(platforms=frozenset({"sms"})), True, True),
        (FrequencyCap(platforms=frozenset({"email"})), True, False),
        (FrequencyCap(message_types=frozenset({MessageType.PROMOTIONAL})), True, True),
        (FrequencyCap(message_types=frozenset({MessageType.TWO_FACTOR})), True, False),
    ],
)
def test_a_cap_binds_its_platforms_and_types_and_who_asks(
    cap: FrequencyCap, *, asked: bool, bound: bool
) -> None:
    assert binds(cap, "sms", MessageType.PROMOTIONAL, cap_frequency=asked) is bound
