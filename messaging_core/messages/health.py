"""Figures about workers, backlog, doubt and dead letters, read in one transaction."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from messaging_core.context import EngineContext
from messaging_core.lazy import frozen
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.delivery.health import Health, SubscriberLag
from messaging_core.models.delivery.worker_state import WorkerState
from messaging_core.models.messages.counts import MOST_COUNTED, Counts
from messaging_core.models.messages.message import Direction, Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.ports.storage.transaction import SupportsDiskSpace, Transaction

_DAY: Final = timedelta(days=1)
_MOST_WORKERS: Final = 1000


@frozen(kw_only=True)
class HealthLookup:
    """Looks at workers and messages; nothing is written.

    Attributes:
        subscribers: The names of the subscribers to events.
    """

    context: EngineContext
    subscribers: Collection[str] = ()

    def workers(self) -> list[WorkerState]:
        """Return the workers that have said something within a day, the latest first."""
        with self.context.storage.begin(read_only=True) as tx:
            return _workers(tx, self.context.clock.now())

    def get(self, workspace: UUID | None, overdue_limit: timedelta) -> Health:
        """Return the figures of a workspace, or of all workspaces that have a channel."""
        now, storage = self.context.clock.now(), self.context.storage
        channels = self.context.channels.by_id.values()
        workspaces = {own.workspace for own in channels} if workspace is None else {workspace}
        with storage.begin(read_only=True) as tx:
            backlog = tx.outbox.backlog(now=now, most=MOST_COUNTED)
            doubts = [_doubts(tx, own) for own in workspaces]
            dead = [_dead_letters(tx, own, now - _DAY) for own in workspaces]
            pending = tx.receipts.pending(limit=1)
            return Health(
                at=now,
                workers=tuple(_workers(tx, now)),
                backlog=tuple(backlog),
                in_doubt=_total(doubts),
                dead_letters=_total(dead),
                is_exact=all(counts.is_exact for counts in (*doubts, *dead))
                and all(own.number < MOST_COUNTED for own in backlog),
                receipts_since=pending[0].received_at if pending else None,
                subscribers=tuple(_lags(tx, self.subscribers, now)),
                disk=storage.disk_space() if isinstance(storage, SupportsDiskSpace) else None,
                overdue_limit=overdue_limit,
            )


def _workers(tx: Transaction, now: datetime) -> list[WorkerState]:
    workers = tx.workers.find(limit=_MOST_WORKERS)
    return [worker for worker in workers if now - worker.seen_at <= _DAY]


def _doubts(tx: Transaction, workspace: UUID) -> Counts:
    query = MessageQuery(
        workspace=workspace, status=(Status.PROCESSING,), failure_code=(FailureCode.IN_DOUBT,)
    )
    return tx.messages.count(query, (), most=MOST_COUNTED)


def _dead_letters(tx: Transaction, workspace: UUID, since: datetime) -> Counts:
    query = MessageQuery(
        workspace=workspace,
        status=(Status.SENDING_FAILED,),
        direction=Direction.OUTGOING,
        start_at=since,
    )
    return tx.messages.count(query, (), most=MOST_COUNTED)


def _total(counts: Iterable[Counts]) -> int:
    return sum(own.total for own in counts)


def _lags(tx: Transaction, names: Iterable[str], now: datetime) -> Iterable[SubscriberLag]:
    for name in names:
        cursor = tx.timeline.cursor(name)
        unread = tx.timeline.after(cursor.position, limit=1) if cursor else []
        if unread:
            yield SubscriberLag(name=name, since=min(unread[0].at, now))
