"""Marks on fields that the JSON codec reads, and fields that keep tuples."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

# How a field looks on the wire, where that is not simply its name in camelCase:
# `nullable` takes an explicit null for "absent"; `open` collects the undeclared keys.
NULLABLE = {"nullable": True}


OPEN = {"open": True}


def as_tuple(values: Any) -> Any:
    """Return a list or another sequence as a tuple; all else is left to the rules."""
    if type(values) is tuple or isinstance(values, str | bytes) or not isinstance(values, Sequence):
        return values
    return tuple(values)


if TYPE_CHECKING:

    class tuple_of(tuple[T, ...]):  # noqa: N801, SLOT001 - a converter; the one of its kind
        """Converts what a constructor is given: any sequence of these items."""

        def __new__(cls, values: Sequence[T]) -> "tuple_of[T]":
            """Return a tuple, which is all that the caller sees."""
            ...

else:

    class tuple_of:  # noqa: N801 - the same
        """Converts what a constructor is given: any sequence of these items."""

        def __class_getitem__(cls, _: object) -> Any:
            """Return the converter; the items are for type checkers."""
            return as_tuple
