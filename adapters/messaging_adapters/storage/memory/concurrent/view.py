"""The data as one transaction sees it: what is committed at this moment, and its own changes."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from messaging_adapters.storage.memory.concurrent.locks import Holder, LockTable
from messaging_adapters.storage.memory.concurrent.tables import SharedTables
from messaging_core.errors import StorageConflictError

_GONE: Final = object()
_SEQUENCES: Final = frozenset({"message", "new event"})
"""Positions that are drawn: a number is not given twice, whatever becomes of its transaction."""

K = TypeVar("K")
V = TypeVar("V")
R = TypeVar("R")

_Change = tuple[dict[Any, Any], Any, Any]
"""A table, a key, and the value there, or that there is none."""


class View(SharedTables):
    """What one transaction sees and changes.

    The tables are those that all transactions share. The changes of this one are in them only while
    a verb runs, and only one verb of one transaction runs at a time.

    Args:
        shared: What is committed.
        locks: Of all transactions.
        holder: This transaction.
        read_only: It locks nothing, and what it writes is dropped.
    """

    def __init__(
        self, shared: SharedTables, locks: LockTable, holder: Holder, *, read_only: bool
    ) -> None:
        vars(self).update(vars(shared))
        self.read_only = read_only
        self._locks = locks
        self._holder = holder
        self._own: dict[tuple[int, Any], _Change] = {}
        self._before: list[_Change] = []

    def run(self, verb: Callable[[], R]) -> R:
        """Let one verb see and change the data; one that raises changes nothing.

        Raises:
            BlockedError: Another transaction decides about the same. It can be run again once that
                has ended, and then sees what it did.
        """
        for change in self._own.values():
            self._before.append(_replace(change))
        first = len(self._before)
        try:
            answer = verb()
            for table, key, _ in self._before[first:]:
                self._own[id(table), key] = (table, key, table.get(key, _GONE))
            return answer
        finally:
            while self._before:
                _replace(self._before.pop())

    def commit(self) -> None:
        """Let all others see the changes."""
        for change in () if self.read_only else self._own.values():
            _replace(change)

    def lock(self, kind: str, key: Any) -> None:
        """Keep others from deciding about the same until this transaction ends.

        Raises:
            BlockedError: Another transaction holds it.
        """
        if not self.read_only:
            self._locks.take(self._holder, (kind, key))

    def is_free(self, kind: str, key: Any) -> bool:
        """Return whether no other transaction decides about something."""
        return self._locks.is_free_for(self._holder, (kind, key))

    def put(self, table: dict[K, V], key: K, value: V) -> None:
        """Set a value, once no other transaction changes it."""
        if table is self.log.last and key in _SEQUENCES:
            table[key] = value
            return
        if table is self.rows and key not in table:
            self._change(table, key, value)  # new: no other knows it
            return
        self._lock_row(table, key)
        if self.is_taken(table, key, value):
            raise StorageConflictError("another transaction has taken the name or code")
        self._change(table, key, value)

    def remove(self, table: dict[K, V], key: K) -> None:
        """Take a value out, once no other transaction changes it."""
        self._lock_row(table, key)
        if key not in table:
            raise KeyError(key)
        self._change(table, key, _GONE)

    def _lock_row(self, table: Mapping[Any, Any], key: Any) -> None:
        name = self.name_of(table, key)
        if name is not None:
            self.lock(*name)

    def _change(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        self._before.append(_replace((table, key, value)))

    def find_due(self) -> None:
        """Index what is due, as this transaction sees it."""
        self.due.clear()
        self.suspects.clear()
        for position, waiting in self.outbox.items():
            self.queue(position)
            if waiting.delivery.crashes:
                self.suspects.add(position)

    def find_old_keys(self) -> None:
        """Index the old keys, without those that others use."""
        self.oldest_keys[:] = sorted(
            (key.created_at, place)
            for place, key in self.keys.items()
            if self.is_free("key", place)
        )


def _replace(change: _Change) -> _Change:
    """Set a value, and return how it was."""
    table, key, value = change
    before = table.get(key, _GONE)
    if value is _GONE:
        table.pop(key, None)
    else:
        table[key] = value
    return table, key, before
