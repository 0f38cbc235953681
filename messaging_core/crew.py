"""A few threads that work on claims."""

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Self

from messaging_core.models.delivery import Claim

_GATHER = 0.001  # seconds that a finished message waits for others to share its commit
PATIENCE = 1.0
"""Seconds after which new messages are looked for although none is finished."""


class Crew:
    """A few threads that work on claims, and get replaced when they hang.

    Args:
        size: How many threads.
        work: What one of them does with a claim; false when the claim was given up meanwhile.
        lost: Threads that hang, of all crews of a worker. They and a crew are never more than
            twice its size: beyond that nobody is replaced, and the crew goes on with those left.
    """

    def __init__(
        self, size: int, work: Callable[[Claim], bool], lost: set[threading.Thread] | None = None
    ) -> None:
        self._work = work
        self._most = 2 * size
        self._lost = set() if lost is None else lost
        self._jobs: SimpleQueue[Claim | None] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._returned: set[threading.Thread] = set()
        self._size = size
        self._is_over = False
        self.busy = 0

    @property
    def is_lost(self) -> bool:
        """Tell whether nobody is left to work."""
        return not self._threads

    def __enter__(self) -> Self:
        self._fill()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_over = True
            threads = list(self._threads)
        for _thread in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join()

    def _fill(self) -> None:
        """Start as many threads as are missing and may be."""
        with self._lock:
            while len(self._threads) < self._size and self._may_grow():
                thread = threading.Thread(target=self._serve, name="messaging-worker", daemon=True)
                self._threads.add(thread)
                thread.start()

    def _may_grow(self) -> bool:
        return len(self._threads) + len(self._lost) < self._most

    def _serve(self) -> None:
        while (claim := self._jobs.get()) is not None:
            if self._work(claim):
                self._done.put(None)
            elif not self._comes_back():
                return

    def _comes_back(self) -> bool:
        """Join in again after one was given up, if there is a place; the message was counted."""
        thread = threading.current_thread()
        with self._lock:
            if thread not in self._lost:
                self._returned.add(thread)  # sooner than anybody could abandon it
                return True
            self._lost.discard(thread)
            has_place = not self._is_over and len(self._threads) < self._size
            if has_place:
                self._threads.add(thread)
            return has_place

    def abandon(self, thread: threading.Thread) -> None:
        """Leave a thread that hangs to itself, count its message as done, and replace it."""
        with self._lock:
            if thread in self._returned:
                self._returned.discard(thread)
            else:
                self._threads.discard(thread)
                self._lost.add(thread)
        self._done.put(None)
        self._fill()

    def hand(self, claim: Claim) -> None:
        """Give the crew one more message."""
        self._jobs.put(claim)
        self.busy += 1

    def gather(self, enough: int, patience: float = PATIENCE) -> None:
        """Wait for one message that is done, and a moment longer for others to share its commit.

        Slow ones are not waited for at length: there may be others to begin with meanwhile.
        """
        if not self._is_done(patience):
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
