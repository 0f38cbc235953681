"""Let signals end a command between two messages: an interrupted one would be sent twice."""

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

# Terminals send the first, supervisors (systemd, Docker, Kubernetes) the second, and a terminal
# that is closed the third, which Windows does not have.
_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")


class Stop(threading.Event):
    """Set by the first signal that asks a command to end.

    Attributes:
        number: Of the signal; 0 before it came.
    """

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self._is_reading = False

    @property
    def status(self) -> int:
        """Return what shells report for the signal, such as 130 for Ctrl-C."""
        return 128 + self.number

    def is_set(self) -> bool:
        """Return whether a signal came."""
        return bool(self.number) or super().is_set()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let a signal raise `KeyboardInterrupt` in the block, which may wait for input."""
        self._is_reading = True
        try:
            yield
        finally:
            self._is_reading = False

    def note(self, number: int) -> None:
        """Take a signal, as its handler."""
        self.number = number
        # Not from here: the main thread may hold the lock of the event at this very moment.
        _thread.start_new_thread(self.set, ())
        if self._is_reading:
            raise KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Take the signals that end a command; a second one of its kind ends it at once."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before: dict[int, Any] = {}

    def take(number: int, _frame: object) -> None:
        signal.signal(number, before[number])
        stop.note(number)

    for name in _SIGNALS:
        number = getattr(signal, name, None)
        # One that is ignored stays so: nohup, and jobs in the background of a script.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, take)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
