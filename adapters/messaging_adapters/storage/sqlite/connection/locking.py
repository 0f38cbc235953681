"""Transactions in a file that other processes write as well."""

import sqlite3
from math import ceil, inf
from random import uniform
from time import monotonic, sleep
from typing import Final

from messaging_adapters.storage.sqlite.errors import is_busy
from messaging_core.ports import time_limit

_PAUSE: Final = (0.0005, 0.002)
"""Least and most seconds between two attempts; random, so that processes do not keep step."""


STEPS: Final = 20_000
"""Steps of SQLite's machine between two looks at the clock: a part of a millisecond."""


class ReadInterruption:
    """Interrupt statements that read when the time of their thread is over.

    Attributes:
        is_reading: Whether the present transaction writes nothing.
    """

    def __init__(self) -> None:
        self.is_reading = False

    def watch(self, connection: sqlite3.Connection) -> None:
        """Look at the clock while statements of a connection run."""
        connection.set_progress_handler(self._is_over, STEPS)

    def _is_over(self) -> bool:
        return self.is_reading and time_limit.is_over()


class LockRetry:
    """Begin and end the transactions of one connection.

    SQLite itself asks for a lock ever more rarely, at last every tenth of a second. A process that
    writes nearly all the time, as a busy worker does, would starve the others. So writers ask every
    millisecond or so; only readers, which wait for no more than a commit, leave it to SQLite.

    Args:
        connection: It was opened with the same timeout.
        timeout: Seconds after which it is an error that others are in the way.
        is_shared: Whether there are others at all.
    """

    def __init__(self, connection: sqlite3.Connection, timeout: float, *, is_shared: bool) -> None:
        self._connection = connection
        self._timeout = timeout
        self._is_shared = is_shared
        self._sqlite_waits: float | None = timeout

    def begin_reading(self, most: float = inf) -> None:
        """Begin a transaction that reads, and waits at most so many seconds for others."""
        self._let_sqlite(wait=min(most, self._timeout))
        self._connection.execute("BEGIN")

    def begin_writing(self) -> None:
        """Begin a transaction that writes, as soon as no other connection writes.

        Raises:
            sqlite3.OperationalError: Others wrote for too long, or there is another trouble.
        """
        self._let_sqlite(wait=0)
        self._ask("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Commit as soon as no other connection reads.

        Raises:
            sqlite3.OperationalError: Others read for too long, or there is another trouble; the
                transaction may be open still.
        """
        self._ask("COMMIT")

    def _let_sqlite(self, *, wait: float) -> None:
        # Set only when it changes: most processes write nearly always, or read.
        if self._is_shared and wait != self._sqlite_waits:
            self._sqlite_waits = None  # unknown, where a signal handler raises in between
            self._connection.execute(f"PRAGMA busy_timeout = {ceil(wait * 1000)}")
            self._sqlite_waits = wait

    def _ask(self, statement: str) -> None:
        ask(self._connection, statement, self._timeout)


def ask(connection: sqlite3.Connection, statement: str, timeout: float) -> sqlite3.Cursor:
    """Execute a statement, again and again while others are in the way."""
    deadline = monotonic() + timeout
    while True:
        is_last = monotonic() >= deadline
        try:
            return connection.execute(statement)
        except connection.OperationalError as error:
            if is_last or not is_busy(error):
                raise
        sleep(uniform(*_PAUSE))  # noqa: S311 - no secret
