"""How the stores of the memory storage change their tables."""

from typing import Protocol, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Undoable(Protocol):
    """Changes tables so that it can be undone."""

    def put(self, table: dict[K, V], key: K, value: V) -> None:
        """Set a value, and remember how it was."""

    def remove(self, table: dict[K, V], key: K) -> None:
        """Take a value out, and remember it."""
