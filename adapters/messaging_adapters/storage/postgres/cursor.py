"""The cursor that the stores work through, in the manner of the one of SQLite."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper
from psycopg.types.string import StrDumperUnknown, TextBinaryLoader

from messaging_adapters.storage.postgres import arrays
from messaging_adapters.storage.postgres.arrays import columns_of
from messaging_adapters.storage.postgres.texts import escaped, unescaped
from messaging_adapters.storage.postgres.translation import (
    Statement,
    insertion,
    together,
    translated,
    translated_with_locks,
)
from messaging_adapters.storage.sql.cursor import Values
from messaging_core.errors import StorageError
from messaging_core.ports.time_limit import time_to_read

Connection = psycopg.Connection[Any] | psycopg.AsyncConnection[Any]
"""A connection of the driver; one of asyncio only inside SQLAlchemy's `run_sync`."""


class _Text(StrDumperUnknown):
    """Write a text; NUL, which PostgreSQL does not store, as an escape that keeps the order."""

    def dump(self, obj: str) -> Any:
        return super().dump(escaped(obj))


class _TextLoader(TextBinaryLoader):
    """Read a text that `_Text` wrote."""

    def load(self, data: Any) -> Any:
        return unescaped(str(super().load(data)))


class _AwaitedCursor:
    """A cursor of asyncio, for code that SQLAlchemy runs in a greenlet of its event loop."""

    def __init__(self, cursor: psycopg.AsyncRawCursor[Any]) -> None:
        from sqlalchemy.util import await_only  # noqa: PLC0415 - such a cursor came from there

        self._await = await_only
        self._cursor = cursor
        self.adapters = cursor.adapters

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    def execute(self, sql: str, values: Sequence[Any] = (), *, binary: bool | None = None) -> Any:
        return self._await(self._cursor.execute(sql, values, binary=binary))

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        self._await(self._cursor.executemany(sql, rows))

    def fetchone(self) -> Any:
        return self._await(self._cursor.fetchone())

    def fetchall(self) -> list[Any]:
        rows: list[Any] = self._await(self._cursor.fetchall())
        return rows


def raw_cursor(connection: Connection) -> Any:
    """Return a cursor that gives tuples, and takes `$1` for the first value."""
    if isinstance(connection, psycopg.AsyncConnection):
        return _AwaitedCursor(psycopg.AsyncRawCursor(connection, row_factory=tuple_row))
    return psycopg.RawCursor(connection, row_factory=tuple_row)


def adapt(adapters: psycopg.adapt.AdaptersMap) -> None:
    """Let a connection or a cursor write and read values as the stores do."""
    # One type for all integers, whatever their size, so that a statement is prepared once.
    adapters.register_dumper(int, Int8Dumper)
    adapters.register_dumper(int, Int8BinaryDumper)
    adapters.register_dumper(str, _Text)
    adapters.register_loader("text", _TextLoader)
    arrays.register(adapters)


