"""What the stores ask of a cursor: a part of the DB-API."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, Self

Values = Sequence[Any] | Mapping[str, Any]
"""The values of a statement, in their order or by their names."""


class SqlCursor(Protocol):
    """Execute statements in one transaction.

    They are written as SQLite reads them, with `?` for a value and `json_each(?)` for a list. A
    cursor of another database translates them.
    """

    @property
    def rowcount(self) -> int:
        """How many rows the last statement wrote."""

    def execute(self, sql: str, values: Values = ..., /) -> Self:
        """Execute a statement."""

    def executemany(self, sql: str, rows: Iterable[Values], /) -> Self:
        """Execute a statement that returns nothing, once for each row."""

    def fetchone(self) -> Any:
        """Return the next row of the last statement, or nothing."""

    def fetchall(self) -> list[Any]:
        """Return the rows of the last statement that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Go through the rows of the last statement that are left."""
