"""Bulkheads: threads and places of its own for each channel, so that none holds up another."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from queue import Empty, SimpleQueue
from time import monotonic
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from messaging_core.delivery.thread_pool import WorkerPool
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import Claim, Lane

MOST_THREADS: Final = 256
"""The number of threads from which on every further channel gets only one."""

_FEWEST_SHARE = 8  # a claim fills at least this part of the room of a fast channel
_COALESCE = 0.001  # seconds that a finished message waits for others to share its commit
MAX_WAIT = 0.25
"""Seconds after which `wait` returns although no message is finished."""


class Bulkheads:
    """Give each channel threads of its own, and room for as many messages as it is fast.

    A channel has at most as many calls under way as its concurrency. Beside those it holds a few
    messages that wait for a thread: twice its concurrency in all, and as many more as it did in
    the last second. So a fast channel is claimed for in large batches, and a slow or hanging one
    holds next to nothing.

    Args:
        channels: The channels of the host by their ids.
        work: Processes one claim. Returns False if its call timed out meanwhile.
        threads: The concurrency of channels that name none.
        batch: How many messages a fast channel may hold.
        horizon: Seconds within which a channel should begin the messages that it holds; the loop
            releases those beyond that.
        hung: Threads that hang, by channel; kept by the caller from one run to the next.

    Attributes:
        in_flight: The number of messages that are submitted and not finished. Only the delivery
            loop changes it, so it needs no lock.
    """

    def __init__(  # noqa: PLR0913 - by keyword beyond the second
        self,
        channels: Mapping[UUID, Channel],
        work: Callable[[Claim], bool],
        *,
        threads: int,
        batch: int,
        horizon: float,
        hung: dict[UUID, set[threading.Thread]],
    ) -> None:
        self._work = work
        self._batch = batch
        self._horizon = horizon
        self._hung = hung
        self._default = min(threads, batch)
        self._sizes = {
            channel.id: channel.concurrency or self._default for channel in channels.values()
        }
        self._ceiling = max(MOST_THREADS, self._default, *self._sizes.values(), 0)
        # Until it is known how fast they are, all of them together may fill one batch.
        self._pace = batch // max(len(channels), 1)
        self._pools: dict[UUID, WorkerPool] = {}
        self._could_have = 0  # threads, if every pool had as many as it may
        self.in_flight = 0
        self._done: SimpleQueue[WorkerPool | None] = SimpleQueue()
        self._is_woken = False
        self._at_first = {channel: self._at_most(size) for channel, size in self._sizes.items()}
        for channel in [channel for channel, threads_hung in hung.items() if threads_hung]:
            self._pool(channel)

    @property
    def is_exhausted(self) -> bool:
        """Return True if every thread of some channel hangs and none can be replaced."""
        return any(not pool.capacity for pool in self._pools.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for pool in self._pools.values():
            pool.close()

    def places(self) -> dict[UUID, int]:
        """Return for how many more messages of each channel there is room."""
        return self._at_first | {name: self._free(name) for name in self._pools}

    def submit(self, claims: Iterable[Claim]) -> None:
        """Queue claims for the threads of their channels."""
        pools: set[WorkerPool] = set()
        for claim in claims:
            pool = self._pool(claim.message.channel_id)
            pool.submit(claim)
            pools.add(pool)
            self.in_flight += 1
        for pool in pools:
            pool.start(may_grow=not self._is_crowded())

    def wake(self) -> None:
        """End the current or the next `wait`; any thread may call this."""
        if not self._is_woken:  # however often it is called, one entry wakes
            self._is_woken = True
            self._done.put(None)

    def wait(self, max_count: int, timeout: float = MAX_WAIT) -> None:
        """Wait for a finished message or a wake-up, and a millisecond longer for others.

        Args:
            max_count: Return when so many messages are finished.
            timeout: Seconds to wait for the first of them. A loop that waits for slow providers
                at length could not begin with other messages meanwhile.
        """
        if not self._wait_for_one(timeout):
            return
        count, deadline = 1, monotonic() + _COALESCE
        while count < max_count and self.in_flight:
            if not self._wait_for_one(max(0.0, deadline - monotonic())):
                return
            count += 1

    def replace_hung(self, channel: UUID, thread: threading.Thread) -> bool:
        """Replace a hung thread; return False if every thread of its channel hangs now."""
        pool = self._pool(channel)
        pool.replace_hung(thread)
        return pool.capacity > 0

    def take_unstarted(self) -> Iterator[Claim]:
        """Remove and yield the claims that no thread has begun."""
        for pool in self._pools.values():
            yield from self._take(pool, pool.unstarted)

    def end_threads(self) -> bool:
        """Let threads end after their current claims; return True if any has not ended yet.

        After an interruption `in_flight` may be one off, so this asks the threads themselves.
        """
        are_alive = [pool.end_threads() for pool in self._pools.values()]  # no pool may be left out
        return any(are_alive)

    def take_excess(self) -> Iterator[Claim]:
        """Remove and yield unstarted claims of channels that have become too slow for them."""
        for pool in self._pools.values():
            enough = 2 * pool.capacity + int(self._horizon * pool.pace()) if pool.capacity else 0
            if pool.in_flight > enough:
                yield from self._take(pool, pool.in_flight - enough)

    def _take(self, pool: WorkerPool, count: int) -> Iterator[Claim]:
        for claim in pool.take_unstarted(count):
            self.in_flight -= 1
            yield claim

    def pool_of(self, channel: UUID) -> UUID:
        """Return the key of the pool that serves a channel: the channel itself."""
        return channel

    def _pool(self, channel: UUID) -> WorkerPool:
        channel = self.pool_of(channel)
        pool = self._pools.get(channel)
        if pool is None:
            size = self._sizes.get(channel, self._default)
            hung = self._hung.setdefault(channel, set())
            pool = WorkerPool(size, self._work, done=self._done, hung=hung, pace=self._pace)
            self._pools[channel] = pool
            self._could_have += size
        return pool

    def _at_most(self, size: int) -> int:
        return min(max(self._batch, size), 2 * size + self._pace)

    def _free(self, channel: UUID) -> int:
        """Return how many more messages a channel may hold; very few count as none."""
        pool = self._pools[channel]
        capacity = pool.capacity
        if not capacity:
            return 0
        room = max(capacity, min(self._batch, 2 * capacity + pool.pace()))
        free = room - pool.in_flight
        # Of very few places the urgent lanes would take all, and many small claims cost much.
        fewest = max(min(len(Lane), capacity), room // _FEWEST_SHARE)
        return free if free >= fewest else 0

    def _is_crowded(self) -> bool:
        if self._could_have < self._ceiling:
            return False  # the usual case, at no cost
        return sum(pool.threads for pool in self._pools.values()) >= self._ceiling

    def _wait_for_one(self, timeout: float) -> bool:
        """Wait for one finished message or a wake-up; return False after the timeout."""
        try:
            pool = self._done.get(timeout=timeout)
        except Empty:
            return False
        if pool is None:
            self._is_woken = False  # before the next claim, which finds what woke this loop
        else:
            pool.count_finished()
            self.in_flight -= 1
        return True


class SinglePool(Bulkheads):
    """One pool for all channels, so that every simulation of a seed takes the same course."""

    def pool_of(self, channel: UUID) -> UUID:  # noqa: ARG002, D102 - as above
        return UUID(int=0)
