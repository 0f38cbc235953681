"""Requests per second of each workspace, over all processes that serve it."""

import asyncio
import math
from collections.abc import Callable
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

from attrs import frozen

from messaging_adapters.asgi.access import Action
from messaging_adapters.asgi.problems import TOO_MANY, ProblemError
from messaging_core.arguments import checked_init, optional, whole
from messaging_core.errors import StorageBusyError
from messaging_core.policy.shared_rate import SharedRate
from messaging_core.ports.clock import Clock
from messaging_core.ports.storage.transaction import Storage

_TRIES: Final = 3
_TOO_SLOW: Final = "the storage is too slow to count requests"


@checked_init(per_second=optional(whole(1)), reads_per_second=optional(whole(1)))
@frozen(kw_only=True)
class RequestRate:
    """How many requests of a workspace are accepted in any second, by all its keys together.

    Attributes:
        per_second: Of all requests; without it there is no limit.
        reads_per_second: Of requests that only look, which then do not count as others.

    Raises:
        ArgumentError: A number is less than 1.
    """

    per_second: int | None = None
    reads_per_second: int | None = None


RateOf = Callable[[UUID], RequestRate]
"""Returns the rate of a workspace; always the same for one workspace."""


class RequestRates:
    """Refuse requests beyond the rates of their workspaces.

    Args:
        storage: Counts, for all processes that use it.
        rate_of: Returns the rate of a workspace.
        clock: Tells the time.
    """

    def __init__(self, storage: Storage, rate_of: RateOf, *, clock: Clock) -> None:
        self._storage = storage
        self._rate_of = rate_of
        self._clock = clock
        # Each event loop has its own, as their locks cannot be shared; so they take turns.
        self._queues = WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[tuple[UUID, bool], _Queue | None]
        ]()

    async def admit(self, workspace: UUID, action: Action) -> None:
        """Count a request.

        Raises:
            ProblemError: It is one too many, with the time after which another is accepted.
            StorageError: The storage failed.
        """
        queues = self._queues.setdefault(asyncio.get_running_loop(), {})
        where = (workspace, action is Action.VIEW)
        if where not in queues:
            queues[where] = self._queue(*where)
        queue = queues[where]
        if queue is not None:
            await queue.take()

    def _queue(self, workspace: UUID, is_read: bool) -> "_Queue | None":  # noqa: FBT001 - a key
        rate = self._rate_of(workspace)
        limit, key = rate.per_second, "http"
        if is_read and rate.reads_per_second is not None:
            limit, key = rate.reads_per_second, "http.reads"
        if limit is None:
            return None
        shared = SharedRate(
            self._storage, key=key, limit=limit, workspace=workspace, clock=self._clock
        )
        return _Queue(shared)


class _Queue:
    """The requests of one workspace that wait for a share; the first one fetches it for all."""

    def __init__(self, rate: SharedRate) -> None:
        self._rate = rate
        self._waiting = 0
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        self._waiting += 1
        try:
            for _ in range(_TRIES):
                taken = self._rate.take()
                if taken is None:
                    taken = await self._refilled()
                if taken is False:
                    raise _too_many(self._rate)
                if taken:
                    return
        finally:
            self._waiting -= 1
        raise StorageBusyError(_TOO_SLOW)

    async def _refilled(self) -> bool | None:
        async with self._turn:
            taken = self._rate.take()  # another request may have fetched a share meanwhile
            if taken is None:
                await asyncio.to_thread(self._rate.refill, self._waiting)
                taken = self._rate.take()
        return taken


def _too_many(rate: SharedRate) -> ProblemError:
    seconds = max(math.ceil(rate.wait().total_seconds()), 1)
    return ProblemError(TOO_MANY, headers={"retry-after": str(seconds)})
