"""A dict that is also walked in the order of its keys, from any of them."""

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import SupportsRichComparison

K = TypeVar("K", bound="SupportsRichComparison")
V = TypeVar("V")


class SortedTable(dict[K, V]):
    """Finds the keys after another one at a cost that does not grow with the number of keys.

    A change that a signal interrupts may leave a key among the sorted ones that is not in the dict;
    it is passed over, and goes with the next change of that key.
    """

    def __init__(self) -> None:
        super().__init__()
        self._order: list[K] = []

    def __setitem__(self, key: K, value: V) -> None:
        place = bisect_left(self._order, key)
        if self._order[place : place + 1] != [key]:
            self._order.insert(place, key)
        super().__setitem__(key, value)

    def __delitem__(self, key: K) -> None:
        super().__delitem__(key)
        self._forget(key)

    def pop(self, key: K, default: Any = None) -> Any:
        """Take a value out, and return it; or return the default if there is none."""
        value = super().pop(key, default)
        self._forget(key)
        return value

    def _forget(self, key: K) -> None:
        place = bisect_left(self._order, key)
        if self._order[place : place + 1] == [key]:
            del self._order[place]

    def after(self, key: K) -> list[K]:
        """Return the keys that are greater, in ascending order."""
        return self._present(self._order[bisect_right(self._order, key) :])

    def before(self, key: K, limit: int) -> list[K]:
        """Return the keys that are less, the greatest first."""
        end = bisect_left(self._order, key)
        return self._present(self._order[max(end - limit, 0) : end][::-1])

    def between(self, beyond: K, below: K | None, limit: int) -> list[K]:
        """Return the first keys that are greater than one and less than another, if any."""
        start = bisect_right(self._order, beyond)
        end = len(self._order) if below is None else bisect_left(self._order, below)
        return self._present(self._order[start : min(end, start + limit)])

    def last(self) -> K | None:
        """Return the greatest key."""
        return next(iter(self._present(self._order[:-2:-1])), None)

    def _present(self, keys: list[K]) -> list[K]:
        return [key for key in keys if key in self]
