"""When quiet hours end, compared with a clock that is watched minute by minute."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from messaging_core.models import QuietWindow, Weekday
from messaging_core.rules.policy.quiet_hours import SEARCH_LIMIT, allowed_from, is_quiet

TICK = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

# Zones that move their clocks by an hour, by half an hour, at midnight, or not at all; one that
# skipped a whole day, and some that are not whole hours from UTC.
ZONES = [
    "UTC",
    "Europe/Amsterdam",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Antarctica/Troll",
    "America/Sao_Paulo",
]
NIGHT = QuietWindow(start=time(21), end=time(8))
ALWAYS = QuietWindow(start=time(0), end=time(0))
WEEKEND = frozenset({Weekday.SATURDAY, Weekday.SUNDAY})

minutes = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))
windows = st.lists(
    st.builds(
        QuietWindow,
        start=minutes,
        end=minutes,
        days=st.just(frozenset(Weekday)) | st.frozensets(st.sampled_from(list(Weekday))),
    ),
    max_size=3,
)
zones = st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True)
# Whole minutes, and mostly days on which some clock is moved.
CLOCKS_MOVE = [
    datetime(2011, 12, 29, 12, tzinfo=UTC),  # Apia skips the 30th
    datetime(2026, 3, 8, tzinfo=UTC),
    datetime(2026, 3, 28, 12, tzinfo=UTC),
    datetime(2026, 4, 4, 6, tzinfo=UTC),
    datetime(2026, 10, 3, 6, tzinfo=UTC),
    datetime(2026, 10, 24, 12, tzinfo=UTC),
    datetime(2026, 11, 1, tzinfo=UTC),
]
instants = st.builds(
    lambda day, minute: day + minute * MINUTE,
    st.sampled_from(CLOCKS_MOVE)
    | st.integers(0, 15 * 365).map(lambda days: datetime(2020, 1, 1, tzinfo=UTC) + days * DAY),
    st.integers(0, 2 * 24 * 60),
)
odd_instants = st.timedeltas(timedelta(0), 15 * 365 * DAY).map(
    datetime(2020, 1, 1, tzinfo=UTC).__add__
)


def shows_quiet(instant: datetime, windows: Iterable[QuietWindow], zone: str) -> bool:
    """Read the clock on the wall, and look into the calendar of today and of yesterday."""
    wall = instant.astimezone(ZoneInfo(zone))
    now, today = wall.time(), Weekday(wall.weekday())
    yesterday = Weekday((today - 1) % 7)
    for window in windows:
        if window.start < window.end:
            quiet = today in window.days and window.start <= now < window.end
        else:
            quiet = (today in window.days and now >= window.start) or (
                yesterday in window.days and now < window.end
            )
        if quiet:
            return True
    return False


def anywhere(instant: datetime, windows: Sequence[QuietWindow], zones: Iterable[str]) -> bool:
    return any(shows_quiet(instant, windows, zone) for zone in zones)


def step(
    instant: datetime, windows: Sequence[QuietWindow], zones: Sequence[str], span: timedelta
) -> datetime | None:
    """Watch the clocks minute by minute."""
    end = instant + span
    while instant <= end:
        if not anywhere(instant, windows, zones):
            return instant
        instant += MINUTE
    return None


@given(instants, windows, zones)
@settings(max_examples=150)
@example(datetime(2026, 10, 25, 0, 45, tzinfo=UTC), [NIGHT], ["Europe/Amsterdam"])
def test_it_is_what_watching_the_clocks_finds(
    instant: datetime, windows: list[QuietWindow], zones: list[str]
) -> None:
    span = timedelta(days=3)

    start = allowed_from(instant, windows, zones)
    watched = step(instant, windows, zones, span)

    if watched is None:
        assert start is None or start > instant + span
    else:
        assert start == watched


@given(odd_instants, windows, zones)
def test_the_end_is_not_quiet_and_nothing_before_it_is_open(
    instant: datetime, windows: list[QuietWindow], zones: list[str]
) -> None:
    start = allowed_from(instant, windows, zones)

    if start is None:
        assert anywhere(instant, windows, zones)
        return
    assert instant <= start <= instant + SEARCH_LIMIT + DAY
    assert not anywhere(start, windows, zones)
    assert start == instant or anywhere(start - TICK, windows, zones)
    assert allowed_from(start, windows, zones) == start


@given(instants, st.integers(0, 35 * 24 * 60), windows, zones)
def test_who_asks_later_is_not_sent_earlier(
    instant: datetime, later: int, windows: list[QuietWindow], zones: list[str]
) -> None:
    first = allowed_from(instant, windows, zones)
    second = allowed_from(instant + later * MINUTE, windows, zones)

    if first is not None and second is not None:
        assert first <= second


@given(instants, windows, st.sampled_from(ZONES))
def test_one_instant_is_told_as_the_clock_shows_it(
    instant: datetime, windows: list[QuietWindow], zone: str
) -> None:
    assert is_quiet(instant, windows, zone) == shows_quiet(instant, windows, zone)


@pytest.mark.parametrize(
    ("zone", "start", "end", "asked", "expected"),
    [
        # The clock jumps from 02:00 to 03:00 at 01:00 UTC: the window ends in the gap.
        ("Europe/Amsterdam", "01:00", "02:30", "2026-03-29T00:30Z", "2026-03-29T01:00Z"),
        # It ends at the very second at which the clock jumps.
        ("Europe/Amsterdam", "01:00", "02:00", "2026-03-29T00:30Z", "2026-03-29T01:00Z"),
        # It begins in the gap: at 03:00 on the wall it is on.
        ("Europe/Amsterdam", "02:30", "04:00", "2026-03-29T01:00Z", "2026-03-29T02:00Z"),
        # It lies within the gap altogether: that night it does not happen.
        ("Europe/Amsterdam", "02:10", "02:50", "2026-03-29T01:00Z", "2026-03-29T01:00Z"),
        # The hour from 02:00 is there twice: the window as well, for two hours.
        ("Europe/Amsterdam", "02:00", "03:00", "2026-10-25T00:15Z", "2026-10-25T02:00Z"),
        # It ends within that hour: it is over, on again, and over.
        ("Europe/Amsterdam", "01:00", "02:30", "2026-10-25T00:00Z", "2026-10-25T00:30Z"),
        ("Europe/Amsterdam", "01:00", "02:30", "2026-10-25T01:00Z", "2026-10-25T01:30Z"),
        # It begins within that hour: moving the clock back ends it for half an hour.
        ("Europe/Amsterdam", "02:30", "05:00", "2026-10-25T00:40Z", "2026-10-25T01:00Z"),
        ("Europe/Amsterdam", "02:30", "05:00", "2026-10-25T01:30Z", "2026-10-25T04:00Z"),
        # A clock that is moved by half an hour, and one at midnight.
        ("Australia/Lord_Howe", "01:45", "02:15", "2026-10-03T15:15Z", "2026-10-03T15:30Z"),
        ("America/Havana", "22:00", "00:30", "2026-03-08T04:00Z", "2026-03-08T05:00Z"),
        # The 30th of December 2011 was left out.
        ("Pacific/Apia", "21:00", "08:00", "2011-12-30T08:00Z", "2011-12-30T18:00Z"),
    ],
)
def test_a_moved_clock_counts_as_it_shows(
    zone: str, start: str, end: str, asked: str, expected: str
) -> None:
    window = QuietWindow(start=time.fromisoformat(start), end=time.fromisoformat(end))

    instant = allowed_from(datetime.fromisoformat(asked), [window], [zone])

    assert instant == datetime.fromisoformat(expected)


def test_the_start_is_quiet_and_the_end_is_not() -> None:
    nine = datetime(2026, 6, 1, 21, tzinfo=UTC)
    eight = datetime(2026, 6, 2, 8, tzinfo=UTC)

    assert allowed_from(nine - TICK, [NIGHT], ["UTC"]) == nine - TICK
    assert allowed_from(nine, [NIGHT], ["UTC"]) == eight
    assert allowed_from(eight - TICK, [NIGHT], ["UTC"]) == eight
    assert allowed_from(eight, [NIGHT], ["UTC"]) == eight


def test_it_is_over_when_it_is_over_in_every_zone() -> None:
    asked = datetime(2026, 1, 15, 6, tzinfo=UTC)

    start = allowed_from(asked, [NIGHT], ["Europe/Madrid", "Atlantic/Canary"])

    assert start == datetime(2026, 1, 15, 8, tzinfo=UTC)


def test_a_window_begins_on_its_days_and_may_end_on_the_next() -> None:
    window = QuietWindow(start=time(20), end=time(10), days=WEEKEND)
    friday_night = datetime(2026, 1, 16, 22, tzinfo=UTC)
    monday_early = datetime(2026, 1, 19, 3, tzinfo=UTC)

    assert allowed_from(friday_night, [window], ["UTC"]) == friday_night
    assert allowed_from(monday_early, [window], ["UTC"]) == datetime(2026, 1, 19, 10, tzinfo=UTC)


def test_windows_that_follow_one_another_are_one() -> None:
    whole_weekend = QuietWindow(start=time(0), end=time(0), days=WEEKEND)
    saturday = datetime(2026, 1, 17, 9, tzinfo=UTC)

    start = allowed_from(saturday, [NIGHT, whole_weekend], ["UTC"])

    assert start == datetime(2026, 1, 19, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("windows", "zones"),
    [
        ([ALWAYS], ["UTC"]),
        ([NIGHT, QuietWindow(start=time(8), end=time(21))], ["Europe/Amsterdam"]),
        # Half the day is quiet, and the other half is on the other side of the world.
        ([QuietWindow(start=time(19), end=time(7))], ["Etc/GMT+6", "Etc/GMT-6"]),
    ],
)
def test_where_all_is_quiet_there_is_no_end(windows: list[QuietWindow], zones: list[str]) -> None:
    assert allowed_from(datetime(2026, 3, 1, 12, tzinfo=UTC), windows, zones) is None


def test_the_end_is_looked_for_as_far_ahead_as_a_message_may_be_scheduled() -> None:
    # Together the zones are always quiet, until summer time in New York opens an hour each day.
    night = QuietWindow(start=time(19), end=time(7))
    zones = ["America/New_York", "Etc/GMT-7"]
    opens = datetime(2026, 3, 8, 11, tzinfo=UTC)
    asked = datetime(2026, 2, 1, 11, tzinfo=UTC)  # 35 days before

    assert allowed_from(asked, [night], zones) == opens
    assert allowed_from(asked - TICK, [night], zones) is None


def test_without_windows_zones_or_days_nothing_is_quiet() -> None:
    asked = datetime(2026, 3, 1, 23, tzinfo=UTC)
    never = QuietWindow(start=time(0), end=time(0), days=frozenset())

    assert allowed_from(asked, [], ["UTC"]) == asked
    assert allowed_from(asked, [NIGHT], []) == asked
    assert allowed_from(asked, [never], ["UTC"]) == asked
    assert allowed_from(asked, [NIGHT], ["Nowhere/At_All"]) == asked
    assert not is_quiet(asked, [NIGHT], "Nowhere/At_All")


@pytest.mark.parametrize(
    "instant", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC)]
)
def test_at_the_edges_of_the_calendar_there_is_an_answer(instant: datetime) -> None:
    assert allowed_from(instant, [ALWAYS], ["Pacific/Apia", "America/New_York"]) is None
