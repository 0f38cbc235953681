"""Shares of a rate limit: whatever holders do, no window has more uses than the limit."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from messaging_core.decisions.policy.rates import merged, settled, take
from messaging_core.models.common.rate import RateLog, RateUse
from messaging_core.testing.clock import MONDAY_MORNING

AT = MONDAY_MORNING
SECOND = timedelta(seconds=1)
LEASE = SECOND / 4


def taken(log: RateLog, *, count: int, now: datetime, holder: str = "a", limit: int = 10) -> int:
    share = take(
        log,
        holder=holder,
        count=count,
        limit=limit,
        window=SECOND,
        now=now,
        until=now + LEASE,
    )
    return share.granted


def test_a_share_counts_until_its_end_and_one_window_longer() -> None:
    log = RateLog(uses=(RateUse(at=AT + LEASE, count=8, holder="other"),))

    assert taken(log, count=5, now=AT) == 2
    assert taken(log, count=5, now=AT + LEASE + SECOND - timedelta(microseconds=1)) == 2
    assert taken(log, count=5, now=AT + LEASE + SECOND) == 5


def test_what_a_holder_did_not_use_is_free_when_it_reports() -> None:
    log = RateLog(uses=(RateUse(at=AT + LEASE, count=10, holder="a"),))
    used = [RateUse(at=AT, count=3)]

    assert taken(log, count=9, now=AT + LEASE) == 0
    assert taken(settled(log, "a", used, SECOND), count=9, now=AT + LEASE) == 7
    assert taken(settled(log, "a", used, SECOND), count=11, now=AT + SECOND) == 10


def test_it_is_told_when_the_next_unit_is_free() -> None:
    uses = (
        RateUse(at=AT, count=4),
        RateUse(at=AT + LEASE, count=7),
        RateUse(at=AT + 3 * LEASE, count=1, holder="b"),
    )
    where = {"holder": "a", "limit": 10, "window": SECOND, "now": AT + LEASE, "until": AT + SECOND}

    assert take(RateLog(uses=uses), count=1, **where).next_at == AT + SECOND
    assert take(RateLog(uses=uses[1:]), count=2, **where).next_at is None
    partly = take(RateLog(uses=uses[1:]), count=3, **where)
    assert (partly.granted, partly.next_at) == (2, AT + LEASE + SECOND)
    lowered = take(RateLog(uses=uses), count=1, **{**where, "limit": 1})
    least = take(RateLog(uses=uses[1:]), count=9, least=3, **where)
    assert (least.granted, least.next_at) == (0, AT + LEASE + SECOND)
    assert (lowered.granted, lowered.next_at) == (0, AT + 3 * LEASE + SECOND)


def test_a_clock_that_was_far_ahead_blocks_a_limit_no_longer_than_a_share() -> None:
    log = RateLog(uses=(RateUse(at=AT + timedelta(days=1), count=10),))

    share = take(log, holder="a", count=1, limit=10, window=SECOND, now=AT, until=AT + LEASE)

    assert (share.granted, share.next_at) == (0, AT + LEASE + SECOND)


def test_uses_close_together_are_one_and_never_move_on() -> None:
    uses = [RateUse(at=AT + place * timedelta(microseconds=2500), count=1) for place in range(800)]
    log: list[RateUse] = []
    for use in uses:
        log = merged([*log, use], SECOND)

    assert sum(use.count for use in log) == 800
    assert len(log) == 200
    assert log == merged(uses, SECOND)


_steps = st.tuples(
    st.sampled_from("abc"),  # who takes
    st.integers(0, 400),  # milliseconds that pass before
    st.integers(1, 8),  # how much it wants
    st.lists(st.integers(0, 250), max_size=8),  # when it uses it, in milliseconds after
    st.sampled_from(["reports", "reports", "dies"]),
)


@given(st.lists(_steps, max_size=40), st.integers(1, 9))
def test_no_window_has_more_uses_than_the_limit(
    steps: Sequence[tuple[str, int, int, list[int], str]], limit: int
) -> None:
    log, now, every = RateLog(), AT, list[datetime]()
    held: dict[str, tuple[str, list[datetime]]] = {}  # name and share of each process
    for number, (process, pause, count, offsets, end) in enumerate(steps):
        now += timedelta(milliseconds=pause)
        holder, planned = held.get(process, (process, []))
        used = [at for at in planned if at <= now]  # it gives up the others by this report
        every += used
        begin_at = now + (count % 2) * LEASE / 2  # at once, or a little later
        share = take(
            settled(log, holder, [RateUse(at=at, count=1) for at in used], SECOND),
            holder=holder,
            count=count,
            limit=limit,
            window=SECOND,
            now=now,
            until=begin_at + LEASE,
            begin_at=begin_at,
        )
        log = share.log
        planned = [begin_at + timedelta(milliseconds=offset) for offset in offsets[: share.granted]]
        if end == "dies":  # perhaps after it used all, and without a report
            every += planned
            holder, planned = f"{process}{number}", []
        held[process] = (holder, planned)
    every += [at for _, planned in held.values() for at in planned]
    every.sort()
    assert all(later - first >= SECOND for first, later in zip(every, every[limit:], strict=False))
