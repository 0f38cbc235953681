"""Whether messages are being delivered, as figures: workers, backlog, doubt, dead letters."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from messaging_core.lazy import frozen
from messaging_core.models.delivery.delivery import Lane
from messaging_core.models.delivery.worker_state import WorkerState

SILENT_AFTER: Final = timedelta(seconds=30)
"""After what time without a word a worker counts as silent; it says something every five."""

OVERDUE_LIMIT: Final = timedelta(minutes=1)
"""How long a message may be overdue, unless the caller says otherwise."""


@frozen(kw_only=True)
class Backlog:
    """What is due and waits for a worker, of one channel and lane.

    Attributes:
        number: How many messages, as far as they were counted.
        oldest_due_at: Since when the oldest is due.
    """

    workspace: UUID
    channel_id: UUID
    lane: Lane
    number: int
    oldest_due_at: datetime


@frozen(kw_only=True)
class SubscriberLag:
    """A subscriber to events that has not handled all of them.

    Attributes:
        name: Of the subscription.
        since: When the first event happened that it has not handled.
    """

    name: str
    since: datetime


@frozen(kw_only=True)
class DiskSpace:
    """The room on the disk of a storage, in bytes.

    Attributes:
        free: How much is left.
        floor: Below it no message is accepted.
    """

    free: int
    floor: int

    @property
    def is_scarce(self) -> bool:
        """Return whether acceptance will soon stop: less than four times the floor is left."""
        return self.free < 4 * self.floor

    @property
    def is_full(self) -> bool:
        """Return whether nothing is accepted any more."""
        return self.free < self.floor


class HealthProblem(StrEnum):
    """Why messages are not accepted, or not delivered in time.

    Attributes:
        WORKERS_SILENT: Workers ran, and none of them has said anything of late.
        OVERDUE: A message has waited longer than it may after it was due.
        DISK_FULL: The disk of the storage has so little room that nothing is accepted.
    """

    WORKERS_SILENT = "workers_silent"
    OVERDUE = "overdue"
    DISK_FULL = "disk_full"


@frozen(kw_only=True)
class Health:
    """Whether messages are being delivered; the backlog and the workers are of all workspaces.

    Attributes:
        at: When this was.
        workers: Those that have said something within a day, the latest first. One that stopped
            as it was told to is not among them.
        backlog: What is due, by channel and lane.
        in_doubt: How many messages of the asked workspaces are in doubt.
        dead_letters: How many messages of the asked workspaces, accepted within a day, could not
            be sent.
        is_exact: False if one of these numbers, or of the backlog, was not counted to its end.
        receipts_since: When the oldest receipt came that is not processed yet.
        subscribers: Those of this process that have not handled all events.
        disk: The room on its disk, if the storage knows.
        overdue_limit: How long a message may be overdue.
        silent_after: After what time without a word a worker counts as silent.
    """

    at: datetime
    workers: tuple[WorkerState, ...] = ()
    backlog: tuple[Backlog, ...] = ()
    in_doubt: int = 0
    dead_letters: int = 0
    is_exact: bool = True
    receipts_since: datetime | None = None
    subscribers: tuple[SubscriberLag, ...] = ()
    disk: DiskSpace | None = None
    overdue_limit: timedelta = OVERDUE_LIMIT
    silent_after: timedelta = SILENT_AFTER

    @property
    def live(self) -> tuple[WorkerState, ...]:
        """Return the workers that have said something of late."""
        return tuple(worker for worker in self.workers if not self._is_silent(worker))

    @property
    def silent(self) -> tuple[WorkerState, ...]:
        """Return the workers that have not."""
        return tuple(worker for worker in self.workers if self._is_silent(worker))

    @property
    def due(self) -> int:
        """Return how many messages are due and wait for a worker."""
        return sum(backlog.number for backlog in self.backlog)

    @property
    def in_flight(self) -> int:
        """Return how many messages live workers have taken and not finished."""
        return sum(worker.in_flight for worker in self.live)

    @property
    def oldest_overdue(self) -> timedelta:
        """Return how long the oldest due message has waited."""
        first = min((backlog.oldest_due_at for backlog in self.backlog), default=self.at)
        return max(self.at - first, timedelta(0))

    @property
    def problems(self) -> tuple[HealthProblem, ...]:
        """Return why messages are not accepted, or not delivered in time.

        Workers that were never started are no problem by themselves: a host may deliver from a
        scheduler, and then only what is overdue counts.
        """
        problems = {
            HealthProblem.WORKERS_SILENT: bool(self.workers) and not self.live,
            HealthProblem.OVERDUE: self.oldest_overdue > self.overdue_limit,
            HealthProblem.DISK_FULL: self.disk is not None and self.disk.is_full,
        }
        return tuple(problem for problem, is_there in problems.items() if is_there)

    @property
    def ready(self) -> bool:
        """Return whether messages are accepted, and delivered in time."""
        return not self.problems

    def _is_silent(self, worker: WorkerState) -> bool:
        return self.at - worker.seen_at > self.silent_after
