"""Messages in memory, in transactions that take no turns but where the port says so."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from messaging_adapters.storage.memory.concurrent.locks import NO_KINDS, LockTable
from messaging_adapters.storage.memory.concurrent.tables import SharedTables
from messaging_adapters.storage.memory.concurrent.transaction import OpenTransaction, Place
from messaging_adapters.storage.memory.concurrent.turns import ThreadTurns, Turns
from messaging_core.arguments import checked, span
from messaging_core.errors import ConfigurationError
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.ports.time_limit import time_to_read


class ConcurrentMemoryStorage(Storage):
    """Keep messages in memory, and let transactions run at the same time as a database does.

    It promises as little as `Storage.begin` allows. Each verb sees what is committed at that
    moment, and what its own transaction wrote. Transactions wait for one another where both decide
    about the same thing, and where both write the same row; of those that wait in a circle one
    raises `StorageConflictError`. Events have no order but that of each message, and get their
    positions after the commit. So what works with it needs no more than the port promises.

    It is for tests: see `messaging_core.testing.simulation`.

    Args:
        busy_timeout: How long a transaction waits for another.
        without: Kinds of locks that it leaves out, to see what finds that.

    Attributes:
        turns: How a transaction waits for another: a simulation sets it.
    """

    @checked(busy_timeout=span(timedelta(0)))
    def __init__(
        self,
        *,
        busy_timeout: timedelta = timedelta(seconds=5),
        without: frozenset[str] = NO_KINDS,
    ) -> None:
        self.turns: Turns = ThreadTurns(busy_timeout.total_seconds())
        self._place = Place(shared=SharedTables(), locks=LockTable(without), mutex=threading.Lock())

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        if connection is not None:
            raise ConfigurationError("messages in memory cannot join a database transaction")
        time_to_read(read_only=read_only)
        own = OpenTransaction(self._place, self.turns, read_only=read_only)
        try:
            yield own.stores
            own.commit()
        finally:
            own.end()
