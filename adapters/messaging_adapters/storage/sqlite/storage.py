"""Messages in one SQLite file, durable at every commit."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from math import inf
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Literal, Self

from messaging_adapters.storage.sql.transaction import SqlTransaction
from messaging_adapters.storage.sqlite.connection import driver as drivers
from messaging_adapters.storage.sqlite.connection import files, health, inherited
from messaging_adapters.storage.sqlite.connection.free_space import FreeSpace, disk_free
from messaging_adapters.storage.sqlite.connection.locking import LockRetry
from messaging_adapters.storage.sqlite.connection.opening import JournalMode, Opening
from messaging_adapters.storage.sqlite.errors import BUSY, is_doubtful, translate, translated
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
from messaging_core.errors import ConfigurationError, SchemaError, StorageBusyError, StorageError
from messaging_core.fork import ForkAware, watch_forks
from messaging_core.models.delivery.health import DiskSpace
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.ports.storage.transaction_lock import OVERTAKEN, Hold, TransactionLock


class SqliteTransaction(SqlTransaction):
    """Everything one transaction can do, through one cursor."""

    def __init__(self, cursor: sqlite3.Cursor, scan_budget: int, space: FreeSpace) -> None:
        super().__init__(cursor, scan_budget)
        self.messages = SpaceCheckedMessages(cursor, scan_budget, space)


_CLOSED = "the storage is closed: make a new one"


class SqliteStorage(ForkAware, Storage):
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
        self._busy_timeout = busy_timeout.total_seconds()
        self._lock = TransactionLock(self._busy_timeout)
        self._fork: Hold | None = None
        self._process = os.getpid()
        self._opening = Opening(
            path=files.absolute(self.path),
            exclusive=exclusive,
            synchronous=synchronous,
            journal_mode=journal_mode,
            busy_timeout=self._busy_timeout,
            migrate=migrate,
            driver=driver,
        )
        self._driver = driver
        file = self._opening.file
        self._space = FreeSpace(
            file.parent if file else Path(), free_space_floor if file else 0, probe=free_space
        )
        self._is_doubtful = self._is_dropped = self._is_closed = False
        self._file: files.WatchedFile | None = None
        self._claim = drivers.claim(file, driver) if file else None
        try:
            self._use(self._opening.open())
        except BaseException:
            self._release_claim()
            raise
        self._opening.warn_if_slow()
        watch_forks(self)

    def _release_claim(self) -> None:
        if self._claim:
            self._claim.release()

    def _use(self, connection: sqlite3.Connection) -> None:
        cursor = connection.cursor()
        retry = LockRetry(connection, self._busy_timeout, is_shared=self._opening.is_shared)
        # It holds nothing but the cursor, so that one serves all transactions, each in its turn.
        tx = SqliteTransaction(cursor, self._scan_budget, self._space)
        file = self._watched(cursor)
        # All at once: a signal handler may raise between two lines.
        self._connection, self._cursor, self._retry, self._tx = connection, cursor, retry, tx
        self._file, self._is_doubtful, self._is_dropped = file, False, False

    def _watched(self, cursor: sqlite3.Cursor) -> files.WatchedFile | None:
        """Return what notices that the file is another one; nothing for a database in memory."""
        if self._opening.file is None:
            return None
        (mode,) = cursor.execute("PRAGMA journal_mode").fetchone()
        path = self._opening.path
        identity = self._file.identity if self._file else files.identity_of(path)
        if identity is None:
            raise StorageError(f"{path} was deleted while it was opened: open it again")
        return files.WatchedFile(path, identity, mode, self._driver.sqlite_version)

    @staticmethod
    def schema_statements() -> tuple[str, ...]:
        """Return what makes all tables in a database without them, one statement each.

        They are for the host's own migrations. In Alembic each goes to `op.execute`.
        """
        return check.statements()

    @staticmethod
    def schema_sql() -> str:
        """Return the same as one script, for `sqlite3.Connection.executescript` or a file."""
        return "".join(f"{statement};\n" for statement in check.statements())

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

    def check_schema(self, connection: Any = None) -> None:
        """Raise `SchemaError` with every difference from the tables this version works with.

        Missing tables, columns, indexes and triggers, those that are defined differently, and
        migrations that are not applied or unknown.

        Args:
            connection: The host's own; else the file of this storage is looked at.
        """
        if connection is not None:
            with translated(self._driver.Error):
                check.check(driver_connection(connection, self._driver))
            return
        with self._own(read_only=True):
            check.check(self._connection)

    def begin(
        self, connection: Any = None, *, read_only: bool = False
    ) -> AbstractContextManager[Transaction]:
        if connection is None:
            return self._own(read_only=read_only)
        return self._hosts(connection, read_only=read_only)

    @contextmanager
    def _hosts(self, connection: Any, *, read_only: bool) -> Iterator[Transaction]:
        """Take part in the host's transaction."""
        driver = self._driver
        with (
            translated(driver.Error),
            joined(driver_connection(connection, driver), read_only=read_only) as cursor,
        ):
            tx = SqliteTransaction(cursor, self._scan_budget, self._space)
            tx.timeline.read_only = read_only
            yield tx

    @contextmanager
    def _own(self, *, read_only: bool) -> Iterator[Transaction]:
        """Hold our own connection, inside a transaction."""
        if os.getpid() != self._process:  # forked by code that does not tell Python
            self.after_fork_in_child()
        hold = Hold()
        try:
            try:
                self._lock.acquire(hold)
                self._begin(read_only=read_only)
                yield self._tx
                self._commit(hold)
            except self._driver.Error as error:
                self._doubt(hold, error)
                raise translate(error, remedy=BUSY) from error
            finally:
                self._end(hold)
        finally:
            self._end(hold)  # a signal handler may have raised in the line above

    def _begin(self, *, read_only: bool) -> None:
        if self._is_closed:
            raise StorageError(_CLOSED)
        if self._is_doubtful or self._is_dropped:
            self._reopen()
        elif self._connection.in_transaction:
            self._recover()
        self._tx.timeline.read_only = read_only
        if read_only:
            self._retry.begin_reading()
        else:
            self._retry.begin_writing()
        if self._file:
            self._file.check(read_only=read_only)

    def _recover(self) -> None:
        """Undo what an interrupted transaction has left, and let it write nothing any more."""
        cursor = self._cursor
        self._roll_back()
        self._use(self._connection)
        cursor.close()

    def _commit(self, hold: Hold) -> None:
        if self._lock.holder is not hold:
            raise StorageError(OVERTAKEN)
        self._retry.commit()

    def _end(self, hold: Hold) -> None:
        """Roll back what was not committed, and let other threads go on."""
        if self._lock.holder is hold:
            self._roll_back()
        self._lock.release(hold)

    def _roll_back(self) -> None:
        if self._is_doubtful or self._is_dropped or self._is_closed:
            return  # the connection is closed
        try:
            # SQLite may have rolled back already, on a full disk for instance.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except self._driver.Error as error:
            self._give_up(error)

    def _doubt(self, hold: Hold, error: sqlite3.Error) -> None:
        """Let go of the connection after an error that leaves open what reached the disk."""
        if self._lock.holder is hold and is_doubtful(error):
            self._roll_back()
            self._give_up(error)

    def _give_up(self, error: sqlite3.Error) -> None:
        """Close a connection that cannot be trusted any more; the next call opens another."""
        if not self._opening.file:
            return
        if is_doubtful(error):
            health.mark(self._opening.file)
        self._is_doubtful = True
        self._let_go()

    def _reopen(self) -> None:
        """Go on with a new connection; after an error, check the file first."""
        if self._file is None:  # another database in memory would be empty
            raise ConfigurationError(inherited.BEGUN.format(path=self.path))
        if not self._is_dropped:
            self._let_go()
        try:
            identity = self._file.identity
            self._use(self._opening.open(identity, is_doubtful=self._is_doubtful))
        except SchemaError:
            raise
        except ConfigurationError as error:
            if self._is_dropped:  # by a fork
                raise
            raise StorageError(str(error)) from error  # it worked before, and may again

    def _let_go(self) -> None:
        # A cursor that is still open keeps its last statement, and with it the file's lock.
        with suppress(self._driver.Error):  # closed before
            self._cursor.close()
        with suppress(self._driver.Error):
            self._connection.close()

    def disk_space(self) -> DiskSpace | None:
        """Return the room on the disk of the file; nothing for a database in memory."""
        return self._space.measure()

    def close(self) -> None:
        """Give the file back; the object cannot be used any more. Closing twice is no fault."""
        if os.getpid() != self._process:
            self.after_fork_in_child()
        hold = Hold()
        try:
            self._lock.acquire(hold, inf)
            self._is_closed = True
            if not self._is_dropped:
                self._let_go()
            self._release_claim()
        finally:
            self._lock.release(hold)

    def before_fork(self) -> None:
        """Wait until no other thread is in a transaction: a child could never use the file."""
        inherited.prepare()
        holder, hold = self._lock.holder, Hold()
        if holder is None or holder.thread is not hold.thread:
            with suppress(StorageBusyError):
                self._lock.acquire(hold)
                self._fork = hold
                self._close_for_fork()

    def _close_for_fork(self) -> None:
        """Close a connection in WAL mode, which is never without locks, unless it is exclusive."""
        if self._file and self._file.is_wal and not self._opening.exclusive and self._is_open:
            self._let_go()
            self._is_doubtful = True

    @property
    def _is_open(self) -> bool:
        return not (self._is_closed or self._is_doubtful or self._is_dropped)

    def after_fork_in_parent(self) -> None:
        """Let other threads go on."""
        fork, self._fork = self._fork, None
        if fork is not None:
            self._lock.release(fork)

    def after_fork_in_child(self) -> None:
        """Leave the connection to the parent, and open another one at the next call."""
        holder, fork = self._lock.holder, self._fork
        is_idle = holder is None or holder is fork
        self._process, self._fork = os.getpid(), None
        self._lock = TransactionLock(self._busy_timeout)
        if self._file is None and is_idle:
            return  # the child has its own copy of a database in memory
        is_open, self._is_dropped = self._is_open, not self._is_closed
        if is_open:
            inherited.keep(self._connection, self._cursor, self._tx)
        self._refuse_file(is_idle=is_idle)

    def _refuse_file(self, *, is_idle: bool) -> None:
        if self._file and self._opening.exclusive:
            inherited.refuse(self._file.identity, inherited.EXCLUSIVE)
        elif self._file and not is_idle:
            inherited.refuse(self._file.identity, inherited.BEGUN)

    def __enter__(self) -> Self:
        """Close the file when the block ends."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()


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
