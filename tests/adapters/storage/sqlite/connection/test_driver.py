"""SQLite is called through the module that the host chose, and one file through one library."""

import gc
import json
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from messaging_adapters.storage.sqlite import SqliteStorage, wal_is_safe
from messaging_core.errors import (
    ArgumentError,
    ConfigurationError,
    SchemaError,
    StorageBusyError,
    StorageCorruptError,
    StorageError,
)
from messaging_core.testing import a_new_message
from messaging_core.testing.contracts.storage.steps import add, ids, walk

pysqlite3 = pytest.importorskip("pysqlite3", reason="pysqlite3 has no wheel for this machine")

SOON = timedelta(milliseconds=50)
LOGGER = "messaging_adapters.storage.sqlite.connection.opening"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def storage(path: Path) -> Iterator[SqliteStorage]:
    with SqliteStorage(path, driver=pysqlite3, busy_timeout=SOON) as storage:
        yield storage


def a_driver(version: str = sqlite3.sqlite_version, **names: Any) -> ModuleType:
    """Return what calls the same library as sqlite3, and claims a version."""
    module = ModuleType("a_driver")
    vars(module).update(vars(sqlite3) | names)
    vars(module)["sqlite_version"] = version
    vars(module)["sqlite_version_info"] = tuple(map(int, version.split(".")))
    return module


class TestPysqlite3:
    def test_a_shared_file_is_in_wal_mode(self, storage: SqliteStorage) -> None:
        (mode,) = storage._connection.execute("PRAGMA journal_mode").fetchone()

        assert wal_is_safe(pysqlite3.sqlite_version_info)
        assert type(storage._connection) is pysqlite3.Connection
        assert mode == "wal"

    def test_its_version_is_logged(self, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO", LOGGER)

        SqliteStorage(path, driver=pysqlite3).close()

        assert f"SQLite {pysqlite3.sqlite_version}, journal mode wal" in caplog.text

    def test_a_file_goes_from_one_to_the_other_between_two_openings(self, path: Path) -> None:
        news = [a_new_message() for _ in range(3)]

        for new, driver in zip(news, (sqlite3, pysqlite3, sqlite3), strict=True):
            with SqliteStorage(path, driver=driver) as storage:
                add(storage, new)
                storage.check_schema()

        with SqliteStorage(path, driver=pysqlite3) as storage:
            assert sorted(walk(storage)) == sorted(ids(news))

    def test_a_connection_that_holds_the_file_is_a_busy_storage(
        self, path: Path, storage: SqliteStorage
    ) -> None:
        with closing(pysqlite3.connect(path, isolation_level=None)) as host:
            host.execute("BEGIN IMMEDIATE")

            with pytest.raises(StorageBusyError, match="pass it as connection="):
                add(storage, a_new_message())

    def test_a_transaction_of_the_host_is_joined(self, path: Path, storage: SqliteStorage) -> None:
        first, second = a_new_message(), a_new_message()
        with closing(pysqlite3.connect(path)) as host:
            for new, end in ((first, host.rollback), (second, host.commit)):
                with storage.begin(host) as tx:
                    tx.messages.add([new])
                end()
            storage.check_schema(host)

        assert walk(storage) == ids([second])

    def test_an_error_in_the_transaction_of_the_host_is_ours(
        self, path: Path, storage: SqliteStorage
    ) -> None:
        with closing(pysqlite3.connect(path)) as host:
            host.execute("DROP TABLE messaging_tags")

            with pytest.raises(SchemaError, match="messaging_tags"), storage.begin(host):
                host.execute("SELECT * FROM messaging_tags")

    def test_sqlalchemy_uses_it_as_its_module(self, path: Path, storage: SqliteStorage) -> None:
        new = a_new_message()
        engine = create_engine(f"sqlite:///{path}", module=pysqlite3)
        with engine.connect() as host:
            with storage.begin(host) as tx:
                tx.messages.add([new])
            host.execute(text("CREATE TABLE orders (id INTEGER)"))
            host.commit()
        engine.dispose()

        assert walk(storage) == ids([new])

    @pytest.mark.parametrize("isolation_level", ["", None])
    def test_the_host_migrates_with_it(self, path: Path, isolation_level: str | None) -> None:
        with closing(pysqlite3.connect(path, isolation_level=isolation_level)) as host:
            SqliteStorage.migrate(host, driver=pysqlite3)
            host.commit()

        SqliteStorage.migrate(path, driver=pysqlite3)
        SqliteStorage(path, driver=pysqlite3, migrate=False).close()

    def test_a_damaged_file_is_refused_and_checked(self, path: Path) -> None:
        with SqliteStorage(path, driver=pysqlite3) as storage:
            add(storage, *(a_new_message() for _ in range(50)))
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 4096 * 10)
        path.with_name(f"{path.name}-unchecked").touch()

        with pytest.raises(StorageCorruptError, match="damaged"):
            SqliteStorage(path, driver=pysqlite3)

    def test_what_is_no_database_is_refused(self, path: Path) -> None:
        path.write_bytes(b"no database" * 1000)

        with pytest.raises(ConfigurationError, match="as a database"):
            SqliteStorage(path, driver=pysqlite3)

    def test_an_error_of_the_disk_is_followed_by_a_new_connection(
        self, storage: SqliteStorage
    ) -> None:
        new, before = a_new_message(), storage._connection
        error = pysqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR

        with pytest.raises(StorageError, match="disk I/O error"), storage.begin():
            raise error
        add(storage, new)

        assert storage._connection is not before
        assert walk(storage) == ids([new])


