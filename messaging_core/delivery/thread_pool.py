"""Thread pool of one channel: it runs claims, and replaces threads that hang in a transport."""

import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from time import monotonic

from messaging_core.host_code import fault_of
from messaging_core.lazy import logger
from messaging_core.models.delivery.delivery import Claim

_log = logger(__name__)

_IDLE = 10.0  # seconds after which a thread without work ends
_SECOND = 1.0


class WorkerPool:
    """Run the claims of one channel on threads that are started when there is work.

    A thread that hangs in a transport cannot be stopped, so it is replaced. If its call returns
    after all, it works again, provided that the pool has room::

                 replace_hung()          call returns, pool has room
        RUNNING ----------------> HUNG -----------------------------> RUNNING
           |                        |
           | idle, or pool closes   | call returns, pool is full or closed
           v                        v
         ENDED                    ENDED

    Only the delivery loop calls the methods of a pool; the pool's threads call only `work`.

    Args:
        size: How many threads at most.
        work: Processes one claim. Returns False if the watchdog expired the call meanwhile; the
            message was counted as finished then.
        done: Gets this pool for each claim that is finished.
        hung: Hung threads of this channel. Hung and running threads together are at most twice
            `size`: at that limit hung threads are not replaced, and the pool shrinks.
        pace: How many claims a second to expect until that is known.

    Attributes:
        in_flight: The number of claims that are submitted and not finished.
    """

    def __init__(
        self,
        size: int,
        work: Callable[[Claim], bool],
        *,
        done: "SimpleQueue[WorkerPool | None]",
        hung: set[threading.Thread],
        pace: int = 0,
    ) -> None:
        self._size = size
        self._work = work
        self._done = done
        self._hung = hung
        self._claims: SimpleQueue[Claim | None] = SimpleQueue()
        self._lock = threading.Lock()  # guards the three sets of threads and `_is_closed`
        self._threads: set[threading.Thread] = set()
        self._returned_early: set[threading.Thread] = set()
        self._is_closed = False
        self._counting_since, self._count, self._count_before = monotonic(), 0, pace
        self.in_flight = 0

    @property
    def capacity(self) -> int:
        """Return how many calls can run at the same time."""
        return max(0, min(self._size, 2 * self._size - len(self._hung)))

    @property
    def threads(self) -> int:
        """Return the number of threads that do not hang."""
        return len(self._threads)

    @property
    def unstarted(self) -> int:
        """Return how many claims no thread has begun, by the queue's own count."""
        return self._claims.qsize()

    def end_threads(self) -> bool:
        """Let threads end after their current claims; return True if any has not ended yet."""
        with self._lock:
            if not self._is_closed:
                for _thread in self._threads:
                    self._claims.put(None)
                self._is_closed = True  # last: a call that was interrupted before is made once more
            return any(thread.is_alive() for thread in self._threads)

    def pace(self) -> int:
        """Return how many claims were finished in the last second, or since then: the larger."""
        passed = monotonic() - self._counting_since
        if passed >= _SECOND:
            self._count_before = self._count if passed < 2 * _SECOND else 0
            self._counting_since, self._count = monotonic(), 0
        return max(self._count, self._count_before)

    def submit(self, claim: Claim) -> None:
        """Queue a claim; `start` then starts the threads."""
        self._claims.put(claim)
        self.in_flight += 1

    def start(self, *, may_grow: bool = True) -> None:
        """Start threads for the claims in flight; only one if the pool may not grow."""
        self._start_missing_threads(self.capacity if may_grow else min(self.capacity, 1))

    def _start_missing_threads(self, most: int) -> None:
        """Start as many threads as there are claims, up to `most`."""
        with self._lock:
            while not self._is_closed and len(self._threads) < min(most, self.in_flight):
                thread = threading.Thread(target=self._run, name="messaging-worker", daemon=True)
                self._threads.add(thread)  # first: a signal handler may raise after the start
                try:
                    thread.start()
                except RuntimeError:  # the system has no more threads to give
                    self._threads.discard(thread)
                    if not self._threads:
                        raise
                    return

    def _run(self) -> None:
        while (claim := self._next()) is not None:
            if self._work_on(claim):
                self._done.put(self)
            elif not self._rejoin():
                return

    def _next(self) -> Claim | None:
        """Wait for a claim; return None if the thread is to end."""
        while True:
            try:
                return self._claims.get(timeout=_IDLE)
            except Empty:
                with self._lock:
                    if self._claims.empty():
                        self._threads.discard(threading.current_thread())
                        return None

    def _work_on(self, claim: Claim) -> bool:
        """Process a claim; after an error it stays leased, and comes back when the lease ends."""
        try:
            return self._work(claim)
        except BaseException as error:  # noqa: BLE001 - no signal arrives on this thread
            _log.error("message %s was left leased: %s", claim.message.id, fault_of(error))
            return True

    def _rejoin(self) -> bool:
        """Let the current thread go on after its call expired; return False if it must end."""
        thread = threading.current_thread()
        with self._lock:
            if thread not in self._hung:
                # The watchdog expired the call, but `replace_hung` was not called yet.
                self._returned_early.add(thread)
                return True
            self._hung.discard(thread)
            has_room = not self._is_closed and len(self._threads) < self._size
            if has_room:
                self._threads.add(thread)
            return has_room

    def replace_hung(self, thread: threading.Thread) -> None:
        """Count the message of a hung thread as finished, and start another thread."""
        with self._lock:
            if thread in self._returned_early:  # its call returned after all
                self._returned_early.discard(thread)
            else:
                self._threads.discard(thread)
                self._hung.add(thread)
        self._done.put(self)
        self._start_missing_threads(self.capacity)

    def count_finished(self) -> None:
        """Count a finished claim; the delivery loop calls this for what `done` got."""
        self.in_flight -= 1
        self._count += 1

    def take_unstarted(self, count: int) -> Iterator[Claim]:
        """Remove and yield up to `count` claims that no thread has begun."""
        for _ in range(count):
            try:
                claim = self._claims.get_nowait()
            except Empty:
                return
            if claim is not None:
                self.in_flight -= 1
                yield claim

    def close(self) -> None:
        """Drop unstarted claims, and wait for the threads that do not hang."""
        if not self._is_closed:
            for _ in self.take_unstarted(self.unstarted):
                pass  # their leases end by themselves
        self.end_threads()
        with self._lock:
            threads = [thread for thread in self._threads if thread.is_alive()]
        for thread in threads:
            thread.join()
