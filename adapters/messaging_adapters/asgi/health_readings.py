"""The health of an engine for many callers: read once, then remembered for some seconds."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

from attrs import frozen

from messaging_core.aio import AsyncMessenger
from messaging_core.host_code import fault_of
from messaging_core.lazy import logger
from messaging_core.models.delivery.health import Health

_log = logger(__name__)

CACHED_FOR: Final = timedelta(seconds=5)
"""How old an answer may be: however many callers ask, the storage is read once in this time."""

PATIENCE: Final = timedelta(seconds=5)
"""How long a caller waits for a storage that does not answer."""


@frozen
class _Reading:
    """What a storage said, if it said something, and when."""

    health: Health | None
    at: float


class HealthReadings:
    """Read the health of an engine at most once in `CACHED_FOR` for each workspace.

    Callers that come while it is read wait for the same reading, so that a slow storage is asked
    once at a time too.

    Args:
        messenger: Knows its health.
        monotonic: Tells seconds that only grow.
    """

    def __init__(
        self, messenger: AsyncMessenger, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._messenger = messenger
        self._monotonic = monotonic
        # Each event loop has its own, as a task cannot be awaited in another loop.
        self._tasks = WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[UUID | None, asyncio.Task[_Reading]]
        ]()

    async def get(self, workspace: UUID | None = None) -> Health | None:
        """Return the health with the figures of a workspace, or of all workspaces.

        It is nothing if the storage fails, or does not answer within `PATIENCE`.
        """
        tasks = self._tasks.setdefault(asyncio.get_running_loop(), {})
        task = tasks.get(workspace)
        if task is None or self._is_old(task):
            tasks[workspace] = task = asyncio.create_task(self._read(workspace))
        # Not cancelled with a caller that leaves: others wait for it.
        done, _ = await asyncio.wait([task], timeout=PATIENCE.total_seconds())
        return task.result().health if done else None

    def _is_old(self, task: asyncio.Task[_Reading]) -> bool:
        if not task.done():
            return False
        return (
            task.cancelled() or self._monotonic() - task.result().at >= CACHED_FOR.total_seconds()
        )

    async def _read(self, workspace: UUID | None) -> _Reading:
        try:
            health = await self._messenger.health(workspace=workspace)
        except Exception as error:  # noqa: BLE001 - it is unwell, whatever is wrong
            _log.error("the health could not be read: %s", fault_of(error))
            health = None
        return _Reading(health, self._monotonic())
