"""The port of storages that wake the workers of other processes."""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable


@runtime_checkable
class SupportsWakeUp(Protocol):
    """A storage that can tell other processes that a message may have become due.

    What it tells may be lost: then a worker finds the message when it looks by itself.
    """

    @abstractmethod
    def announce(self) -> None:
        """Tell every listener of every process soon, after the commit; many calls may be one.

        This returns at once, and never raises.
        """

    @abstractmethod
    def listening(self, wake: Callable[[], None]) -> AbstractContextManager[None]:
        """Call a function after announcements for as long as a block runs, on any thread.

        It may be called without an announcement, too.
        """
