"""Instants as people write them, and as tables show them."""

import warnings
from datetime import datetime, timedelta
from typing import Final

from dateutil import tz
from dateutil.parser import ParserError, UnknownTimezoneWarning, parse

from messaging_adapters.cli.usage import UsageError

_DAYS: Final = {"today": 0, "yesterday": 1}


def read_moment(text: str, now: datetime) -> datetime:
    """Read a date or time leniently, in the time zone of this machine unless it names another.

    Understands `today` and `yesterday`, and what `dateutil.parser` does: `2026-03-02`, `2 March`,
    `10:30`, `2026-03-02T10:30+01:00`. What is left out is today's; a date alone is its midnight.

    Args:
        text: As it was typed.
        now: Aware present.

    Raises:
        UsageError: It is no date or time.
    """
    midnight = now.astimezone(tz.tzlocal()).replace(hour=0, minute=0, second=0, microsecond=0)
    word = text.strip().lower()
    if word in _DAYS:
        return midnight - timedelta(days=_DAYS[word])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UnknownTimezoneWarning)
            moment = parse(text, default=midnight)
    except (ParserError, OverflowError, UnknownTimezoneWarning):
        raise UsageError(
            f"{text!r} is no date or time; write 2026-03-02, 10:30, 2026-03-02T10:30+01:00, "
            "today or yesterday"
        ) from None
    return moment if moment.utcoffset() is not None else moment.replace(tzinfo=tz.tzlocal())


def moment(at: datetime | None) -> str:
    """Return an instant to the second, in the time zone of this machine."""
    return f"{at.astimezone(tz.tzlocal()):%Y-%m-%d %H:%M:%S}" if at else ""


def span(length: timedelta) -> str:
    """Return a span of time in its largest unit, such as `3 days`."""
    seconds = round(length.total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            return _counted(round(seconds / size), unit)
    return _counted(seconds, "second")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
