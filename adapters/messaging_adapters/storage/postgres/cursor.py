"""The cursor that the stores work through, in the manner of the one of SQLite."""

from collections.abc import Iterable, Iterator
from typing import Any, Self

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper
from psycopg.types.string import StrDumperUnknown, TextBinaryLoader

from messaging_adapters.storage.postgres.dialect import (
    Statement,
    Values,
    translated,
    translated_with_locks,
)

_ESCAPE = "\1"


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


class PostgresCursor:
    """Execute the statements of SQLite, and those written for PostgreSQL, on one connection.

    The connection may be the host's own: nothing of it is changed, not its adapters either.

    Args:
        connection: Of the driver.
        locks: Whether documents that are read stay as they are until the transaction ends.

    Attributes:
        rowcount: How many rows the last statement wrote, or returned.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, locks: bool) -> None:
        self._cursor = psycopg.RawCursor(connection, row_factory=tuple_row)
        self.rowcount = -1
        self._translated = translated_with_locks if locks else translated
        adapters = self._cursor.adapters
        # One type for all integers, whatever their size, so that a statement is prepared once.
        adapters.register_dumper(int, Int8Dumper)
        adapters.register_dumper(int, Int8BinaryDumper)
        adapters.register_dumper(str, _Text)
        adapters.register_loader("text", _TextLoader)

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """Return the connection of the driver."""
        return self._cursor.connection

    def execute(self, sql: str, values: Values = ()) -> Self:
        """Execute a statement that SQLite has too."""
        return self.run(self._translated(sql), values)

    def executemany(self, sql: str, rows: Iterable[Values]) -> Self:
        """Execute a statement once for each row, all in one round trip."""
        statement = translated(sql)
        bound = [statement.bind(row) for row in rows]
        if len(bound) == 1:
            return self.run(statement, bound[0])
        if bound:
            self._cursor.executemany(statement.text, bound)
        self.rowcount = self._cursor.rowcount if bound else 0
        return self

    def run(self, statement: Statement, values: Values = ()) -> Self:
        """Execute a translated statement."""
        return self.native(statement.text, statement.bind(values))

    def native(self, sql: str, values: Values = ()) -> Self:
        """Execute a statement that is written for PostgreSQL, with `$1` for the first value."""
        self._cursor.execute(sql, values, binary=True)
        self.rowcount = self._cursor.rowcount
        return self

    def fetchone(self) -> Any:
        """Return the next row, or nothing."""
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        return self._cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        """Go through the rows that are left."""
        return iter(self._cursor.fetchall())
