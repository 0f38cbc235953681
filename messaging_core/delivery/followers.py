"""Requests whose threads wait for a group commit."""

from collections.abc import Callable
from queue import SimpleQueue
from typing import Literal

from messaging_core.delivery.recorder import DeliveryRecorder, PendingHandoff


class Follower:
    """A request whose thread waits for a commit.

    It ends in one of two ways: `finish` (another thread has committed it, or failed), or
    `promote` (its own thread is to lead the next commit).
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.is_woken = False
        # Every message makes one of these: making an `Event` takes ten times as long.
        self._signals: SimpleQueue[Literal["lead", "done"]] = SimpleQueue()

    def wait_until_promoted_or_done(self) -> bool:
        """Block until one of both happens; return True if this thread is to lead."""
        return self._signals.get() == "lead"

    def promote(self) -> None:
        """Let the thread that waits lead the next commit."""
        self.is_woken = True
        self._signals.put("lead")

    def finish(self, error: Exception | None) -> None:
        """Let the thread that waits go on, with the error of the commit if there was one."""
        self.error = error
        self.is_woken = True
        self._signals.put("done")


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
