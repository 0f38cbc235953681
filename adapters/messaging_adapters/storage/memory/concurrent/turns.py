"""How a transaction waits for another."""

import threading
from collections.abc import Callable
from typing import Protocol

from messaging_core.errors import StorageBusyError


class Turns(Protocol):
    """How a transaction waits for another."""

    def wait(self, is_free: Callable[[], bool]) -> None:
        """Return once it is so."""

    def wake(self) -> None:
        """Let those that wait look again."""


class ThreadTurns(Turns):
    """Let the thread of a transaction wait.

    Args:
        timeout: How many seconds at most.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._changed = threading.Condition()

    def wait(self, is_free: Callable[[], bool]) -> None:
        with self._changed:
            if not self._changed.wait_for(is_free, self._timeout):
                raise StorageBusyError(
                    f"another transaction decides about the same for more than {self._timeout:g} s:"
                    " keep transactions short, or raise busy_timeout"
                )

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
