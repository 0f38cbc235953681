"""Read values as JavaScript does, so that templates written for it mean the same."""

from collections.abc import Mapping
from typing import Any, Final

from messaging_core.templates.interpolation.formatting import as_text
from messaging_core.templates.interpolation.paths import ABSENT, look_up

_LARGEST: Final = 10**40
_SCALARS: Final = (str, int, float, bool, type(None))


class UnfitValueError(Exception):
    """Report a value that a helper does not take, without quoting it."""


def is_missing(value: Any) -> bool:
    """Return whether there is no value."""
    return value is None or value is ABSENT


def is_empty(value: Any) -> bool:
    """Return whether blocks count a value as false: also an empty list, but not an empty object."""
    return value is ABSENT or (not value and not isinstance(value, Mapping))


def is_truthy(value: Any) -> bool:
    """Return whether JavaScript counts a value as true."""
    return isinstance(value, list) or not is_empty(value)


def is_same(first: Any, second: Any) -> bool:
    """Compare as `===` does: values of two types are never equal, and each list is only itself."""
    if isinstance(first, _SCALARS) and isinstance(second, _SCALARS):
        return _type(first) is _type(second) and bool(first == second)
    return first is second


def _type(value: Any) -> type:
    return float if type(value) is int else type(value)


def member(value: Any, key: str) -> Any:
    """Return what a key leads to, from null to null; lists and texts have a `length`."""
    if value is None:
        return None
    if key == "length" and isinstance(value, list | str):
        return length(value)
    return look_up(value, key)


def length(value: Any) -> int:
    """Return how long a list or text is, or how many keys an object has; others have none."""
    if isinstance(value, str):
        return len(value.encode("utf-16-le", "surrogatepass")) // 2
    return len(value) if isinstance(value, list | Mapping) else 0


def text_of(value: Any) -> str | None:
    """Write a value; a list becomes its items with commas between, an object has no text."""
    if not isinstance(value, list):
        return "" if is_missing(value) else as_text(value)
    texts = [text_of(item) for item in value]
    return ",".join(text for text in texts if text is not None) if None not in texts else None


def number_of(value: Any) -> float:
    """Return a number, or the number that a text holds.

    Raises:
        UnfitValueError: It is neither.
    """
    if isinstance(value, str):
        try:
            value = int(value) if value.strip().lstrip("-").isdecimal() else float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise UnfitValueError("expected a number")
    return value


def order_of(first: Any, second: Any) -> int | None:
    """Return -1, 0 or 1: numbers go by size, two texts by their signs; others have no order."""
    if isinstance(first, str) and isinstance(second, str):
        return (first > second) - (first < second)
    try:
        left, right = number_of(first), number_of(second)
    except UnfitValueError:
        return None
    return (left > right) - (left < right)
