"""The threads that work on the claims of one channel."""

import logging
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from time import monotonic

from messaging_core.host_code import fault_of
from messaging_core.models.delivery.delivery import Claim

_log = logging.getLogger(__name__)

_IDLE = 10.0  # seconds after which a thread without work ends
_SECOND = 1.0


class WorkerPool:
    """The threads of one channel: started when there is work, replaced when they hang.

    Args:
        size: How many threads at most.
        work: What a thread does with a claim; false when the claim was given up meanwhile.
        done: Gets this crew for each claim that is done.
        lost: Threads of this channel that hang. They and the crew are never more than twice its
            size: beyond that no thread is replaced.
        pace: How many claims a second it is expected to do, before that is known.

    Attributes:
        busy: How many claims it holds, begun or not.
    """

    def __init__(
        self,
        size: int,
        work: Callable[[Claim], bool],
        *,
        done: "SimpleQueue[WorkerPool]",
        lost: set[threading.Thread],
        pace: int = 0,
    ) -> None:
        self._size = size
        self._work = work
        self._done = done
        self._lost = lost
        self._jobs: SimpleQueue[Claim | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._returned: set[threading.Thread] = set()
        self._is_over = False
        self._counting_since, self._count, self._count_before = monotonic(), 0, pace
        self.busy = 0

    @property
    def capacity(self) -> int:
        """Return how many calls it can have under way."""
        return max(0, min(self._size, 2 * self._size - len(self._lost)))

    @property
    def threads(self) -> int:
        """Return how many threads it has now."""
        return len(self._threads)

    @property
    def queued(self) -> int:
        """Return how many claims no thread has begun, by the queue's own count."""
        return self._jobs.qsize()

    def dismiss(self) -> bool:
        """Let its threads end after what they do now, and return True if any has not ended yet."""
        with self._lock:
            if not self._is_over:
                for _thread in self._threads:
                    self._jobs.put(None)
                self._is_over = True  # last: a call that was interrupted before is made once more
            return any(thread.is_alive() for thread in self._threads)

    def pace(self) -> int:
        """Return how many claims it did in the last second, or has done since: the larger."""
        passed = monotonic() - self._counting_since
        if passed >= _SECOND:
            self._count_before = self._count if passed < 2 * _SECOND else 0
            self._counting_since, self._count = monotonic(), 0
        return max(self._count, self._count_before)

    def hand(self, claim: Claim) -> None:
        """Give it one more message; `start` sees to it that there are threads for it."""
        self._jobs.put(claim)
        self.busy += 1

    def start(self, *, may_grow: bool = True) -> None:
        """Start threads for what it holds; where it may not grow, at least one."""
        self._fill(self.capacity if may_grow else min(self.capacity, 1))

    def _fill(self, most: int) -> None:
        """Start as many threads as there is work for, and may be."""
        with self._lock:
            while not self._is_over and len(self._threads) < min(most, self.busy):
                thread = threading.Thread(target=self._serve, name="messaging-worker", daemon=True)
                self._threads.add(thread)  # first: a signal handler may raise after the start
                try:
                    thread.start()
                except RuntimeError:  # the system has no more threads to give
                    self._threads.discard(thread)
                    if not self._threads:
                        raise
                    return

    def _serve(self) -> None:
        while (claim := self._next()) is not None:
            if self._do(claim):
                self._done.put(self)
            elif not self._comes_back():
                return

    def _next(self) -> Claim | None:
        """Wait for a claim; nothing when the thread is to end."""
        while True:
            try:
                return self._jobs.get(timeout=_IDLE)
            except Empty:
                with self._lock:
                    if self._jobs.empty():
                        self._threads.discard(threading.current_thread())
                        return None

    def _do(self, claim: Claim) -> bool:
        """Work on a claim, and survive whatever that raises: its lease will end."""
        try:
            return self._work(claim)
        except BaseException as error:  # noqa: BLE001 - no signal arrives on this thread
            _log.error("message %s was left leased: %s", claim.message.id, fault_of(error))
            return True

    def _comes_back(self) -> bool:
        """Join in again after one was given up, if there is a place; the message was counted."""
        thread = threading.current_thread()
        with self._lock:
            if thread not in self._lost:
                self._returned.add(thread)  # sooner than it could be abandoned
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
        self._done.put(self)
        self._fill(self.capacity)

    def gathered(self) -> None:
        """Take note that a claim is done."""
        self.busy -= 1
        self._count += 1

    def recall(self, count: int) -> Iterator[Claim]:
        """Take back up to so many claims that no thread has begun."""
        for _ in range(count):
            try:
                claim = self._jobs.get_nowait()
            except Empty:
                return
            if claim is not None:
                self.busy -= 1
                yield claim

    def close(self) -> None:
        """Begin nothing more, and wait for the threads that do not hang."""
        if not self._is_over:
            for _ in self.recall(self.queued):
                pass  # its lease ends by itself
        self.dismiss()
        with self._lock:
            threads = [thread for thread in self._threads if thread.is_alive()]
        for thread in threads:
            thread.join()
