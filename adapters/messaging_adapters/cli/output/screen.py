"""The one place where the command line writes: results, remarks, tables and progress."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from messaging_adapters.cli.output.columns import GAP, Column, total_width, widths_of
from messaging_adapters.cli.output.progress import Bar
from messaging_adapters.cli.output.terminal import safe, safe_json, written

WIDTH: Final = 100
"""How wide it writes into a file or pipe."""

STYLES: Final = {
    "accepted": "cyan",
    "scheduled": "yellow",
    "processing": "yellow",
    "sent": "green",
    "delivered": "green",
    "sending_failed": "red",
    "delivery_failed": "red",
    "rejected": "red",
    "invalid": "red",
    "deleted": "dim",
    "skipped": "dim",
}
"""Colours of statuses and verdicts, where there are colours."""

Advance = Callable[[int], None]


class Screen:
    """Standard output for results, standard error for remarks and progress."""

    def __init__(self) -> None:
        self._out = _console(stderr=False)
        self._err = _console(stderr=True)

    def line(self, text: str = "", style: str | None = None) -> None:
        """Write one result, as long as it is: nothing is wrapped or cut."""
        with written(sys.stdout):
            self._out.print(Text(safe(text), style=style or ""), soft_wrap=True)

    def json(self, document: bytes) -> None:
        """Write one JSON document on one line, which a terminal shows and does not obey."""
        with written(sys.stdout):
            sys.stdout.write(safe_json(document, sys.stdout.encoding or "utf-8") + "\n")

    def flush(self) -> None:
        """Let a reader of a pipe have what was written so far."""
        with written(sys.stdout):
            sys.stdout.flush()

    def remark(self, text: str, style: str | None = None) -> None:
        """Write beside the results; above the progress bar, if there is one."""
        with written(sys.stderr):
            self._err.print(Text(safe(text), style=style or ""), soft_wrap=True)

    def heading(self, text: str) -> None:
        """Begin a chapter."""
        self.line()
        self.line(text, "bold")

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
        """Write a table."""
        cells = [[Text(safe(cell), style=STYLES.get(cell, "")) for cell in row] for row in rows]
        table = Table(box=SIMPLE_HEAD, padding=(0, GAP, 0, 0), pad_edge=False, show_edge=False)
        widths = widths_of(columns, cells, self._out.width)
        for column, width in zip(columns, widths, strict=True):
            table.add_column(
                column.name,
                justify="right" if column.is_number else "left",
                overflow="fold" if column.wraps else "ellipsis",
                no_wrap=not column.wraps,
                width=width,
            )
        for row in cells:
            table.add_row(*row)
        # An id that is cut is of no use: rather let the terminal wrap the line.
        room, self._out.width = self._out.width, max(self._out.width, total_width(widths))
        with written(sys.stdout):
            self._out.print(table, crop=False)
        self._out.width = room

    @contextmanager
    def progress(self, label: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Show how far a long task has come, on a terminal and when it takes its time.

        Args:
            label: What is being done.
            total: How much there is to do, or nothing when that is not known.
            unit: What is counted.

        Yields:
            What to call with how much more was done.
        """
        bar = Bar(self._err, label, total, unit)
        try:
            yield bar.advance
        finally:
            bar.close()


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDTH
    # What a message says is text: no markup, no `:smile:`, no colour of numbers.
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
