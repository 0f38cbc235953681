"""The lock that gives the transactions of one storage their turns."""

import threading
from time import monotonic
from typing import Final

from attrs import field

from messaging_core.errors import StorageBusyError
from messaging_core.lazy import define

_LOOK: Final = 0.1  # seconds between looks whether the thread that holds the lock still lives

OVERTAKEN: Final = (
    "another transaction of this thread was begun before this one had ended, so this one was"
    " rolled back: end it first, or do all the work in one"
)
"""Why a transaction that has lost its lock cannot be committed."""


@define(eq=False)
class Hold:
    """The wish of one transaction to hold the lock."""

    thread: threading.Thread = field(factory=threading.current_thread)
    is_released: bool = field(default=False, init=False)


class TransactionLock:
    """Let one transaction run at a time, and never wait for one that cannot end any more.

    A signal handler may raise between any two lines, and so prevent a release. The thread that
    was interrupted gets the lock again at once, a thread that has died loses it.

    Args:
        timeout: Seconds to wait for another thread before `StorageBusyError`.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._lock = threading.RLock()
        self._holder: Hold | None = None

    @property
    def holder(self) -> Hold | None:
        """Return which transaction holds the lock."""
        return self._holder

    def acquire(self, hold: Hold, timeout: float | None = None) -> None:
        """Take the lock; of the same thread, also from a transaction that has not ended.

        Raises:
            StorageBusyError: A transaction of another thread took too long.
        """
        if not self._acquired(hold, 0.0):
            self._wait(hold, self._timeout if timeout is None else timeout)

    def _wait(self, hold: Hold, timeout: float) -> None:
        deadline = monotonic() + timeout
        while not self._acquired(hold, max(0.0, min(_LOOK, deadline - monotonic()))):
            if monotonic() >= deadline:
                raise StorageBusyError(
                    f"a transaction of another thread ({self._name()}) holds the storage for more"
                    f" than {timeout:g} s: keep transactions short, or raise busy_timeout"
                )
            holder = self._holder
            if holder is not None and not holder.thread.is_alive():
                self._renew(holder)

    def release(self, hold: Hold) -> None:
        """Give the lock back; nothing happens where it is held no longer."""
        if hold.is_released:
            return
        if hold.thread is not threading.current_thread():  # the garbage collector ends it
            self._renew(hold)
        elif self._holder is hold or self._holder is None:
            self._holder = None
            self._release_all()
            hold.is_released = True

    def _acquired(self, hold: Hold, seconds: float) -> bool:
        lock = self._lock
        if not lock.acquire(timeout=seconds):
            return False
        # Python changes threads, and calls signal handlers, only at calls: not in these lines.
        if lock is self._lock:
            self._holder, hold.is_released = hold, False
            return True
        lock.release()  # renewed meanwhile: others take turns with the new one
        return False

    def _release_all(self) -> None:
        """Release the lock as often as this thread took it: it may have been interrupted."""
        try:
            while True:
                self._lock.release()
        except RuntimeError:  # it is not ours any more
            pass

    def _renew(self, holder: Hold) -> None:
        """Take the lock from a transaction whose thread cannot release it."""
        lock = threading.RLock()
        if self._holder is holder:
            self._holder, self._lock = None, lock

    def _name(self) -> str:
        holder = self._holder
        return holder.thread.name if holder else "unknown"