class PostgresCursor:
    """Execute the statements of SQLite, and those written for PostgreSQL, on one connection.

    Args:
        connection: Of the driver. Where it is the host's own, nothing of it is changed, not its
            adapters either, and every statement is answered before the next is sent.
        locks: Whether documents that are read stay as they are until the transaction ends.
        pipeline: Of a connection of ours: then no statement waits for its answer, but who reads it.
        is_ours: Whether the connection is adapted already; then no statement that only reads
            begins after the time for reads is over.
        commit: Ends the transaction, where that is not the host's.

    Attributes:
        commits_early: Whether a statement can be answered together with the commit.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        locks: bool,
        pipeline: psycopg.Pipeline | None = None,
        is_ours: bool = False,
        commit: Callable[[], None] | None = None,
    ) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self.commits_early = pipeline is not None and commit is not None and locks
        self._commit, self._is_over = commit, False
        self._is_limited = is_ours and not locks
        self._translated = translated_with_locks if locks else translated
        self._cursor = raw_cursor(connection)
        self._later: dict[str, tuple[str, Values]] = {}
        self._asked: list[tuple[str, list[Any], Any]] = []
        if not is_ours:
            adapt(self._cursor.adapters)

    @property
    def rowcount(self) -> int:
        """Return how many rows the last statement wrote, or returned."""
        if self._pipeline is not None and self._cursor.pgresult is None:
            self._pipeline.sync()
        return int(self._cursor.rowcount)

    def execute(self, sql: str, values: Values = ()) -> Self:
        """Execute a statement that SQLite has too."""
        return self.run(self._translated(sql), values)

    def executemany(self, sql: str, rows: Iterable[Values]) -> Self:
        """Execute a statement once for each row, all in one round trip."""
        statement = translated(sql)
        bound = [statement.bind(row) for row in rows]
        if len(bound) == 1:
            return self.native(statement.text, bound[0])
        self._asked = []
        self.flush()
        self._begin_statement()
        if bound:
            self._cursor.executemany(statement.text, bound)
        return self

    def insert_rows(self, into: str, rows: Sequence[Sequence[Any]], *, ignores: bool) -> None:
        """Insert rows with one statement, as fast as COPY, before the next statement.

        Args:
            into: The table, and which columns where it is not all of them.
            rows: The values of each.
            ignores: Whether a row whose key is there stays as it is.
        """
        how = insertion(into, len(rows[0]), ignores=ignores)
        table = into.partition(" ")[0]
        if len(rows) == 1:
            self.later(table, how.row, rows[0])
            return
        size = how.key_size
        # In the order of the key, so that two callers never wait in a circle.
        ordered = sorted(rows, key=lambda row: tuple(row[:size])) if size else rows
        self.later(table, how.arrays, columns_of(ordered, *how.types))

    def later(self, table: str, sql: str, values: Values) -> None:
        """Write to a table before the next statement, in one with other writes.

        They see one another as little as they see what others commit meanwhile.
        """
        if table in self._later:
            self.flush()
        self._later[table] = (sql, values)

    def flush(self) -> None:
        """Write what is to be written later."""
        if self._later:
            writes, self._later = list(self._later.values()), {}
            text = together(*[(sql, len(values)) for sql, values in writes])
            self._send(text, [value for _, values in writes for value in values])

    def run(self, statement: Statement, values: Values = ()) -> Self:
        """Execute a translated statement."""
        return self.native(statement.text, statement.bind(values))

    def native(self, sql: str, values: Values = ()) -> Self:
        """Execute a statement that is written for PostgreSQL, with `$1` for the first value."""
        if self._asked:
            if (answer := self._answer(sql, values)) is not None:
                self._cursor = answer
                return self
            if not sql.startswith("SELECT"):
                self._asked = []
        self.flush()
        self._send(sql, values)
        return self

    def last(self, sql: str, values: Values = ()) -> list[Any]:
        """Execute the last statement of the transaction, commit, and return its rows.

        Only what was asked before can still be read.
        """
        self.flush()
        self._send(sql, values)
        if self._commit is not None:
            self._commit()
        self._is_over = True
        return self.fetchall()

    def ask(self, sql: str, values: Values = ()) -> None:
        """Ask what will be read later, together with what is read next.

        The answer is of no use any more when something was changed meanwhile, but by `later`.
        """
        statement = self._translated(sql)
        self.ask_native(statement.text, statement.bind(values))

    def ask_native(self, sql: str, values: Values = ()) -> None:
        """Ask what will be read later with a statement that is written for PostgreSQL."""
        if self._pipeline is not None:
            current = self._cursor
            self._send(sql, values)
            self._asked.append((sql, list(values), self._cursor))
            self._cursor = current

    def _answer(self, sql: str, values: Values) -> Any:
        for place, (text, bound, answer) in enumerate(self._asked):
            if text == sql and bound == list(values):
                del self._asked[place]
                return answer
        return None

    def _send(self, sql: str, values: Values) -> None:
        self._begin_statement()
        self._cursor.execute(sql, values, binary=True)

    def _begin_statement(self) -> None:
        if self._is_over:
            raise StorageError("the transaction is over: its last step was committed")
        time_to_read(read_only=self._is_limited)
        if self._pipeline is not None:
            # An answer goes to its cursor whenever it comes, so each statement has one of its own.
            self._cursor = raw_cursor(self._connection)

    def fetchone(self) -> Any:
        """Return the next row, or nothing."""
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        rows: list[Any] = self._cursor.fetchall()
        return rows

    def __iter__(self) -> Iterator[Any]:
        """Go through the rows that are left."""
        return iter(self._cursor.fetchall())
