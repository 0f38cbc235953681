"""Messages in one SQLite file, durable at every commit."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from messaging_adapters.storage.sqlite import health, layout
from messaging_adapters.storage.sqlite.contacts import SqliteContacts
from messaging_adapters.storage.sqlite.faults import is_doubtful, translate, translated
from messaging_adapters.storage.sqlite.joining import commits_by_itself, driver_connection, joined
from messaging_adapters.storage.sqlite.lists import SqliteContactLists
from messaging_adapters.storage.sqlite.opening import JournalMode, Opening
from messaging_adapters.storage.sqlite.outbox import SqliteOutbox
from messaging_adapters.storage.sqlite.receipts import SqliteReceipts
from messaging_adapters.storage.sqlite.retention import SqliteRetention
from messaging_adapters.storage.sqlite.sendings import SqliteSendings
from messaging_adapters.storage.sqlite.short_links import SqliteShortLinks
from messaging_adapters.storage.sqlite.space import FreeSpace, RoomyMessages, disk_free
from messaging_adapters.storage.sqlite.suppressions import SqliteSuppressions
from messaging_adapters.storage.sqlite.templates import SqliteTemplates
from messaging_adapters.storage.sqlite.timeline import SqliteTimeline
from messaging_adapters.storage.sqlite.turns import Turns
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
from messaging_core.ports.storage import Storage, Transaction


class SqliteTransaction(Transaction):
    """Everything one transaction can do, through one cursor."""

    def __init__(self, cursor: sqlite3.Cursor, scan_budget: int, space: FreeSpace) -> None:
        self.messages = RoomyMessages(cursor, scan_budget, space)
        self.outbox = SqliteOutbox(cursor)
        self.contacts = SqliteContacts(cursor)
        self.lists = SqliteContactLists(cursor)
        self.suppressions = SqliteSuppressions(cursor)
        self.receipts = SqliteReceipts(cursor)
        self.timeline = SqliteTimeline(cursor)
        self.sendings = SqliteSendings(cursor)
        self.retention = SqliteRetention(cursor)
        self.templates = SqliteTemplates(cursor)
        self.short_links = SqliteShortLinks(cursor)


class SqliteStorage(Storage):
    """Keep messages in a SQLite file, or in `:memory:`.

    Several threads share one object; several processes may open the same file. The journal mode
    follows the SQLite version: WAL where several connections may write in it safely, else
    TRUNCATE. A host that is the only process to open the file says `exclusive=True`, and gets
    WAL with every version, two to four times as many commits a second, and a file that nobody
    else can open meanwhile.

    A file that was not closed properly is checked before it is used, and so is one that had an
    error of the disk, through a new connection.

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

    Raises:
        ConfigurationError: The file cannot be used: no folder, no permission, no database, or a
            journal mode that is not safe.
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
    ) -> None:
        self.path = os.fspath(path)
        self._scan_budget = scan_budget
        self._busy_timeout = busy_timeout.total_seconds()
        self._lock = threading.Lock()
        self._opening = Opening(
            path=_absolute(self.path),
            exclusive=exclusive,
            synchronous=synchronous,
            journal_mode=journal_mode,
            busy_timeout=self._busy_timeout,
            migrate=migrate,
        )
        file = self._opening.file
        self._space = FreeSpace(
            file.parent if file else Path(), free_space_floor if file else 0, probe=free_space
        )
        self._use(self._opening.open())

    def _use(self, connection: sqlite3.Connection) -> None:
        self._connection, self._cursor = connection, connection.cursor()
        self._turns = Turns(connection, self._busy_timeout, is_shared=self._opening.is_shared)
        # It holds nothing but the cursor, so that one serves all transactions, each in its turn.
        self._tx = SqliteTransaction(self._cursor, self._scan_budget, self._space)
        self._is_doubtful = False

    @staticmethod
    def schema_statements() -> tuple[str, ...]:
        """Return what makes all tables in a database without them, one statement each.

        They are for the host's own migrations. In Alembic each goes to `op.execute`.
        """
        return layout.statements()

    @staticmethod
    def schema_sql() -> str:
        """Return the same as one script, for `sqlite3.Connection.executescript` or a file."""
        return "".join(f"{statement};\n" for statement in layout.statements())

    @staticmethod
    def migrate(where: Any) -> None:
        """Make the tables, or bring them up to date; where they are, nothing happens.

        Args:
            where: The path of a file, or a connection of the host's own as for `begin`: then the
                tables are part of its transaction, unless it commits every statement by itself.

        Raises:
            SchemaError: A newer version of this library has changed them.
        """
        if isinstance(where, str | os.PathLike):
            SqliteStorage(where).close()
            return
        raw = driver_connection(where)
        with translated():
            if commits_by_itself(raw) and not raw.in_transaction:
                raw.execute("BEGIN IMMEDIATE")
                with _ended(raw, lambda: raw.execute("COMMIT")):
                    layout.apply(raw)
            else:
                with joined(where):
                    layout.apply(raw)

    def check_schema(self, connection: Any = None) -> None:
        """Raise `SchemaError` with every difference from the tables this version works with.

        Missing tables, columns, indexes and triggers, those that are defined differently, and
        migrations that are not applied or unknown.

        Args:
            connection: The host's own; else the file of this storage is looked at.
        """
        if connection is not None:
            with translated():
                layout.check(driver_connection(connection))
            return
        with self._own(read_only=True):
            layout.check(self._connection)

    def begin(  # noqa: D102 - the port's
        self, connection: Any = None, *, read_only: bool = False
    ) -> AbstractContextManager[Transaction]:
        return self._own(read_only=read_only) if connection is None else self._hosts(connection)

    @contextmanager
    def _hosts(self, connection: Any) -> Iterator[Transaction]:
        """Take part in the host's transaction."""
        with translated(), joined(connection) as cursor:
            yield SqliteTransaction(cursor, self._scan_budget, self._space)

    @contextmanager
    def _own(self, *, read_only: bool) -> Iterator[Transaction]:
        """Hold our own connection, inside a transaction."""
        if not self._lock.acquire(timeout=self._busy_timeout):
            raise StorageBusyError("another thread of this process holds the database")
        try:
            if self._is_doubtful:
                self._reopen()
            if read_only:
                self._turns.begin_reading()
            else:
                self._turns.begin_writing()
            with _ended(self._connection, self._turns.commit):
                yield self._tx
        except sqlite3.Error as error:
            self._doubt(error)
            raise translate(error) from error
        finally:
            self._lock.release()

    def _doubt(self, error: sqlite3.Error) -> None:
        """Let go of the connection after an error that leaves open what reached the disk."""
        if is_doubtful(error) and self._opening.file:
            health.mark(self._opening.file)
            self._is_doubtful = True
            self._let_go()

    def _reopen(self) -> None:
        """Check the file, and go on with a new connection to it."""
        try:
            self._use(self._opening.open(is_doubtful=True))
        except SchemaError:
            raise
        except ConfigurationError as error:  # it worked before, and may again
            raise StorageError(str(error)) from error

    def _let_go(self) -> None:
        # A cursor that is still open keeps its last statement, and with it the file's lock.
        with suppress(sqlite3.Error):  # closed before
            self._cursor.close()
        with suppress(sqlite3.Error):
            self._connection.close()

    def close(self) -> None:
        """Give the file back; the object cannot be used any more. Closing twice is no fault."""
        with self._lock:
            self._is_doubtful = False
            self._let_go()

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
def _ended(connection: sqlite3.Connection, commit: Callable[[], object]) -> Iterator[None]:
    """End the open transaction with the block: with a commit, unless it raises."""
    try:
        yield
        commit()
    except BaseException:
        # SQLite may have rolled back already, on a full disk for instance.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _absolute(path: str) -> str:
    """Return a path that stays the same file when the process changes its folder."""
    return path if path in {"", ":memory:"} else str(Path(path).absolute())
