"""A file is checked after a stop in the middle or an error, before anything is promised again."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.sqlite.connection.free_space import FreeSpace
from messaging_adapters.storage.sqlite.connection.health import check_if_abandoned
from messaging_core.errors import (
    SchemaError,
    StorageBusyError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
)
from messaging_core.testing import a_message, a_new_message, a_settlement
from messaging_core.testing.contracts.storage.steps import add, cancel, claim, ids, settle, walk

SOON = timedelta(milliseconds=100)
LOGGER = "messaging_adapters.storage.sqlite.connection.health"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


class Lines(logging.Handler):
    """Collects what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def checks(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Return two lines for each check of a file, one before it and one after it."""
    caplog.set_level("INFO", LOGGER)
    handler = Lines()
    logging.getLogger(LOGGER).addHandler(handler)
    yield handler.lines
    logging.getLogger(LOGGER).removeHandler(handler)


def killed(program: str, path: Path) -> None:
    """Run a program that kills itself in the middle of something."""
    run = subprocess.run([sys.executable, "-c", program, path], check=False)  # noqa: S603
    assert run.returncode == -signal.SIGKILL


IN_WAL_MODE = """
import os, signal, sys
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.testing import a_new_message
from messaging_core.testing.contracts.storage.steps import add

add(SqliteStorage(sys.argv[1], exclusive=True), a_new_message())
os.kill(os.getpid(), signal.SIGKILL)
"""
IN_A_TRANSACTION = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = TRUNCATE")
connection.execute("PRAGMA cache_size = 2")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE messaging_facts SET value = 7")
connection.execute("CREATE TABLE padding AS SELECT randomblob(100000) AS text")
os.kill(os.getpid(), signal.SIGKILL)
"""


def marked(path: Path) -> bool:
    return path.with_name(f"{path.name}-unchecked").exists()


def mark(path: Path) -> None:
    path.with_name(f"{path.name}-unchecked").touch()


def spoil(path: Path, *, begin: int = 2) -> None:
    """Write over the pages of a file, from one of them on."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(begin * 4096)
        file.write(b"\xa5" * (size - begin * 4096))


class TestUncleanStops:
    def test_a_file_that_was_closed_is_not_checked(self, path: Path, checks: list[str]) -> None:
        for exclusive in (False, True, False):
            with SqliteStorage(path, exclusive=exclusive) as storage:
                add(storage, a_new_message())

        assert checks == []

    @pytest.mark.parametrize("program", [IN_WAL_MODE, IN_A_TRANSACTION], ids=["wal", "journal"])
    def test_one_that_was_not_is_checked_once(
        self, path: Path, checks: list[str], program: str
    ) -> None:
        SqliteStorage.migrate(path)
        killed(program, path)

        for _ in range(2):
            with SqliteStorage(path) as storage:
                add(storage, a_new_message())

        assert [("not closed" in line, "is sound" in line) for line in checks] == [
            (True, False),
            (False, True),
        ]
        assert not marked(path)

    @pytest.mark.parametrize("program", [IN_WAL_MODE, IN_A_TRANSACTION], ids=["wal", "journal"])
    def test_one_behind_a_link_is_checked_too(
        self, path: Path, checks: list[str], program: str
    ) -> None:
        path.symlink_to("real.db")
        SqliteStorage.migrate(path)
        killed(program, path)

        SqliteStorage(path).close()

        assert len(checks) == 2

    def test_one_that_others_have_open_is_not_checked(self, path: Path, checks: list[str]) -> None:
        with SqliteStorage(path) as storage, closing(sqlite3.connect(path)) as other:
            other.isolation_level = None
            other.execute("BEGIN IMMEDIATE")
            other.execute("PRAGMA cache_size = 2")
            other.execute("CREATE TABLE padding AS SELECT randomblob(100000) AS text")
            with pytest.raises(StorageBusyError):
                SqliteStorage(path, busy_timeout=SOON)
            other.execute("ROLLBACK")
            with SqliteStorage(path) as second:
                assert walk(second) == walk(storage) == []

        assert checks == []

    def test_a_log_that_others_write_to_is_no_unclean_stop(
        self, path: Path, checks: list[str]
    ) -> None:
        with wal_of_the_hosts(path) as other:
            other.execute("CREATE TABLE hosts_own (id INTEGER)")
            assert path.with_name("shop.db-wal").stat().st_size > 0

            with pytest.raises(StorageBusyError):
                SqliteStorage(path, journal_mode="TRUNCATE", busy_timeout=SOON)

        assert checks == []

    def test_a_damaged_file_is_refused_until_it_is_replaced(
        self, path: Path, checks: list[str]
    ) -> None:
        with SqliteStorage(path) as storage:
            add(storage, *(a_new_message() for _ in range(50)))
        sound = path.read_bytes()
        killed(IN_WAL_MODE, path)
        spoil(path)

        for _ in range(2):
            with pytest.raises(StorageCorruptError, match="damaged") as raised:
                SqliteStorage(path)
            assert str(path) in str(raised.value)
            assert marked(path)
        path.write_bytes(sound)
        with SqliteStorage(path) as storage:
            assert len(walk(storage, limit=100)) == 50

        assert not marked(path)
        assert "is sound" in checks[-1]

    def test_a_mark_is_checked_also_while_others_work(self, path: Path, checks: list[str]) -> None:
        with SqliteStorage(path) as first:
            add(first, a_new_message())
            mark(path)
            with SqliteStorage(path) as second:
                assert walk(second) == walk(first)

        assert len(checks) == 2
        assert not marked(path)

    def test_a_mark_is_checked_beside_others_who_keep_the_file(
        self, path: Path, checks: list[str]
    ) -> None:
        with wal_of_the_hosts(path) as other:
            other.execute("CREATE TABLE hosts_own (id INTEGER)")
            mark(path)

            check_if_abandoned(path)
            other.execute("INSERT INTO hosts_own VALUES (1)")

        assert len(checks) == 2
        assert not marked(path)

    def test_no_other_opens_a_file_while_it_is_checked(self, path: Path) -> None:
        SqliteStorage.migrate(path)
        mark(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as checker:
            checker.execute("PRAGMA locking_mode = EXCLUSIVE")
            checker.execute("BEGIN EXCLUSIVE")

            with pytest.raises(StorageBusyError):
                SqliteStorage(path, busy_timeout=SOON)

        assert marked(path)


@contextmanager
def wal_of_the_hosts(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        yield connection


class Failing(sqlite3.Connection):
    """A connection whose commits fail with one error code."""

    code = sqlite3.SQLITE_IOERR_FSYNC

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement == "COMMIT":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.code
            raise error
        return super().execute(statement, *values)


def break_commits(storage: SqliteStorage, code: int = sqlite3.SQLITE_IOERR_FSYNC) -> None:
    storage._own.let_go()
    connection = sqlite3.connect(
        storage.path, factory=Failing, isolation_level=None, check_same_thread=False
    )
    assert isinstance(connection, Failing)
    connection.code = code
    storage._own.use(connection)


class TestErrorsOfTheDisk:
    @pytest.mark.parametrize(
        ("code", "error"),
        [
            (sqlite3.SQLITE_IOERR_FSYNC, StorageError),
            (sqlite3.SQLITE_IOERR_WRITE, StorageError),
            (sqlite3.SQLITE_FULL, StorageFullError),
            (sqlite3.SQLITE_CORRUPT, StorageCorruptError),
        ],
    )
    @pytest.mark.parametrize("exclusive", [False, True])
    def test_the_file_is_checked_through_a_new_connection(
        self,
        path: Path,
        checks: list[str],
        code: int,
        error: type[StorageError],
        exclusive: bool,  # noqa: FBT001 - both ways
    ) -> None:
        first, lost, next_one = (a_new_message() for _ in range(3))
        with SqliteStorage(path, exclusive=exclusive) as storage:
            add(storage, first)
            break_commits(storage, code)

            with pytest.raises(error) as raised:
                add(storage, lost)
            assert type(raised.value) is error
            assert checks == []
            assert marked(path)
            add(storage, next_one)

            assert len(checks) == 2
            assert walk(storage) == ids([next_one, first])
        assert not marked(path)

    def test_nothing_is_accepted_while_the_file_is_damaged(self, path: Path) -> None:
        with SqliteStorage(path) as storage:
            add(storage, *(a_new_message() for _ in range(50)))
            break_commits(storage)
            with pytest.raises(StorageError):
                add(storage, a_new_message())
            sound = path.read_bytes()
            spoil(path)

            for _ in range(2):
                with pytest.raises(StorageCorruptError):
                    add(storage, a_new_message())
            path.write_bytes(sound)
            add(storage, a_new_message())

            assert len(walk(storage, limit=100)) == 51

    def test_a_file_that_cannot_be_opened_for_a_while_is_a_storage_error(self, path: Path) -> None:
        with SqliteStorage(path) as storage:
            add(storage, a_new_message())
            break_commits(storage)
            with pytest.raises(StorageError):
                add(storage, a_new_message())
            away = path.rename(path.with_name("away.db"))
            path.mkdir()

            with pytest.raises(StorageError, match="was replaced by another file") as raised:
                claim(storage)
            path.rmdir()
            away.rename(path)

            assert type(raised.value) is StorageError
            assert len(claim(storage)) == 1

    def test_a_storage_that_was_closed_after_an_error_stays_closed(self, path: Path) -> None:
        with SqliteStorage(path) as storage:
            break_commits(storage)
            with pytest.raises(StorageError):
                add(storage, a_new_message())

        with pytest.raises(StorageError, match="closed"):
            walk(storage)

    def test_damage_that_is_found_in_use_stops_everything(self, path: Path) -> None:
        with SqliteStorage(path) as storage:
            add(storage, *(a_new_message(a_message("x" * 2000)) for _ in range(50)))
        spoil(path, begin=100)  # behind the tables, which are read when it is opened
        with SqliteStorage(path) as storage:
            for act in (lambda: walk(storage, limit=100), lambda: claim(storage)):
                with pytest.raises(StorageCorruptError):
                    act()

        assert marked(path)

    def test_the_file_stays_the_same_when_the_process_changes_its_folder(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(path.parent)
        with SqliteStorage(path.name) as storage:
            add(storage, a_new_message())
            break_commits(storage)
            with pytest.raises(StorageError):
                add(storage, a_new_message())
            (path.parent / "elsewhere").mkdir()
            monkeypatch.chdir(path.parent / "elsewhere")

            assert len(walk(storage)) == 1

    def test_a_database_in_memory_goes_on_as_it_is(self) -> None:
        with SqliteStorage(":memory:") as storage:
            message = a_new_message()
            add(storage, message)
            (pages,) = storage._connection.execute("PRAGMA page_count").fetchone()
            storage._connection.execute(f"PRAGMA max_page_count = {pages + 2}")

            with pytest.raises(StorageFullError):
                add(storage, a_new_message(a_message("x" * 100_000)))

            assert walk(storage) == ids([message])

    def test_tables_that_are_gone_are_said_to_be(self, path: Path) -> None:
        with SqliteStorage(path) as storage, closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE messaging_outbox")

            with pytest.raises(SchemaError, match="messaging_outbox"):
                claim(storage)


class Disk:
    """Says how much room there is, and counts how often it was asked."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.asked: list[Path] = []
        self.now = 0.0

    def probe(self, folder: Path) -> int:
        self.asked.append(folder)
        return self.free

    def clock(self) -> float:
        return self.now


class TestFreeSpace:
    def test_below_the_floor_nothing_is_accepted_and_everything_else_goes_on(
        self, path: Path
    ) -> None:
        disk = Disk(64 * 2**20)
        with SqliteStorage(path, free_space=disk.probe) as storage:
            first, second = a_new_message(), a_new_message()
            add(storage, first, second)
        disk.free -= 1

        with SqliteStorage(path, free_space=disk.probe) as storage:
            with pytest.raises(StorageFullError, match="67108863 bytes are free"):
                add(storage, a_new_message(key="k"))
            (claimed,) = claim(storage, limit=1)
            settled = settle(storage, a_settlement(claimed))
            cancelled = cancel(storage, second)

            assert settled == [True]
            assert cancelled
            assert walk(storage) == ids([second, first])
        assert disk.asked == [path.parent] * 2

    def test_a_host_cannot_accept_either_and_keeps_its_transaction(self, path: Path) -> None:
        disk = Disk(0)
        with (
            SqliteStorage(path, free_space=disk.probe) as storage,
            closing(sqlite3.connect(path)) as own,
        ):
            own.execute("CREATE TABLE orders (id INTEGER)")
            own.execute("INSERT INTO orders VALUES (1)")
            with pytest.raises(StorageFullError), storage.begin(own) as tx:
                tx.messages.add([a_new_message()])
            own.commit()

            assert own.execute("SELECT * FROM orders").fetchall() == [(1,)]
            assert walk(storage) == []

    def test_the_disk_is_asked_at_most_once_a_second(self, path: Path) -> None:
        disk = Disk(100)
        space = FreeSpace(path.parent, 100, probe=disk.probe, clock=disk.clock)

        for disk.now in (0, 0.5, 0.99):
            space.require()
        disk.free = 99
        space.require()
        asked = len(disk.asked)
        disk.now = 1
        with pytest.raises(StorageFullError):
            space.require()
        disk.free = 100
        with pytest.raises(StorageFullError):
            space.require()
        disk.now = 2
        space.require()

        assert asked == 1
        assert len(disk.asked) == 3

    def test_without_a_floor_the_disk_is_not_asked(self, path: Path) -> None:
        disk = Disk(0)
        with SqliteStorage(path, free_space_floor=0, free_space=disk.probe) as storage:
            add(storage, a_new_message())
        with SqliteStorage(":memory:", free_space=disk.probe) as storage:
            add(storage, a_new_message())

        assert disk.asked == []

    def test_a_disk_that_does_not_answer_is_a_storage_error(self, path: Path) -> None:
        def fail(_: Path) -> int:
            raise PermissionError

        with (
            SqliteStorage(path, free_space=fail) as storage,
            pytest.raises(StorageError, match="how much room"),
        ):
            add(storage, a_new_message())

    def test_the_real_disk_is_asked(self, path: Path) -> None:
        with (
            SqliteStorage(path, free_space_floor=2**62) as storage,
            pytest.raises(StorageFullError, match=f"free in {path.parent}"),
        ):
            add(storage, a_new_message())
