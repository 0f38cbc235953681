import calendar
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging_core.rules.policy.schedule import (
    SCHEDULE_LIMIT,
    SCHEDULE_NEAR,
    check_schedule,
    due_time,
    is_later,
    parse_rfc3339,
)

NOW = datetime(2025, 1, 31, 9, tzinfo=UTC)
TICK = timedelta(microseconds=1)

# The ABNF of RFC 3339 §5.6, transcribed rule by rule.
FULL_DATE = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
PARTIAL_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
TIME_OFFSET = r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
GRAMMAR = re.compile(f"{FULL_DATE}[Tt]{PARTIAL_TIME}{TIME_OFFSET}")

near_misses = st.lists(
    st.sampled_from([*"0123456789", *"-:+.,TtZz W\n\u0661", "2025-01-31", "12:00:00", "23:59:60"]),
    max_size=12,
).map("".join)


def expected_instant(text: str) -> datetime | None:
    """Read a text of the grammar field by field, slowly."""
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    if year == 0 or day > calendar.monthrange(year, month)[1]:
        return None
    hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
    tail = re.fullmatch(r"(?:\.([0-9]+))?(?:[Zz]|([+-])(..):(..))", text[19:])
    assert tail
    fraction, sign, hours, minutes = tail.groups()
    east = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1) if sign else 0
    try:
        utc = datetime(year, month, day, hour, minute, tzinfo=UTC) - timedelta(minutes=east)
        utc += timedelta(seconds=second)
    except OverflowError:
        return None
    if second == 60 and (utc.day, utc.hour, utc.minute) != (1, 0, 0):
        return None
    return utc.replace(microsecond=int(f"{fraction or ''}000000"[:6]))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        # The examples of RFC 3339 §5.8.
        ("1985-04-12T23:20:50.52Z", datetime(1985, 4, 12, 23, 20, 50, 520_000, UTC)),
        ("1996-12-19T16:39:57-08:00", datetime(1996, 12, 20, 0, 39, 57, 0, UTC)),
        ("1990-12-31T23:59:60Z", datetime(1991, 1, 1, tzinfo=UTC)),
        ("1990-12-31T15:59:60-08:00", datetime(1991, 1, 1, tzinfo=UTC)),
        ("1937-01-01T12:00:27.87+00:20", datetime(1937, 1, 1, 11, 40, 27, 870_000, UTC)),
        # And more.
        ("2025-01-31t09:00:00z", NOW),
        ("2025-01-31T09:00:00-00:00", NOW),
        ("2025-01-31T09:00:00.0000000001Z", NOW),
        ("2025-01-31T09:00:00.123456999Z", NOW + 123_456 * TICK),
        ("2025-02-01T08:59:00+23:59", NOW),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2025-01-31T23:59:60.25Z", datetime(2025, 2, 1, 0, 0, 0, 250_000, UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_rfc_3339_is_read_as_utc(text: str, instant: datetime) -> None:
    parsed = parse_rfc3339(text)

    assert parsed == instant
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-01-31",
        "2025-01-31T09:00:00",
        "2025-01-31 09:00:00Z",
        "2025-01-31_09:00:00Z",
        "2025-01-31T09:00Z",
        "2025-01-31T09Z",
        "20250131T090000Z",
        "2025-01-31T090000Z",
        "2025-01-31T09:00:00+0100",
        "2025-01-31T09:00:00+01",
        "2025-01-31T09:00:00+01:00:00",
        "2025-01-31T09:00:00 +01:00",
        "2025-01-31T09:00:00\u221201:00",
        "2025-01-31T09:00:00+24:00",
        "2025-01-31T09:00:00+01:60",
        "2025-01-31T09:00:00,5Z",
        "2025-01-31T09:00:00.Z",
        "2025-01-31T24:00:00Z",
        "2025-01-31T23:60:00Z",
        "2025-01-31T09:00:61Z",
        "2025-01-31T09:00:60Z",
        "2025-01-30T23:59:60Z",
        "2025-01-31T23:59:60+01:00",
        "9999-12-31T23:59:60Z",
        "2025-02-29T09:00:00Z",
        "2025-13-01T09:00:00Z",
        "2025-00-01T09:00:00Z",
        "2025-01-00T09:00:00Z",
        "0000-01-01T09:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2025-W05-5T09:00:00Z",
        "2025-031T09:00:00Z",
        "+2025-01-31T09:00:00Z",
        "12025-01-31T09:00:00Z",
        "2025-1-31T9:00:00Z",
        "2025-01-31T09:00:00Z\n",
        " 2025-01-31T09:00:00Z",
        "2025-01-31T09:00:00Z[Europe/Amsterdam]",
        "2025-01-31T09:00:00 UTC",
        "\u0662\u0660\u0662\u0665-01-31T09:00:00Z",
        "\uff12025-01-31T09:00:00Z",
        "1738314000",
        "tomorrow",
    ],
)
def test_what_is_looser_than_rfc_3339_is_refused(text: str) -> None:
    assert parse_rfc3339(text) is None


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_isoformat_writes_is_read_back(instant: datetime) -> None:
    assert parse_rfc3339(instant.isoformat()) == instant
    assert parse_rfc3339(instant.isoformat(timespec="microseconds")) == instant


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),  # noqa: DTZ001
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_an_instant_survives_any_offset(local: datetime, minutes: int) -> None:
    instant = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    assert parse_rfc3339(instant.isoformat()) == instant


