"""A share of the work for each channel, so that no provider holds up the messages of another."""

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
"""Where a worker has so many threads, every further channel gets one."""

_GATHER = 0.001  # seconds that a finished message waits for others to share its commit
PATIENCE = 0.25
"""Seconds after which new messages are looked for although none is finished."""


class Bulkheads:
    """Give each channel threads of its own, and room for as many messages as it is fast.

    A channel has at most as many calls under way as its concurrency. Beside those it holds a few
    messages that wait for a thread: twice its concurrency in all, and as many more as it did in
    the last second. So a fast channel is claimed for in large batches, and a slow or hanging one
    holds next to nothing.

    Args:
        channels: The channels of the host by their ids.
        work: What a thread does with a claim; false when the claim was given up meanwhile.
        threads: The concurrency of channels that name none.
        batch: How many messages a fast channel may hold.
        horizon: Seconds within which what a channel holds should be begun; what is beyond that
            can be given back.
        lost: Threads that hang, by channel; kept by the caller from one use to the next.

    Attributes:
        busy: How many messages are held, begun or not.
    """

    def __init__(  # noqa: PLR0913 - by keyword beyond the second
        self,
        channels: Mapping[UUID, Channel],
        work: Callable[[Claim], bool],
        *,
        threads: int,
        batch: int,
        horizon: float,
        lost: dict[UUID, set[threading.Thread]],
    ) -> None:
        self._work = work
        self._batch = batch
        self._horizon = horizon
        self._lost = lost
        self._default = min(threads, batch)
        self._sizes = {one.id: one.concurrency or self._default for one in channels.values()}
        self._ceiling = max(MOST_THREADS, self._default, *self._sizes.values(), 0)
        # Until it is known how fast they are, all of them together may fill one batch.
        self._pace = batch // max(len(channels), 1)
        self._crews: dict[UUID, WorkerPool] = {}
        self._could_have = 0  # threads, if every crew had as many as it may
        self.busy = 0
        self._done: SimpleQueue[WorkerPool] = SimpleQueue()
        self._at_first = {channel: self._at_most(size) for channel, size in self._sizes.items()}
        for channel in [one for one, threads_lost in lost.items() if threads_lost]:
            self._crew(channel)

    @property
    def has_lost(self) -> bool:
        """Tell whether a channel has no thread left that does not hang."""
        return any(not crew.capacity for crew in self._crews.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for crew in self._crews.values():
            crew.close()

    def places(self) -> dict[UUID, int]:
        """Return for how many messages of each channel there is room now."""
        return self._at_first | {name: self._free(name) for name in self._crews}

    def hand(self, claims: Iterable[Claim]) -> None:
        """Give channels more messages."""
        crews: set[WorkerPool] = set()
        for claim in claims:
            crew = self._crew(claim.message.channel_id)
            crew.hand(claim)
            crews.add(crew)
            self.busy += 1
        for crew in crews:
            crew.start(may_grow=not self._is_crowded())

    def gather(self, enough: int, patience: float = PATIENCE) -> None:
        """Wait for one message that is done, and a moment longer for others to share its commit.

        Slow ones are not waited for at length: there may be others to begin with meanwhile.
        """
        if not self._is_done(patience):
            return
        count, deadline = 1, monotonic() + _GATHER
        while count < enough and self.busy and self._is_done(max(0.0, deadline - monotonic())):
            count += 1

    def abandon(self, channel: UUID, thread: threading.Thread) -> bool:
        """Leave a thread that hangs to itself; false where its channel has no other left."""
        crew = self._crew(channel)
        crew.abandon(thread)
        return crew.capacity > 0

    def recall(self) -> Iterator[Claim]:
        """Take back what no thread has begun."""
        for crew in self._crews.values():
            yield from self._recall(crew, crew.queued)

    def dismiss(self) -> bool:
        """Let threads end after what they do now, and return True if any has not ended yet.

        After an interruption only the threads themselves know: a count may be one off.
        """
        are_alive = [crew.dismiss() for crew in self._crews.values()]  # no crew may be left out
        return any(are_alive)

    def recall_excess(self) -> Iterator[Claim]:
        """Take back what channels hold that have become too slow for it."""
        for crew in self._crews.values():
            enough = 2 * crew.capacity + int(self._horizon * crew.pace()) if crew.capacity else 0
            if crew.busy > enough:
                yield from self._recall(crew, crew.busy - enough)

    def _recall(self, crew: WorkerPool, count: int) -> Iterator[Claim]:
        for claim in crew.recall(count):
            self.busy -= 1
            yield claim

    def key_of(self, channel: UUID) -> UUID:
        """Return the channel whose threads work for a channel: its own."""
        return channel

    def _crew(self, channel: UUID) -> WorkerPool:
        channel = self.key_of(channel)
        crew = self._crews.get(channel)
        if crew is None:
            size = self._sizes.get(channel, self._default)
            lost = self._lost.setdefault(channel, set())
            crew = WorkerPool(size, self._work, done=self._done, lost=lost, pace=self._pace)
            self._crews[channel] = crew
            self._could_have += size
        return crew

    def _at_most(self, size: int) -> int:
        return min(max(self._batch, size), 2 * size + self._pace)

    def _free(self, channel: UUID) -> int:
        """Return the room of a channel: of very few places, all would be of its urgent lanes."""
        crew = self._crews[channel]
        capacity = crew.capacity
        room = min(max(self._batch, capacity), 2 * capacity + crew.pace()) if capacity else 0
        free = room - crew.busy
        return free if free >= min(len(Lane), capacity, room) else 0

    def _is_crowded(self) -> bool:
        if self._could_have < self._ceiling:
            return False  # the usual case, at no cost
        return sum(crew.threads for crew in self._crews.values()) >= self._ceiling

    def _is_done(self, timeout: float) -> bool:
        """Wait for a message that is done, at most so many seconds."""
        try:
            self._done.get(timeout=timeout).gathered()
        except Empty:
            return False
        self.busy -= 1
        return True


class OneForAll(Bulkheads):
    """One thread for all channels, so that a simulation with one seed has one story."""

    def key_of(self, channel: UUID) -> UUID:  # noqa: ARG002, D102 - as above
        return UUID(int=0)
