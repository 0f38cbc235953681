"""Many rows into one table, several with one statement."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final, Literal

from messaging_adapters.storage.sql.cursor import SqlCursor

SEVERAL: Final = 16
"""How many rows one statement inserts where there are that many; more gain little."""

Row = tuple[Any, ...]


class BulkInsert:
    """Insert rows into one table.

    Every statement opens the table and all its indexes again, which for a message takes as long as
    writing its row, and every trigger starts over. So several rows go with one statement.

    Args:
        into: The table, and which columns where it is not all of them.
        row: The values of one row, in parentheses, with a question mark for each that is given.
        otherwise: What becomes of a row whose key is there. `FAIL` raises, but does not undo the
            rows before it, for which SQLite would keep every page that it changes, soon in a
            temporary file: whatever raises undoes its whole transaction.
    """

    def __init__(
        self, into: str, row: str, *, otherwise: Literal["FAIL", "IGNORE"] = "FAIL"
    ) -> None:
        self.into, self.ignores = into, otherwise == "IGNORE"
        start = f"INSERT OR {otherwise} INTO {into} VALUES"
        self._one = f"{start} {row}"
        self._several = f"{start} {', '.join([row] * SEVERAL)}"

    def run(self, cursor: SqlCursor, rows: Sequence[Row]) -> None:
        """Insert all rows, in order."""
        whole = len(rows) - len(rows) % SEVERAL
        if whole:
            cursor.executemany(self._several, _together(rows[:whole]))
        if whole < len(rows):
            cursor.executemany(self._one, rows[whole:])


def _together(rows: Sequence[Row]) -> Iterator[Row]:
    """Return the values of several rows as those of one statement."""
    for start in range(0, len(rows), SEVERAL):
        yield tuple(chain.from_iterable(rows[start : start + SEVERAL]))
