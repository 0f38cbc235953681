"""Beginning to write in a file that other processes write as well."""

import sqlite3
from random import uniform
from time import monotonic, sleep
from typing import Final

from messaging_adapters.storage.sqlite.faults import is_busy

_PAUSE: Final = (0.0005, 0.002)
"""Least and most seconds between two attempts; never the same, lest two processes keep step."""


def begin_writing(connection: sqlite3.Connection, patience: float) -> None:
    """Begin a transaction that writes, as soon as no other process does.

    SQLite itself asks ever more rarely, at last every tenth of a second. A process that writes
    nearly all the time, as a busy worker does, would have every turn.

    Args:
        connection: It waits as long for every other lock.
        patience: Seconds after which it is an error that others write.

    Raises:
        sqlite3.OperationalError: Others wrote for too long, or there is another trouble.
    """
    deadline = monotonic() + patience
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while not _has_begun(connection, is_last=monotonic() >= deadline):
            sleep(uniform(*_PAUSE))  # noqa: S311 - no secret
    finally:
        connection.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")


def _has_begun(connection: sqlite3.Connection, *, is_last: bool) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if is_last or not is_busy(error):
            raise
        return False
    return True
