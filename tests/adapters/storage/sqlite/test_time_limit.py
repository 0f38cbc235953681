"""Reads on which people wait: interrupted in SQLite, in the middle of a statement."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.errors import ReadTimeoutError, StorageBusyError
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.ports.time_limit import reads_until
from messaging_core.testing import a_new_message
from messaging_core.testing.contracts.storage.steps import add, get

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
HOUR = timedelta(hours=1)
SOON = 0.05  # seconds


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SqliteStorage]:
    with SqliteStorage(tmp_path / "messages.db", busy_timeout=HOUR) as storage:
        yield storage


def cursor_of(tx: Transaction) -> Any:
    return tx.audit._cursor  # type: ignore[attr-defined] # no call of the port takes for ever


def read_on(tx: Transaction) -> None:
    """Read short things for ever."""
    while True:
        tx.timeline.last_position()


def test_a_statement_is_interrupted_and_the_storage_is_as_before(storage: SqliteStorage) -> None:
    new = a_new_message()

    with (
        pytest.raises(ReadTimeoutError, match="ask for less"),
        reads_until(monotonic() + SOON),
        storage.begin(read_only=True) as tx,
    ):
        cursor_of(tx).execute(ENDLESS)

    add(storage, new)
    assert get(storage, new) == new.message


def test_many_small_statements_are_interrupted_too(storage: SqliteStorage) -> None:
    with (
        pytest.raises(ReadTimeoutError),
        reads_until(monotonic() + SOON),
        storage.begin(read_only=True) as tx,
    ):
        read_on(tx)


def test_a_read_waits_for_no_thread_beyond_its_deadline(storage: SqliteStorage) -> None:
    def read() -> None:
        with reads_until(monotonic() + SOON):
            get(storage, a_new_message())

    with ThreadPoolExecutor(1) as pool, storage.begin():
        reader = pool.submit(read)
        assert isinstance(reader.exception(timeout=60), StorageBusyError)


def test_a_read_waits_for_no_other_process_beyond_its_deadline(storage: SqliteStorage) -> None:
    new = a_new_message()
    add(storage, new)
    with SqliteStorage(storage.path) as other, other.begin() as tx:
        cursor_of(tx).execute("PRAGMA cache_size = 1")
        cursor_of(tx).execute("CREATE TABLE filler AS SELECT zeroblob(10000000)")  # to the file
        with pytest.raises(StorageBusyError), reads_until(monotonic() + SOON):
            get(storage, new)
        cursor_of(tx).execute("DROP TABLE filler")

    assert get(storage, new) == new.message
