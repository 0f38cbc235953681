"""The cursor that the stores work through, in the manner of the one of SQLite."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper
from psycopg.types.string import StrDumperUnknown, TextBinaryLoader

from messaging_adapters.storage.postgres.translation import (
    Statement,
    insertion,
    translated,
    translated_with_locks,
)
from messaging_adapters.storage.sql.cursor import Values
from messaging_core.ports.time_limit import time_to_read

_ESCAPE = "\1"

Connection = psycopg.Connection[Any] | psycopg.AsyncConnection[Any]
"""A connection of the driver; one of asyncio only inside SQLAlchemy's `run_sync`."""


class _Text(StrDumperUnknown):
    """Write a text; NUL, which PostgreSQL does not store, as an escape that keeps the order."""

    def dump(self, obj: str) -> Any:
        return super().dump(_escaped(obj))


class _TextLoader(TextBinaryLoader):
    """Read a text that `_Text` wrote."""

    def load(self, data: Any) -> Any:
        text = str(super().load(data))
        return _unescaped(text) if _ESCAPE in text else text


def _escaped(text: str) -> str:
    if "\0" not in text and _ESCAPE not in text:
        return text
    return text.replace(_ESCAPE, f"{_ESCAPE}1").replace("\0", f"{_ESCAPE}0")


def _unescaped(text: str) -> str:
    return text.replace(f"{_ESCAPE}0", "\0").replace(f"{_ESCAPE}1", _ESCAPE)


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


class PostgresCursor:
    """Execute the statements of SQLite, and those written for PostgreSQL, on one connection.

    Args:
        connection: Of the driver. Where it is the host's own, nothing of it is changed, not its
            adapters either, and every statement is answered before the next is sent.
        locks: Whether documents that are read stay as they are until the transaction ends.
        pipeline: Of a connection of ours: then no statement waits for its answer, but who reads it.
        is_ours: Whether the connection is adapted already; then no statement that only reads
            begins after the time for reads is over.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        locks: bool,
        pipeline: psycopg.Pipeline | None = None,
        is_ours: bool = False,
    ) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._is_limited = is_ours and not locks
        self._translated = translated_with_locks if locks else translated
        self._cursor = raw_cursor(connection)
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
        self._begin_statement()
        if bound:
            self._cursor.executemany(statement.text, bound)
        return self

    def insert_rows(self, into: str, rows: Sequence[Sequence[Any]], *, ignores: bool) -> None:
        """Insert many rows with one statement, as fast as COPY.

        Args:
            into: The table, and which columns where it is not all of them.
            rows: The values of each.
            ignores: Whether a row whose key is there stays as it is.
        """
        text, key_size = insertion(into, len(rows[0]), ignores=ignores)
        # In the order of the key, so that two callers never wait in a circle.
        ordered = sorted(rows, key=lambda row: tuple(row[:key_size])) if key_size else rows
        self.native(text, [list(column) for column in zip(*ordered, strict=True)])

    def run(self, statement: Statement, values: Values = ()) -> Self:
        """Execute a translated statement."""
        return self.native(statement.text, statement.bind(values))

    def native(self, sql: str, values: Values = ()) -> Self:
        """Execute a statement that is written for PostgreSQL, with `$1` for the first value."""
        self._begin_statement()
        self._cursor.execute(sql, values, binary=True)
        return self

    def _begin_statement(self) -> None:
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
