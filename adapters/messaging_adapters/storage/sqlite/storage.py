"""Messages in one SQLite file, durable at every commit."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Literal, Self

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.contacts import SqliteContacts
from messaging_adapters.storage.sqlite.lists import SqliteContactLists
from messaging_adapters.storage.sqlite.messages import SqliteMessages
from messaging_adapters.storage.sqlite.outbox import SqliteOutbox
from messaging_adapters.storage.sqlite.receipts import SqliteReceipts
from messaging_adapters.storage.sqlite.schema import migrations
from messaging_adapters.storage.sqlite.suppressions import SqliteSuppressions
from messaging_adapters.storage.sqlite.timeline import SqliteTimeline
from messaging_core.errors import ConfigurationError, StorageBusyError, StorageError
from messaging_core.ports.storage import Storage, Transaction

MINIMUM_VERSION = (3, 38, 0)

# Versions in which two connections that write in WAL mode can corrupt the file: 3.7.0 to 3.51.2,
# but for the back-ports (the "WAL-reset" bug, https://sqlite.org/wal.html). 3.52.0 was withdrawn.
_WAL_FIXED = (3, 51, 3)
_WAL_BACKPORTS = {(3, 44): 6, (3, 50): 7}
_WITHDRAWN = (3, 52, 0)

_PAUSE = 0.01  # seconds between attempts to open a file that others hold


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """Return whether several connections may write in WAL mode with this SQLite version."""
    major, minor, patch = version
    if version == _WITHDRAWN:
        return False
    backport = _WAL_BACKPORTS.get((major, minor))
    return version >= _WAL_FIXED or (backport is not None and patch >= backport)


class SqliteTransaction(Transaction):
    """Everything one transaction can do, through one cursor."""

    def __init__(self, cursor: sqlite3.Cursor, scan_budget: int) -> None:
        self.messages = SqliteMessages(cursor, scan_budget)
        self.outbox = SqliteOutbox(cursor)
        self.contacts = SqliteContacts(cursor)
        self.lists = SqliteContactLists(cursor)
        self.suppressions = SqliteSuppressions(cursor)
        self.receipts = SqliteReceipts(cursor)
        self.timeline = SqliteTimeline(cursor)


class SqliteStorage(Storage):
    """Keep messages in a SQLite file, or in `:memory:`.

    Several threads share one object; several processes may open the same file. The journal mode
    follows the SQLite version: WAL where several connections may write in it safely, else
    TRUNCATE. A host that is the only process to open the file says `exclusive=True`, and gets
    WAL with every version, two to four times as many commits a second, and a file that nobody
    else can open meanwhile.

    Args:
        path: The file; it and its tables are made when they are not there.
        exclusive: No other process opens the file while this one does.
        synchronous: `FULL` keeps every acknowledged message over a power cut; `NORMAL` may lose
            the last ones in WAL mode, and is for data that can be had again.
        busy_timeout: How long to wait for another connection before `StorageBusyError`.
        scan_budget: How many candidates a page of a listing may look at beyond its limit.

    Raises:
        ConfigurationError: The file cannot be used: no folder, no permission, no database.
        StorageBusyError: Another process held the file for too long, or holds it exclusively.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        exclusive: bool = False,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        busy_timeout: timedelta = timedelta(seconds=5),
        scan_budget: int = 1000,
    ) -> None:
        if sqlite3.sqlite_version_info < MINIMUM_VERSION:
            raise ConfigurationError(f"SQLite {sqlite3.sqlite_version} is older than 3.38")
        self.path = os.fspath(path)
        self._scan_budget = scan_budget
        self._busy_timeout = busy_timeout.total_seconds()
        self._lock = threading.Lock()
        self._connection = self._open(exclusive=exclusive, synchronous=synchronous)
        self._cursor = self._connection.cursor()

    def _open(self, *, exclusive: bool, synchronous: str) -> sqlite3.Connection:
        where, deadline = Path(self.path).absolute(), monotonic() + self._busy_timeout
        while True:
            try:
                return self._connect(exclusive=exclusive, synchronous=synchronous)
            except sqlite3.Error as error:
                if not _is_busy(error):
                    message = f"cannot use {where} as a database: {error}"
                    raise ConfigurationError(message) from error
                if monotonic() > deadline:
                    message = f"another process holds {where}, for a while or exclusively: {error}"
                    raise StorageBusyError(message) from error
            # SQLite does not wait while the journal mode of a file is changed, nor can it be
            # changed before all others let go: processes that start together take turns.
            sleep(_PAUSE)

    def _connect(self, *, exclusive: bool, synchronous: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        try:
            self._prepare(connection, exclusive=exclusive, synchronous=synchronous)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(
        self, connection: sqlite3.Connection, *, exclusive: bool, synchronous: str
    ) -> None:
        if exclusive:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        use_wal = exclusive or wal_is_safe(sqlite3.sqlite_version_info[:3])
        connection.execute(f"PRAGMA journal_mode = {'WAL' if use_wal else 'TRUNCATE'}")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA cache_size = -16384")
        connection.execute("BEGIN IMMEDIATE")
        try:
            migrations.apply(Database(connection))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    @contextmanager
    def begin(  # noqa: D102 - the port's
        self, connection: Any = None, *, read_only: bool = False
    ) -> Iterator[Transaction]:
        if connection is not None:
            with _translated(), _joined(connection) as cursor:
                yield SqliteTransaction(cursor, self._scan_budget)
            return
        if not self._lock.acquire(timeout=self._busy_timeout):
            raise StorageBusyError("another thread of this process holds the database")
        try:
            with _translated(), _transaction(self._connection, read_only=read_only):
                yield SqliteTransaction(self._cursor, self._scan_budget)
        finally:
            self._lock.release()

    def close(self) -> None:
        """Give the file back; the object cannot be used any more. Closing twice is no fault."""
        with self._lock:
            # A cursor that is still open keeps its last statement, and with it the file's lock.
            with suppress(sqlite3.ProgrammingError):  # closed before
                self._cursor.close()
            self._connection.close()

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
def _transaction(connection: sqlite3.Connection, *, read_only: bool) -> Iterator[None]:
    connection.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back already, on a full disk for instance.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _joined(connection: sqlite3.Connection) -> Iterator[sqlite3.Cursor]:
    """Work inside the host's transaction, all or nothing, and leave it open."""
    if not isinstance(connection, sqlite3.Connection):
        raise ConfigurationError(
            f"connection= takes a sqlite3.Connection, not {type(connection).__name__}"
        )
    if not connection.in_transaction:
        # From Python 3.12 on a connection may also be told to commit every statement by itself.
        if connection.isolation_level is None or getattr(connection, "autocommit", None) is True:
            raise ConfigurationError("begin a transaction on this connection first")
        connection.execute("BEGIN IMMEDIATE")
    cursor = connection.cursor()
    cursor.row_factory = None
    cursor.execute("SAVEPOINT messaging")
    try:
        yield cursor
    except BaseException:
        if connection.in_transaction:
            cursor.execute("ROLLBACK TO messaging")
        raise
    finally:
        if connection.in_transaction:
            cursor.execute("RELEASE messaging")


@contextmanager
def _translated() -> Iterator[None]:
    """Turn errors of SQLite into the port's."""
    try:
        yield
    except sqlite3.Error as error:
        if _is_busy(error):
            raise StorageBusyError(str(error)) from error
        raise StorageError(str(error)) from error


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
