"""A few threads that turn claims into settlements."""

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Self

from messaging_core.models.delivery import Claim, Settlement

_GATHER = 0.001  # seconds that a finished message waits for others to share its commit
_PATIENCE = 1.0  # seconds after which new messages are looked for although none is finished


class Crew:
    """A few threads that turn claims into settlements."""

    def __init__(self, size: int, work: Callable[[Claim], Settlement]) -> None:
        self._work = work
        self._jobs: SimpleQueue[Claim | None] = SimpleQueue()
        self._done: SimpleQueue[Settlement] = SimpleQueue()
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
            self._done.put(self._work(claim))

    def hand(self, claim: Claim) -> None:
        """Give the crew one more message."""
        self._jobs.put(claim)
        self.busy += 1

    def take(self, timeout: float | None = None) -> Settlement:
        """Wait for a message that is done."""
        done = self._done.get(timeout=timeout)
        self.busy -= 1
        return done

    def gather(self, done: list[Settlement], enough: int) -> None:
        """Wait for one message, and a moment longer for others to share its commit.

        Slow ones are not waited for at length: there may be others to begin with meanwhile.
        """
        try:
            done.append(self.take(_PATIENCE))
        except Empty:
            return
        deadline = monotonic() + _GATHER
        while self.busy and len(done) < enough:
            try:
                done.append(self.take(max(0.0, deadline - monotonic())))
            except Empty:
                break

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
