"""Every writer gets a turn, also beside a process that writes all the time."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import sleep
from typing import Self

import pytest

from messaging_adapters.storage.sqlite.connection.locking import LockRetry

PATIENCE = 30.0
HOLDS, PAUSES = 0.02, 0.001  # seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shared.db"


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=PATIENCE, check_same_thread=False)


def turns(connection: sqlite3.Connection, patience: float = PATIENCE) -> LockRetry:
    return LockRetry(connection, patience, is_shared=True)


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path)) as connection:
        yield connection


class BusyWriter:
    """A writer that locks the file nearly all the time."""

    def __init__(self, path: Path) -> None:
        self.turns = 0
        self._connection = connect(path)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._connection.execute("BEGIN IMMEDIATE")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        while not self._stop.is_set():
            sleep(HOLDS)
            self._connection.execute("COMMIT")
            self.turns += 1
            sleep(PAUSES)
            self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("COMMIT")


def test_a_turn_comes_soon_beside_a_busy_writer(path: Path, connection: sqlite3.Connection) -> None:
    waited, ours = [], turns(connection)
    with BusyWriter(path) as other:
        for _ in range(3):
            before = other.turns
            ours.begin_writing()
            waited.append(other.turns - before)
            ours.commit()

    # Asking every tenth of a second, the wait is for about a hundred turns.
    assert max(waited) < 30, waited


def test_no_writer_waits_longer_than_the_timeout(path: Path) -> None:
    with closing(connect(path)) as holder, closing(connect(path)) as other:
        holder.execute("BEGIN IMMEDIATE")

        with pytest.raises(sqlite3.OperationalError, match="locked"):
            turns(other, 0.01).begin_writing()

        assert not other.in_transaction


def test_a_commit_waits_for_those_who_read(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE things (id INTEGER)")
    ours = turns(connection)
    with closing(connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM things").fetchall()
        ours.begin_writing()
        connection.execute("INSERT INTO things VALUES (1)")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            turns(connection, 0).commit()
        assert connection.in_transaction

        timer = threading.Timer(0.05, reader.execute, ("COMMIT",))
        timer.start()
        ours.commit()
        timer.join()

        assert reader.execute("SELECT * FROM things").fetchall() == [(1,)]


def test_readers_leave_the_waiting_to_sqlite(connection: sqlite3.Connection) -> None:
    def waits() -> int:
        milliseconds: int = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        return milliseconds

    ours = turns(connection, 2.5)
    for begin, expected in ((ours.begin_writing, 0), (ours.begin_reading, 2500)):
        begin()
        assert waits() == expected
        ours.commit()
