"""Messages in one SQLite file, durable at every commit."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from messaging_adapters.storage.sql.storage import SqlStorage
from messaging_adapters.storage.sql.transaction import SqlTransaction
from messaging_adapters.storage.sqlite.connection import driver as drivers
from messaging_adapters.storage.sqlite.connection import files
from messaging_adapters.storage.sqlite.connection.free_space import FreeSpace, disk_free
from messaging_adapters.storage.sqlite.connection.opening import JournalMode, Opening
from messaging_adapters.storage.sqlite.connection.own import OwnConnection
from messaging_adapters.storage.sqlite.dialect import SqliteDialect
from messaging_adapters.storage.sqlite.errors import translated
from messaging_adapters.storage.sqlite.host_transaction import (
    commits_by_itself,
    driver_connection,
    joined,
)
from messaging_adapters.storage.sqlite.schema import check
from messaging_adapters.storage.sqlite.space_checked import SpaceCheckedMessages
from messaging_core.arguments import (
    checked,
    choice,
    flag,
    function,
    optional,
    path,
    span,
    whole,
)
from messaging_core.fork import watch_forks
from messaging_core.models.delivery.health import DiskSpace
from messaging_core.ports.storage.transaction import Transaction


class SqliteTransaction(SqlTransaction):
    """Everything one transaction can do, through one cursor."""

    def __init__(self, cursor: sqlite3.Cursor, scan_budget: int, space: FreeSpace) -> None:
        dialect = SqliteDialect(cursor)
        super().__init__(dialect, scan_budget)
        self.messages = SpaceCheckedMessages(dialect, scan_budget, space)


class SqliteStorage(SqlStorage):
    """Keep messages in a SQLite file, or in `:memory:`.

    Several threads share one object; several processes may open the same file. The journal mode
    follows the SQLite version: WAL where several connections may write in it safely, else
    TRUNCATE. A host that is the only process to open the file says `exclusive=True`, and gets
    WAL with every version, two to four times as many commits a second, and a file that no
    other process can open meanwhile.

    A file that was not closed properly is checked before it is used, and so is one that had an
    error of the disk, through a new connection. A file that is deleted, moved or replaced while
    it is open is refused, and never created again.

    A forked child opens the file itself. With `exclusive=True` it is refused.

    Args:
        path: The file; it is made when it is not there.
        exclusive: No other process opens the file while this one does.
        synchronous: `FULL` keeps every acknowledged message over a power cut; `NORMAL` may lose
            the last ones, or without WAL damage the file, and is for data that can be had again.
        journal_mode: Another one than follows from the version.
        busy_timeout: How long to wait for another connection before `StorageBusyError`.
        scan_budget: How many candidates a page of a listing may look at beyond its limit.
        migrate: Make the tables and bring them up to date; else only look whether they are.
        free_space_floor: How many bytes must be free on the disk for messages to be accepted.
        free_space: Tells how many bytes are free in a folder.
        driver: The DB-API module to call SQLite with, when it is not `sqlite3`: for instance
            `pysqlite3`, which brings a newer SQLite. All storages of one file in one process use
            the same, and so do the connections that `begin` takes.

    Raises:
        ConfigurationError: The file cannot be used: no folder, no permission, no database, no
            name of a file, inherited by a fork, open in this process with another SQLite
            library, or a journal mode that is not safe.
        SchemaError: The tables are of a newer version, or not up to date and `migrate` is false.
        StorageBusyError: Another process held the file for too long, or holds it exclusively.
        StorageCorruptError: The file is damaged.
    """

    @checked(
        path=path,
        exclusive=flag,
        synchronous=choice("FULL", "NORMAL", case=str.upper),
        journal_mode=optional(choice("WAL", "TRUNCATE", "DELETE", case=str.upper)),
        busy_timeout=span(timedelta(0)),
        scan_budget=whole(0),
        migrate=flag,
        free_space_floor=whole(0),
        free_space=function,
        driver=drivers.checked_driver,
    )
    def __init__(  # noqa: PLR0913 - one argument for each choice, all by name
        self,
        path: str | os.PathLike[str],
        *,
        exclusive: bool = False,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        journal_mode: JournalMode | None = None,
        busy_timeout: timedelta = timedelta(seconds=5),
        scan_budget: int = 1000,
        migrate: bool = True,
        free_space_floor: int = 64 * 2**20,
        free_space: Callable[[Path], int] = disk_free,
        driver: ModuleType = sqlite3,
    ) -> None:
        self.path = files.checked_name(path)
        self._scan_budget = scan_budget
        self._driver = driver
        opening = Opening(
            path=files.absolute(self.path),
            exclusive=exclusive,
            synchronous=synchronous,
            journal_mode=journal_mode,
            busy_timeout=busy_timeout.total_seconds(),
            migrate=migrate,
            driver=driver,
        )
        file = opening.file
        self._space = FreeSpace(
            file.parent if file else Path(), free_space_floor if file else 0, probe=free_space
        )
        self._own = OwnConnection(opening, self._transaction)
        watch_forks(self._own)

    def _transaction(self, cursor: sqlite3.Cursor) -> SqliteTransaction:
        return SqliteTransaction(cursor, self._scan_budget, self._space)

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._own.connection

    @staticmethod
    def schema_statements() -> tuple[str, ...]:
        return check.statements()

    @staticmethod
    @checked(driver=drivers.checked_driver)
    def migrate(where: Any, *, driver: ModuleType = sqlite3) -> None:
        """Make the tables, or bring them up to date; where they are, nothing happens.

        Args:
            where: The path of a file, or a connection of the host's own as for `begin`: then the
                tables are part of its transaction, unless it commits every statement by itself.
            driver: The DB-API module of the connection, or to open the file with.

        Raises:
            SchemaError: A newer version of this library has changed them.
        """
        if isinstance(where, str | os.PathLike):
            SqliteStorage(where, driver=driver).close()
            return
        raw = driver_connection(where, driver)
        with translated(driver.Error):
            if commits_by_itself(raw) and not raw.in_transaction:
                with _transaction(raw):
                    check.apply(raw)
            else:
                with joined(raw):
                    check.apply(raw)

    def _check_own(self) -> None:
        with self._begin_own(read_only=True):
            check.check(self._connection)

    def _check_hosts(self, connection: Any) -> None:
        with translated(self._driver.Error):
            check.check(driver_connection(connection, self._driver))

    def _begin_own(self, *, read_only: bool) -> AbstractContextManager[Transaction]:
        return self._own.transaction(read_only=read_only)

    @contextmanager
    def _begin_hosts(self, connection: Any, *, read_only: bool) -> Iterator[Transaction]:
        driver = self._driver
        with (
            translated(driver.Error),
            joined(driver_connection(connection, driver), read_only=read_only) as cursor,
        ):
            tx = self._transaction(cursor)
            tx.timeline.read_only = read_only
            yield tx

    def disk_space(self) -> DiskSpace | None:
        """Return the room on the disk of the file; nothing for a database in memory."""
        return self._space.measure()

    def close(self) -> None:
        self._own.close()


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Begin a transaction, and end it with the block: with a commit, unless it raises."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