WRITER = """
import sys
import pysqlite3
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.testing import a_new_message
from messaging_core.testing.contracts.storage.steps import add
with SqliteStorage(sys.argv[1], driver=pysqlite3) as storage:
    for _ in range(100):
        add(storage, a_new_message())
"""


def test_two_processes_write_one_file_at_once(path: Path) -> None:
    command = [sys.executable, "-I", "-c", WRITER, str(path)]
    writers = [subprocess.Popen(command) for _ in range(2)]  # noqa: S603 - our own program

    assert [writer.wait(60) for writer in writers] == [0, 0]
    with SqliteStorage(path, driver=pysqlite3) as storage:
        assert len(walk(storage)) == 200
        assert storage._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


OLD = """
import sys
from datetime import timedelta
from types import ModuleType
import sqlite3
from messaging_adapters.storage.sqlite import SqliteStorage
old = ModuleType("old")
vars(old).update(vars(sqlite3), sqlite_version="3.40.1", sqlite_version_info=(3, 40, 1))
try:
    SqliteStorage(sys.argv[1], driver=old, busy_timeout=timedelta(milliseconds=50))
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_process_with_an_old_library_is_refused(path: Path, storage: SqliteStorage) -> None:
    add(storage, a_new_message())

    other = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-I", "-c", OLD, str(path)], capture_output=True, check=True, text=True
    )

    assert other.stdout.startswith("StorageBusyError")
    assert "the same newer SQLite in every process (driver=)" in other.stdout


class TestOneLibraryForOneFile:
    @pytest.mark.parametrize(
        "drivers", [(sqlite3, pysqlite3), (pysqlite3, sqlite3)], ids=["new", "old"]
    )
    @pytest.mark.parametrize("link", [None, os.symlink, os.link])
    def test_a_second_one_is_refused(
        self, path: Path, drivers: tuple[ModuleType, ModuleType], link: Any
    ) -> None:
        other = path.with_name("other.db") if link else path
        with SqliteStorage(path, driver=drivers[0]) as storage:
            if link:
                link(path, other)

            with pytest.raises(ConfigurationError, match="two SQLite libraries") as raised:
                SqliteStorage(other, driver=drivers[1])

            add(storage, a_new_message())
        for driver in drivers:
            assert f"{driver.__name__} (SQLite {driver.sqlite_version})" in str(raised.value)
        assert "same driver=" in str(raised.value)

    def test_a_refused_one_opens_nothing(self, path: Path, storage: SqliteStorage) -> None:
        # To close the file with another library would drop the locks of this one.
        with storage.begin() as tx:
            tx.messages.add([a_new_message()])
            with pytest.raises(ConfigurationError):
                SqliteStorage(path)
            writer = subprocess.run(  # noqa: S603 - our own program
                [sys.executable, "-I", "-c", CAN_WRITE, str(path)],
                capture_output=True,
                check=True,
                text=True,
            )

        assert writer.stdout.strip() == "database is locked"

    def test_after_the_last_is_closed_another_may_come(self, path: Path) -> None:
        first, second = (SqliteStorage(path, driver=pysqlite3) for _ in range(2))
        first.close()
        with pytest.raises(ConfigurationError):
            SqliteStorage(path)
        second.close()
        second.close()

        SqliteStorage(path).close()

    def test_one_that_could_not_be_opened_blocks_no_other(self, path: Path) -> None:
        path.write_bytes(b"no database" * 1000)
        with suppress(ConfigurationError):
            SqliteStorage(path, driver=pysqlite3)
        path.unlink()

        SqliteStorage(path).close()

    def test_one_that_was_forgotten_blocks_no_other(self, path: Path) -> None:
        SqliteStorage(path, driver=pysqlite3)
        gc.collect()

        SqliteStorage(path).close()

    def test_other_files_and_memory_are_free(self, path: Path, storage: SqliteStorage) -> None:
        with SqliteStorage(path.with_name("b.db")) as file, SqliteStorage(":memory:") as memory:
            for place in (storage, file, memory):
                add(place, a_new_message())

    def test_two_modules_of_one_library_are_one(self, path: Path, storage: SqliteStorage) -> None:
        with SqliteStorage(path, driver=pysqlite3.dbapi2) as other:
            add(other, a_new_message())

        assert len(walk(storage)) == 1

    def test_a_connection_of_another_is_refused(self, path: Path, storage: SqliteStorage) -> None:
        with closing(sqlite3.connect(path)) as host:
            for call in (storage.begin, storage.check_schema):
                with pytest.raises(ConfigurationError, match=r"takes a pysqlite3\.Con") as raised:
                    list_of(call, host)
                assert "pass driver=sqlite3 to the storage" in str(raised.value)

    def test_so_is_one_inside_sqlalchemy(self, path: Path, storage: SqliteStorage) -> None:
        engine = create_engine(f"sqlite:///{path}")
        with (
            engine.connect() as host,
            pytest.raises(ConfigurationError, match="two SQLite libraries"),
        ):
            list_of(storage.begin, host)
        engine.dispose()

    def test_and_one_of_pysqlite3_where_sqlite3_is_used(self, path: Path) -> None:
        with (
            SqliteStorage(path) as storage,
            closing(pysqlite3.connect(path)) as host,
            pytest.raises(ConfigurationError, match="pass driver=pysqlite3 to the storage"),
        ):
            list_of(storage.begin, host)
        with (
            closing(pysqlite3.connect(path)) as host,
            pytest.raises(ConfigurationError, match="two SQLite libraries"),
        ):
            SqliteStorage.migrate(host)


CAN_WRITE = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0).execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
"""


