"""Whoever wants to write gets a turn, also beside somebody who writes all the time."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import sleep
from typing import Self

import pytest

from messaging_adapters.storage.sqlite.turns import begin_writing

PATIENCE = 30.0
HOLDS, PAUSES = 0.02, 0.001  # seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shared.db"


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=PATIENCE, check_same_thread=False)


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path)) as connection:
        yield connection


class Busybody:
    """Somebody who holds the file nearly all the time."""

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


def test_a_turn_comes_soon_beside_somebody_who_writes_all_the_time(
    path: Path, connection: sqlite3.Connection
) -> None:
    waited = []
    with Busybody(path) as other:
        for _ in range(3):
            before = other.turns
            begin_writing(connection, PATIENCE)
            waited.append(other.turns - before)
            connection.execute("COMMIT")

    # Asking every tenth of a second, the wait is for about a hundred turns.
    assert max(waited) < 30, waited


def test_nobody_waits_longer_than_there_is_patience(path: Path) -> None:
    with closing(connect(path)) as holder, closing(connect(path)) as other:
        holder.execute("BEGIN IMMEDIATE")

        with pytest.raises(sqlite3.OperationalError, match="locked"):
            begin_writing(other, 0.01)

        assert not other.in_transaction


def test_for_other_locks_it_waits_as_before(connection: sqlite3.Connection) -> None:
    begin_writing(connection, 2.5)

    assert connection.in_transaction
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (2500,)
