"""The columns of a table, and how wide each is."""

import sys
from collections.abc import Sequence
from typing import Final

from attrs import field
from rich.text import Text

from messaging_core.lazy import frozen

GAP: Final = 1
"""Blanks after a column, beside the one between two columns."""


@frozen
class Column:
    """One column of a table.

    Attributes:
        yields: It becomes narrower where the table is too wide; the others keep their width.
        wraps: It yields by taking more lines, where others cut their texts.
    """

    name: str
    is_number: bool = field(default=False, kw_only=True)
    yields: bool = field(default=False, kw_only=True)
    wraps: bool = field(default=False, kw_only=True)

    @property
    def least(self) -> int:
        """Return how narrow it may become."""
        if self.wraps:
            return 30
        return 12 if self.yields else sys.maxsize


def widths_of(columns: Sequence[Column], cells: Sequence[Sequence[Text]], room: int) -> list[int]:
    """Return how wide each column is, so that all fit if they can.

    Those that wrap become narrower first, because they lose nothing; then those that yield.
    """
    widths = [
        max((len(column.name), *(row[number].cell_len for row in cells)))
        for number, column in enumerate(columns)
    ]
    excess = total_width(widths) - room
    for number in sorted(range(len(columns)), key=lambda number: not columns[number].wraps):
        cut = min(excess, widths[number] - columns[number].least)
        if cut > 0:
            widths[number] -= cut
            excess -= cut
    return widths


def total_width(widths: Sequence[int]) -> int:
    """Return how wide a table with these columns is."""
    return sum(widths) + (GAP + 1) * (len(widths) - 1)
