"""One of several transactions that are open at the same time."""

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from messaging_adapters.storage.memory.concurrent.locks import BlockedError, Holder, LockTable
from messaging_adapters.storage.memory.concurrent.messages import ConcurrentMessages
from messaging_adapters.storage.memory.concurrent.outbox import ConcurrentOutbox
from messaging_adapters.storage.memory.concurrent.tables import SharedTables
from messaging_adapters.storage.memory.concurrent.timeline import READS_LOG, ConcurrentTimeline
from messaging_adapters.storage.memory.concurrent.turns import Turns
from messaging_adapters.storage.memory.concurrent.verbs import LOCKS
from messaging_adapters.storage.memory.concurrent.view import View
from messaging_adapters.storage.memory.storage import MemoryTransaction
from messaging_core.errors import StorageConflictError, StorageError
from messaging_core.lazy import frozen
from messaging_core.ports.storage.transaction import Transaction

_STORES: Final = tuple(Transaction.__annotations__)


@frozen(kw_only=True)
class Place:
    """What all transactions share; one verb of one of them runs at a time."""

    shared: SharedTables
    locks: LockTable
    mutex: threading.Lock


class OpenTransaction:
    """One transaction, from its begin to its end.

    Args:
        place: What it shares with others.
        turns: How it waits for others.
        read_only: It waits for no other, and no other for it.

    Attributes:
        stores: What its caller works with.
    """

    def __init__(self, place: Place, turns: Turns, *, read_only: bool) -> None:
        self._place = place
        self._turns = turns
        self._holder = Holder()
        self._view = View(place.shared, place.locks, self._holder, read_only=read_only)
        self._has_given_way = False
        self._timeline = ConcurrentTimeline(self._view)
        self.stores = self._made()

    def _made(self) -> Transaction:
        made: Any = MemoryTransaction(self._view)
        made.messages = ConcurrentMessages(self._view)
        made.outbox, made.timeline = ConcurrentOutbox(self._view), self._timeline
        for name in _STORES:
            store = getattr(made, name)
            setattr(made, name, store and _Store(name, store, self))
        stores: Transaction = made
        return stores

    def call(self, name: str, verb: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Run a verb, once no other transaction is in its way."""
        while True:
            try:
                with self._place.mutex:
                    self._must_go_on()
                    return self._run(name, verb, *args, **named)
            except BlockedError as blocked:
                owner = blocked.owner
            self._wait(owner)

    def _must_go_on(self) -> None:
        if self._has_given_way:
            raise StorageConflictError("the transaction gave way to another before")
        if self._holder.is_over:
            raise StorageError("the transaction has ended")

    def _run(self, name: str, verb: Callable[..., Any], *args: Any, **named: Any) -> Any:
        # A writer may also look at what has no position yet.
        if name in READS_LOG or (self._view.read_only and name == "timeline.of_message"):
            self._number_what_is_committed()

        def run() -> Any:
            for kind, key in LOCKS[name](self._view, *args, **named) if name in LOCKS else ():
                self._view.lock(kind, key)
            if name in READS_LOG and self._view.is_free("head", None):
                self._timeline.number()
            return verb(*args, **named)

        return self._view.run(run)

    def _number_what_is_committed(self) -> None:
        """Do at once what a reader of the log does, unless one is at it."""
        place, reader = self._place, Holder()
        if place.locks.is_free_for(reader, ("head", None)):
            view = View(place.shared, place.locks, reader, read_only=False)
            view.run(ConcurrentTimeline(view).number)
            view.commit()
            place.locks.release(reader)

    def _wait(self, owner: Holder) -> None:
        """Wait until another transaction has ended; in a circle, give way."""
        if self._holder.closes_circle(owner):
            self._give_way()
            raise StorageConflictError("two transactions wait for one another")
        self._holder.waits_for = owner
        try:
            self._turns.wait(lambda: owner.is_over)
        except StorageConflictError:
            self._give_way()
            raise
        finally:
            self._holder.waits_for = None

    def _give_way(self) -> None:
        self._has_given_way = True
        self._release()

    def _release(self) -> None:
        with self._place.mutex:
            self._place.locks.release(self._holder)
        self._turns.wake()

    def commit(self) -> None:
        """Let others see what was written."""
        with self._place.mutex:
            self._must_go_on()
            self._view.commit()

    def end(self) -> None:
        """Let others go on."""
        self._release()


class _Store:
    """One store of a transaction, each verb of which may wait."""

    def __init__(self, name: str, store: Any, own: OpenTransaction) -> None:
        self._name = name
        self._store = store
        self._own = own

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)
        place = f"{self._name}.{name}"

        @wraps(verb)
        def call(*args: Any, **named: Any) -> Any:
            return self._own.call(place, verb, *args, **named)

        return call
