"""When a message becomes due."""

from datetime import UTC, datetime, timedelta
from typing import Final

from messaging_core.lazy import pattern
from messaging_core.models.common.instants import in_utc
from messaging_core.models.common.violation import Violation

SCHEDULE_NEAR: Final = timedelta(minutes=10)
SCHEDULE_LIMIT: Final = timedelta(days=35)

# RFC 3339 §5.6, with the ranges of its comments; the days of a month are left to `datetime`.
_DATE_TIME: Final = pattern(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
_LEAP_SECOND: Final = "60"
_PLAIN_FRACTIONS: Final = frozenset({0, 3, 6})
_SECOND: Final = timedelta(seconds=1)


def parse_rfc3339(value: str) -> datetime | None:
    """Read an instant as RFC 3339 §5.6 `date-time` and as nothing looser.

    The offset is mandatory, `t` and `z` may be lower-case, a fraction is cut off after
    microseconds. A leap second is accepted where §5.7 allows one, at 23:59:60 UTC on the last day
    of a month (any month: which ones had one is no grammar), and becomes the second after it,
    since `datetime` has no room for it. `-00:00` is UTC (§4.3).

    Returns:
        The instant, aware, in UTC; `None` for any other text, and for an instant that falls
        outside the years 1 to 9999 in UTC.
    """
    match = _DATE_TIME.fullmatch(value)
    if match is None:
        return None
    *fields, second, fraction, sign, hours, minutes = match.groups()
    leap = second == _LEAP_SECOND
    try:
        if value[-1] == "Z" and len(fraction or "") in _PLAIN_FRACTIONS and not leap:
            return datetime.fromisoformat(value)  # the grammar is known to hold; five times faster
        year, month, day, hour, minute = map(int, fields)
        local = datetime(year, month, day, hour, minute, 59 if leap else int(second), tzinfo=UTC)
        instant = local + _fraction(fraction) - _offset(sign, hours, minutes)
        return _after_leap(instant) if leap else instant
    except (ValueError, OverflowError):
        return None


def check_schedule(
    at: datetime | None, now: datetime, path: str = "/scheduledFor"
) -> list[Violation]:
    """Refuse an instant without offset, or more than 35 days ahead (Bird Channels API).

    The past is no fault: such a message goes at once. Exactly 35 days ahead is accepted.
    """
    if at is None:
        return []
    if at.utcoffset() is None:
        message = "the instant has no offset from UTC: end it in Z or, say, +01:00"
        return [Violation(path, "schedule.no_offset", message)]
    if in_utc(at) - in_utc(now) > SCHEDULE_LIMIT:
        message = f"at most {SCHEDULE_LIMIT.days} days ahead"
        return [Violation(path, "schedule.too_far", message)]
    return []


def is_later(at: datetime | None, now: datetime) -> bool:
    """Return whether a message waits: 10 minutes ahead or more (Bird Channels API).

    Args:
        at: Aware instant asked for; `None` means now.
        now: Aware present.
    """
    return at is not None and in_utc(at) - in_utc(now) >= SCHEDULE_NEAR


def due_time(at: datetime | None, now: datetime) -> datetime:
    """Return when a message is to go: `at` where that `is_later`, else `now`."""
    return at if at is not None and is_later(at, now) else now


def _fraction(digits: str | None) -> timedelta:
    return timedelta(microseconds=int(digits[:6].ljust(6, "0")) if digits else 0)


def _offset(sign: str | None, hours: str | None, minutes: str | None) -> timedelta:
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return -offset if sign == "-" else offset


def _after_leap(before: datetime) -> datetime | None:
    """Return the second after `before`, if a leap second may stand between the two."""
    after = before + _SECOND
    month_begins = (after.day, after.hour, after.minute, after.second) == (1, 0, 0, 0)
    return after if month_begins else None