def list_of(call: Any, host: Any) -> None:
    """Enter what a call returns, if it is a transaction."""
    made = call(host)
    if made is not None:
        with made:
            pass


class TestArgument:
    @pytest.mark.parametrize("value", ["pysqlite3", None, sqlite3.connect])
    def test_it_is_a_module(self, path: Path, value: Any) -> None:
        with pytest.raises(ArgumentError, match="driver must be a module like sqlite3"):
            SqliteStorage(path, driver=value)

    def test_it_has_the_names_of_sqlite3(self, path: Path) -> None:
        with pytest.raises(ConfigurationError, match="json has no connect, Connection"):
            SqliteStorage(path, driver=json)

    def test_its_errors_have_codes(self, path: Path) -> None:
        class Error(Exception):
            """An error of a driver that says no more than a text."""

        class Connection:
            def execute(self, _: str) -> None:
                raise Error

            def close(self) -> None:
                pass

        mute = a_driver(connect=lambda _: Connection(), Connection=Connection, Error=Error)

        with pytest.raises(ConfigurationError, match="errors have sqlite_errorcode"):
            SqliteStorage(path, driver=mute)

    def test_it_is_new_enough(self, path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"3\.37\.2 is older than 3\.38"):
            SqliteStorage(path, driver=a_driver("3.37.2"))


class TestWarning:
    def warnings(self, caplog: pytest.LogCaptureFixture) -> list[str]:
        return [
            record.getMessage()
            for record in caplog.records
            if record.levelno == logging.WARNING and record.name == LOGGER
        ]

    def test_a_shared_file_of_an_old_library_is_slow_and_says_why(
        self, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with SqliteStorage(path, driver=a_driver("3.40.1")) as storage:
            storage._own.give_up(sqlite3.OperationalError("disk I/O error"))
            walk(storage)

        (warning,) = self.warnings(caplog)
        for part in ("TRUNCATE", "SQLite 3.40.1", str(path), "messaging-engine[sqlite]", "driver="):
            assert part in warning

    @pytest.mark.parametrize(
        ("version", "options"),
        [
            ("3.40.1", {"exclusive": True}),
            ("3.40.1", {"journal_mode": "TRUNCATE"}),
            ("3.51.3", {}),
        ],
    )
    def test_nothing_else_is_warned_of(
        self,
        path: Path,
        caplog: pytest.LogCaptureFixture,
        version: str,
        options: dict[str, Any],
    ) -> None:
        # In WAL mode only for a moment, and by one process.
        SqliteStorage(path, driver=a_driver(version), **options).close()
        SqliteStorage(":memory:", driver=a_driver("3.40.1")).close()

        assert self.warnings(caplog) == []
