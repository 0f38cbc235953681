"""Filters for Liquid: numbers, money and dates as the reader's language writes them."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from html import unescape
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from liquid.context import RenderContext
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context
from liquid.undefined import is_undefined

from messaging_adapters.templates._languages import locale_of

_MARKUP: Final = re.compile(r"<[^<>]*+>")
_STYLES: Final = ("short", "medium", "long", "full")
_DIGITS: Final = 40


class UnfitValueError(FilterArgumentError):
    """Report a value that a filter of ours does not take, without quoting it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, token=None)
        self.reason = reason


def _locale_of(context: RenderContext) -> Locale:
    return locale_of(str(context.resolve("locale", default="")))


def _decimal(value: Any) -> Decimal:
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or abs(number.adjusted()) > _DIGITS:
        raise UnfitValueError("expected a number")
    return number


def _instant(value: Any, zone: Any) -> datetime:
    try:
        instant = datetime.fromisoformat(str(value))
        if instant.tzinfo is not None:
            instant = instant.astimezone(ZoneInfo(str(zone)))
    except (ValueError, OverflowError, OSError, LookupError):
        message = "expected a date such as 2025-01-31T09:00:00Z, and a zone such as Europe/Rome"
        raise UnfitValueError(message) from None
    return instant


def _style(style: Any) -> Any:
    if style not in _STYLES:
        raise UnfitValueError(f"expected one of {', '.join(_STYLES)}")
    return style


def _filter(write: Callable[..., str]) -> Callable[..., str]:
    """Give a filter the language, and refuse a missing value as plain output does."""

    def apply(value: Any, *args: Any, context: RenderContext, **kwargs: Any) -> str:
        if value is None:
            return ""
        if is_undefined(value):
            return str(value)
        try:
            return write(value, *args, locale=_locale_of(context), **kwargs)
        except TypeError as error:
            raise UnfitValueError("unknown arguments") from error

    return with_context(apply)


@_filter
def number(value: Any, digits: Any = None, *, locale: Locale) -> str:
    """Write a number, with as many digits after the point as asked for."""
    amount = _decimal(value)
    if digits is None:
        return numbers.format_decimal(amount, locale=locale)
    places = int(_decimal(digits))
    if not 0 <= places <= _DIGITS:
        raise UnfitValueError(f"expected 0 to {_DIGITS} digits")
    pattern = "#,##0" + ("." + "0" * places if places else "")
    return numbers.format_decimal(amount, format=pattern, locale=locale)


@_filter
def percent(value: Any, *, locale: Locale) -> str:
    """Write a fraction as a percentage."""
    return numbers.format_percent(_decimal(value), locale=locale)


@_filter
def money(value: Any, currency: Any = "EUR", *, locale: Locale) -> str:
    """Write an amount in a currency, given by its code of ISO 4217."""
    return numbers.format_currency(_decimal(value), str(currency), locale=locale)


@_filter
def day(value: Any, style: Any = "medium", zone: Any = "UTC", *, locale: Locale) -> str:
    """Write the day of an instant as the clocks of a zone show it."""
    instant: date = _instant(value, zone)
    return dates.format_date(instant, format=_style(style), locale=locale)


@_filter
def time(value: Any, style: Any = "short", zone: Any = "UTC", *, locale: Locale) -> str:
    """Write the time of an instant as the clocks of a zone show it."""
    instant = _instant(value, zone)
    return dates.format_time(instant.time(), format=_style(style), locale=locale)


@_filter
def moment(value: Any, style: Any = "medium", zone: Any = "UTC", *, locale: Locale) -> str:
    """Write an instant as the clocks of a zone show it."""
    instant = _instant(value, zone).replace(tzinfo=None)
    return dates.format_datetime(instant, format=_style(style), locale=locale)


def strip_html(value: Any) -> str:
    """Remove tags, in time that grows with the text; what is left is text, not HTML."""
    text = "" if value is None else str(value)
    return _MARKUP.sub("", unescape(text) if hasattr(value, "__html__") else text)


FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "number": number,
    "percent": percent,
    "money": money,
    "date": day,
    "time": time,
    "datetime": moment,
}
"""Filters by the names that templates use."""
