"""Helpers of Handlebars that templates of messages use."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from messaging_adapters.templates._handlebars_dates import format_date
from messaging_adapters.templates._handlebars_numbers import format_number
from messaging_adapters.templates._handlebars_values import (
    UnfitValueError,
    is_missing,
    is_same,
    is_truthy,
    length,
    member,
    number_of,
    order_of,
    text_of,
)
from messaging_core.templates.interpolation.formatting import as_text

_MANY: Final = 100


@frozen
class Surroundings:
    """What a helper knows beside its arguments.

    Attributes:
        locale: Language of the content.
        now: Tells the time, always the same within one rendering.
    """

    locale: str
    now: Callable[[], datetime]


@frozen
class Helper:
    """A helper, and the arguments that it takes.

    Attributes:
        answers: Whether it says yes or no, so that it may begin a block.
        takes_missing: Whether an argument without value means something to it.
    """

    call: Callable[..., Any]
    least: int = 1
    most: int = 1
    options: frozenset[str] = frozenset()
    answers: bool = False
    takes_missing: bool = False


def _text(value: Any) -> str:
    text = text_of(value)
    if text is None:
        raise UnfitValueError("expected a text")
    return text


def _capitalize(_: Surroundings, value: Any) -> str:
    text = _text(value)
    return text[:1].upper() + text[1:]


def _default(_: Surroundings, *values: Any) -> Any:
    return next((value for value in values if not is_missing(value)), "")


def _join(_: Surroundings, items: Any, separator: Any = ", ") -> str:
    if isinstance(items, str):
        return items
    if not isinstance(items, list):
        raise UnfitValueError("expected a list")
    return _text(separator).join(map(_text, items))


def _lookup(_: Surroundings, value: Any, key: Any) -> Any:
    return member(value, _text(key))


def _date_now(around: Surroundings) -> str | None:
    return as_text(around.now())


def _date_format(_: Surroundings, value: Any, **options: Any) -> str:
    pattern = _text(options["format"]) if "format" in options else None
    zone, language = _text(options.get("tz", "UTC")), _text(options.get("locale", "en"))
    return format_date(value, pattern, zone, language)


def _to_locale(around: Surroundings, value: Any, tag: Any = "", **options: Any) -> Any:
    """Write a number as a language does; a text stays as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    language = _text(options.get("locale", tag)) or around.locale
    return format_number(number_of(value), language)


def _answer(call: Callable[[Any, Any], bool]) -> Helper:
    return Helper(lambda _, a, b: call(a, b), 2, 2, answers=True, takes_missing=True)


def _text_helper(call: Callable[[str], str]) -> Helper:
    return Helper(lambda _, value: call(_text(value)))


HELPERS: Final[Mapping[str, Helper]] = {
    "dateNow": Helper(_date_now, 0, 0),
    "dateFormat": Helper(_date_format, options=frozenset({"format", "tz", "locale"})),
    "toLocale": Helper(_to_locale, 1, 2, options=frozenset({"locale"})),
    "eq": _answer(is_same),
    "ne": _answer(lambda a, b: not is_same(a, b)),
    "gt": _answer(lambda a, b: order_of(a, b) == 1),
    "gte": _answer(lambda a, b: order_of(a, b) in {0, 1}),
    "lt": _answer(lambda a, b: order_of(a, b) == -1),
    "lte": _answer(lambda a, b: order_of(a, b) in {0, -1}),
    "and": Helper(
        lambda _, *values: all(map(is_truthy, values)), 1, _MANY, answers=True, takes_missing=True
    ),
    "or": Helper(
        lambda _, *values: any(map(is_truthy, values)), 1, _MANY, answers=True, takes_missing=True
    ),
    "not": Helper(lambda _, value: not is_truthy(value), answers=True, takes_missing=True),
    "uppercase": _text_helper(str.upper),
    "lowercase": _text_helper(str.lower),
    "capitalize": Helper(_capitalize),
    "default": Helper(_default, 1, _MANY, takes_missing=True),
    "join": Helper(_join, 1, 2),
    "length": Helper(lambda _, value: length(value), takes_missing=True),
    "lookup": Helper(_lookup, 2, 2, takes_missing=True),
    "add": Helper(lambda _, a, b: number_of(a) + number_of(b), 2, 2),
    "subtract": Helper(lambda _, a, b: number_of(a) - number_of(b), 2, 2),
}
"""Helpers by the names that templates use."""
