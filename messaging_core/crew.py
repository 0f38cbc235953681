"""A few threads that work on claims."""

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Self

from messaging_core.models.delivery import Claim

_GATHER = 0.001  # seconds that a finished message waits for others to share its commit
_PATIENCE = 1.0  # seconds after which new messages are looked for although none is finished


class Crew:
    """A few threads that work on claims."""

    def __init__(self, size: int, work: Callable[[Claim], None]) -> None:
        self._work = work
        self._jobs: SimpleQueue[Claim | None] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"messaging-worker-{number}", daemon=True)
            for number in range(size)
        ]
        self.busy = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for _thread in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while (claim := self._jobs.get()) is not None:
            self._work(claim)
            self._done.put(None)

    def hand(self, claim: Claim) -> None:
        """Give the crew one more message."""
        self._jobs.put(claim)
        self.busy += 1

    def gather(self, enough: int) -> None:
        """Wait for one message that is done, and a moment longer for others to share its commit.

        Slow ones are not waited for at length: there may be others to begin with meanwhile.
        """
        if not self._is_done(_PATIENCE):
            return
        count, deadline = 1, monotonic() + _GATHER
        while self.busy and count < enough and self._is_done(max(0.0, deadline - monotonic())):
            count += 1

    def _is_done(self, timeout: float) -> bool:
        """Wait for a message that is done, at most so many seconds."""
        try:
            self._done.get(timeout=timeout)
        except Empty:
            return False
        self.busy -= 1
        return True

    def recall(self) -> Iterable[Claim]:
        """Take back what nobody has begun."""
        while True:
            try:
                claim = self._jobs.get_nowait()
            except Empty:
                return
            if claim is not None:
                self.busy -= 1
                yield claim
