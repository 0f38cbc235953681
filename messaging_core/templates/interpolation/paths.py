"""Find values by path: keys of mappings and indexes of lists, and never anything else."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from messaging_core.wire.parsing.faults import pointer

ABSENT: Final = object()
"""Marks a value that is not there, which is not the same as null."""

_MAX_INDEX_DIGITS: Final = 9


def look_up(value: Any, key: str) -> Any:
    """Return what a key leads to, or `ABSENT`."""
    if isinstance(value, Mapping):
        return value.get(key, ABSENT)
    if isinstance(value, list | tuple) and key.isdecimal() and len(key) <= _MAX_INDEX_DIGITS:
        index = int(key)
        return value[index] if index < len(value) else ABSENT
    return ABSENT


def find(values: Any, name: str) -> Any:
    """Return what a path such as `order.items.0` leads to, or `ABSENT`."""
    for key in name.split("."):
        values = look_up(values, key)
    return values


def place(values: dict[str, Any], name: str, value: Any) -> bool:
    """Put a value where a path leads to; tell whether nothing stood there or in its way."""
    *way, last = name.split(".")
    for key in way:
        if not isinstance(values.setdefault(key, {}), dict):
            return False
        # What a caller gave is copied, not written into.
        values[key] = values = dict(values[key])
    if last in values:
        return False
    values[last] = value
    return True


def pointer_of(name: str) -> str:
    """Return a path as a JSON pointer (RFC 6901 §3)."""
    path = ""
    for key in name.split("."):
        path = pointer(path, key)
    return path


def covers(declared: str, name: str) -> bool:
    """Return whether a path is another one or leads to something below it."""
    return name == declared or name.startswith(f"{declared}.")


def touches(name: str, others: Collection[str]) -> bool:
    """Return whether a path is among others, below one of them or above one.

    Args:
        name: A path.
        others: A set of paths.
    """
    whole = name
    while name:
        if name in others:
            return True
        name = name.rpartition(".")[0]
    return any(other.startswith(f"{whole}.") for other in others)
