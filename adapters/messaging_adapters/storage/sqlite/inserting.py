"""Many rows into one table, several with one statement."""

from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter
from sqlite3 import Cursor
from typing import Any, Final

SEVERAL: Final = 16
"""How many rows one statement inserts where there are that many; more gain little."""

Row = tuple[Any, ...]


class Insertion:
    """Insert rows into one table.

    Every statement opens the table and all its indexes anew, which for a message takes as long as
    writing its row, and every trigger starts over. So several rows go with one statement, which is
    fast where they are neighbours, because it remembers each page that it changes.

    Args:
        into: The statement up to its values.
        row: The values of one row, in parentheses, with a question mark for each that is given.
        place: Where in a row the value stands that decides who its neighbours are; rows that come
            in the order of the table's key need none.
    """

    def __init__(self, into: str, row: str, *, place: int | None = None) -> None:
        self._one = f"{into} VALUES {row}"
        self._several = f"{into} VALUES {', '.join([row] * SEVERAL)}"
        self._place = place

    def run(self, cursor: Cursor, rows: Sequence[Row]) -> None:
        """Insert all rows; those with the same key in their order."""
        whole = len(rows) - len(rows) % SEVERAL
        if whole:
            rows = rows if self._place is None else sorted(rows, key=itemgetter(self._place))
            cursor.executemany(self._several, _together(rows[:whole]))
        if whole < len(rows):
            cursor.executemany(self._one, rows[whole:])


def _together(rows: Sequence[Row]) -> Iterator[Row]:
    """Return the values of several rows as those of one statement."""
    for start in range(0, len(rows), SEVERAL):
        yield tuple(chain.from_iterable(rows[start : start + SEVERAL]))
