"""Write dates by the tokens of Day.js."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale

from messaging_adapters.templates._handlebars_values import UnfitValueError
from messaging_adapters.templates._languages import locale_of

_WHOLE: Final = "YYYY-MM-DDTHH:mm:ss"
_NOON: Final = 12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TOKEN: Final = re.compile(
    r"\[([^\]]+)\]|YYYY|YY|M{1,4}|D{1,2}|d{1,4}|H{1,2}|h{1,2}|a|A|m{1,2}|s{1,2}|Z{1,2}|SSS"
)


def format_date(value: Any, pattern: str | None, zone: str, language: str) -> str:
    """Write an instant as the clocks of a zone show it.

    Args:
        value: A date of ISO 8601, in UTC if it names no offset, or milliseconds since 1970.
        pattern: Tokens of Day.js; text in brackets is written as it is. Without one, the date is
            written by ISO 8601.
        zone: An IANA name.
        language: Of the names of months and days.

    Raises:
        UnfitValueError: It is no date, or there is no such zone.
    """
    try:
        moment = _instant(value).astimezone(ZoneInfo(zone))
    except (ValueError, OverflowError, OSError, LookupError):
        message = "expected a date such as 2025-01-31T09:00:00Z, and a zone such as Europe/Rome"
        raise UnfitValueError(message) from None
    if pattern is None:
        pattern = _WHOLE + ("Z" if moment.utcoffset() else "[Z]")
    parts = _parts(moment, locale_of(language))
    return _TOKEN.sub(lambda match: match[1] or parts[match[0]], pattern)


def _instant(value: Any) -> datetime:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _EPOCH + timedelta(milliseconds=value)
    instant = datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _parts(moment: datetime, locale: Locale) -> dict[str, str]:
    month, day = moment.month, moment.weekday()
    hour = moment.hour % _NOON or _NOON
    is_morning = moment.hour < _NOON
    offset = _offset(moment)
    weekday = locale.days["format"]["abbreviated"][day]
    return {
        "YY": f"{moment.year:04}"[-2:],
        "YYYY": f"{moment.year:04}",
        "M": str(month),
        "MM": f"{month:02}",
        "MMM": locale.months["format"]["abbreviated"][month],
        "MMMM": locale.months["format"]["wide"][month],
        "D": str(moment.day),
        "DD": f"{moment.day:02}",
        "d": str((day + 1) % 7),
        "dd": weekday[:2],
        "ddd": weekday,
        "dddd": locale.days["format"]["wide"][day],
        "H": str(moment.hour),
        "HH": f"{moment.hour:02}",
        "h": str(hour),
        "hh": f"{hour:02}",
        "a": "am" if is_morning else "pm",
        "A": "AM" if is_morning else "PM",
        "m": str(moment.minute),
        "mm": f"{moment.minute:02}",
        "s": str(moment.second),
        "ss": f"{moment.second:02}",
        "SSS": f"{moment.microsecond // 1000:03}",
        "Z": offset,
        "ZZ": offset.replace(":", ""),
    }


def _offset(moment: datetime) -> str:
    minutes = round((moment.utcoffset() or timedelta()) / timedelta(minutes=1))
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"
