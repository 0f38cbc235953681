"""A progress bar for tasks that take long enough."""

import sys
from time import monotonic
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

_PATIENCE: Final = 0.5  # seconds before it appears


class Bar:
    """A progress bar that waits a moment, because most tasks are done by then."""

    def __init__(self, console: Console, label: str, total: int | None, unit: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn(f"{{task.completed:,.0f}}{_of(total)} {unit}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._is_wanted = sys.stderr.isatty()
        self._begun = monotonic()
        self._task: TaskID = self._progress.add_task(label, total=total)
        self._is_shown = False

    def advance(self, amount: int) -> None:
        """Say that so much more is done."""
        self._progress.advance(self._task, amount)
        if self._is_wanted and not self._is_shown and monotonic() - self._begun > _PATIENCE:
            self._is_shown = True
            self._progress.start()

    def close(self) -> None:
        """Take the bar away."""
        if self._is_shown:
            self._progress.stop()


def _of(total: int | None) -> str:
    return "" if total is None else " of {task.total:,.0f}"