@given(st.from_regex(GRAMMAR, fullmatch=True))
@example("2016-12-31T23:59:60Z")
@example("0000-02-29T00:00:00Z")
@example("0001-01-01T00:00:60+00:00")
def test_exactly_the_instants_of_the_grammar_are_accepted(text: str) -> None:
    assert parse_rfc3339(text) == expected_instant(text)


@given(st.integers(1, 9999), st.integers(1, 12), st.integers(-1439, 1439))
def test_a_leap_second_may_end_any_month_at_any_offset(year: int, month: int, minutes: int) -> None:
    after = datetime(year, month, 1, tzinfo=UTC)
    zone = timezone(timedelta(minutes=minutes))
    try:
        before = (after - timedelta(seconds=1)).astimezone(zone).isoformat()
    except OverflowError:
        return

    assert parse_rfc3339(f"{before[:17]}60{before[19:]}") == after


@given(st.one_of(near_misses, st.text(), st.from_regex(GRAMMAR).map(str)))
def test_whatever_is_accepted_matches_the_grammar(text: str) -> None:
    if parse_rfc3339(text) is not None:
        assert GRAMMAR.fullmatch(text)


def test_exactly_35_days_ahead_is_allowed_and_more_is_too_far() -> None:
    (violation,) = check_schedule(NOW + SCHEDULE_LIMIT + TICK, NOW)

    assert check_schedule(NOW + SCHEDULE_LIMIT, NOW) == []
    assert (violation.path, violation.code) == ("/scheduledFor", "schedule.too_far")


@pytest.mark.parametrize("at", [None, NOW, NOW - timedelta(days=400), NOW + SCHEDULE_NEAR])
def test_no_schedule_the_past_and_the_near_future_are_no_fault(at: datetime | None) -> None:
    assert check_schedule(at, NOW) == []


def test_an_instant_without_offset_is_refused_before_it_is_compared() -> None:
    (violation,) = check_schedule(NOW.replace(tzinfo=None), NOW, "/at")

    assert (violation.path, violation.code) == ("/at", "schedule.no_offset")


@pytest.mark.parametrize(
    ("at", "later"),
    [
        (None, False),
        (NOW - timedelta(days=1), False),
        (NOW, False),
        (NOW + SCHEDULE_NEAR - TICK, False),
        (NOW + SCHEDULE_NEAR, True),
        (NOW + SCHEDULE_LIMIT, True),
    ],
)
def test_a_message_waits_from_ten_minutes_ahead_and_else_goes_now(
    at: datetime | None, *, later: bool
) -> None:
    assert is_later(at, NOW) is later
    assert due_time(at, NOW) == (at if later else NOW)


def test_the_extremes_of_time_can_be_judged() -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

    assert [v.code for v in check_schedule(last, first)] == ["schedule.too_far"]
    assert due_time(first, last) == last
