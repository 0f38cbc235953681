"""A damaged row holds up no other, and a storage that fails is never taken for one."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.errors import StorageBusyError, StorageFullError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.ports.storage.readable import readable
from messaging_core.testing import a_message, a_new_message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "messages.db"


@pytest.fixture
def storage(path: Path) -> Iterator[SqliteStorage]:
    with SqliteStorage(path) as opened:
        yield opened


def test_a_full_disk_ends_the_transaction_of_a_damaged_row_and_nothing_is_written(
    storage: SqliteStorage,
) -> None:
    small, large = a_new_message(), a_new_message(a_message("x" * 100_000))
    (pages,) = storage._connection.execute("PRAGMA page_count").fetchone()
    storage._connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    with pytest.raises(StorageFullError), storage.begin() as tx:  # noqa: PT012 - one transaction
        tx.messages.add([small])
        readable(lambda: tx.messages.add([large]), "a message cannot be read")
        tx.messages.add([a_new_message()])

    with storage.begin(read_only=True) as tx:
        assert tx.messages.get(DEFAULT_WORKSPACE, small.message.id) is None


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.DeadlockDetected(),
        sqlite3.OperationalError("disk I/O error"),
        OSError(),
        StorageBusyError("held"),
    ],
    ids=repr,
)
def test_an_error_of_a_driver_is_no_damage(error: Exception) -> None:
    def read() -> None:
        raise error

    with pytest.raises(type(error)):
        readable(read, "a message cannot be read")
