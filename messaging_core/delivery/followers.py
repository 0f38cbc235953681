"""Requests whose threads wait for a group commit."""

import threading
from collections.abc import Callable

from messaging_core.delivery.recorder import DeliveryRecorder, PendingHandoff


class Follower:
    """A request whose thread waits for a commit.

    It ends in one of two ways: `finish` (another thread has committed it, or failed), or
    `promote` (its own thread is to lead the next commit).
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self._is_promoted = False
        self._woken = threading.Event()

    @property
    def is_woken(self) -> bool:
        """Return True once the thread that waits goes on."""
        return self._woken.is_set()

    def wait_until_promoted_or_done(self) -> bool:
        """Block until one of both happens; return True if this thread is to lead."""
        self._woken.wait()
        return self._is_promoted

    def promote(self) -> None:
        """Let the thread that waits lead the next commit."""
        self._is_promoted = True
        self._woken.set()

    def finish(self, error: Exception | None) -> None:
        """Let the thread that waits go on, with the error of the commit if there was one."""
        self.error = error
        self._woken.set()


class HandoffMark(Follower):
    """A call of `mark`."""

    def __init__(self, handoff: PendingHandoff) -> None:
        super().__init__()
        self.handoff = handoff


class OwnCommit(Follower):
    """A call of `claim` or `flush`. No other thread commits it.

    Args:
        run: What to do in the transaction, after settlements and marks are written.
    """

    def __init__(self, run: Callable[[DeliveryRecorder], None] = lambda _: None) -> None:
        super().__init__()
        self.run = run
