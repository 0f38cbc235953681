"""Which waiting messages are due: each tenant and each channel with its share."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from messaging_adapters.storage.sql.cursor import SqlCursor
from messaging_adapters.storage.sql.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sql.rows.deliveries import Due
from messaging_core.decisions.delivery.fairness import divide, most_for_one
from messaging_core.models.delivery.delivery import Lane
from messaging_core.models.delivery.health import Backlog

# From one channel to the next through the index: what it costs is a seek or two for each channel,
# however many messages wait in between. A queue is named by the position of one message in it. Of
# a comparison of pairs, SQLite would go through all that are equal; so the pair is taken apart.
_QUEUES = (
    "WITH RECURSIVE queue (position) AS ("
    " SELECT (SELECT position FROM messaging_outbox WHERE lane = ?1"
    " ORDER BY workspace, channel_id LIMIT 1)"
    " UNION ALL SELECT coalesce("
    "(SELECT o.position FROM messaging_outbox o WHERE o.lane = ?1"
    " AND o.workspace = p.workspace AND o.channel_id > p.channel_id"
    " ORDER BY o.channel_id LIMIT 1), "
    "(SELECT o.position FROM messaging_outbox o WHERE o.lane = ?1"
    " AND o.workspace > p.workspace ORDER BY o.workspace, o.channel_id LIMIT 1))"
    " FROM queue CROSS JOIN messaging_outbox p USING (position))"
)
_WITH_DUE = (
    f"{_QUEUES} SELECT q.workspace, q.channel_id FROM queue"  # noqa: S608 - no input
    " CROSS JOIN messaging_outbox q USING (position) WHERE EXISTS ("
    "SELECT 1 FROM messaging_outbox o WHERE o.lane = ?1 AND o.workspace = q.workspace"
    " AND o.channel_id = q.channel_id AND o.due_at <= ?2 AND o.crashes = 0)"
)
_NEXT_DUE = (
    f"{_QUEUES} SELECT min(("  # noqa: S608 - no input
    "SELECT min(o.due_at) FROM messaging_outbox o WHERE o.lane = ?1"
    " AND o.workspace = q.workspace AND o.channel_id = q.channel_id))"
    " FROM queue CROSS JOIN messaging_outbox q USING (position)"
)
_FIRST_DUE = (
    f"{_QUEUES} SELECT q.workspace, q.channel_id, ("  # noqa: S608 - no input
    "SELECT min(o.due_at) FROM messaging_outbox o WHERE o.lane = ?1"
    " AND o.workspace = q.workspace AND o.channel_id = q.channel_id)"
    " FROM queue CROSS JOIN messaging_outbox q USING (position)"
)
_COUNT = (
    "SELECT count(*) FROM (SELECT 1 FROM messaging_outbox WHERE lane = ? AND workspace = ?"
    " AND channel_id = ? AND due_at <= ? AND crashes = 0 LIMIT ?) AS due"
)
_COUNT_ALL = (
    "SELECT count(*) FROM (SELECT 1 FROM messaging_outbox WHERE lane = ? AND workspace = ?"
    " AND channel_id = ? AND due_at <= ? LIMIT ?) AS due"
)
_DUE = (
    "SELECT due_at, position, handed_over, leased_until, workspace FROM messaging_outbox"
    " WHERE lane = ? AND workspace = ? AND channel_id = ? AND due_at <= ? AND crashes = 0"
    " ORDER BY due_at LIMIT ?"
)
_SUSPECTS = (
    "WITH RECURSIVE suspected (channel_id) AS ("
    " SELECT min(channel_id) FROM messaging_outbox INDEXED BY messaging_outbox_suspects"
    " WHERE crashes > 0"
    " UNION ALL SELECT (SELECT min(o.channel_id) FROM messaging_outbox o"
    " INDEXED BY messaging_outbox_suspects WHERE o.crashes > 0"
    " AND o.channel_id > suspected.channel_id)"
    " FROM suspected WHERE suspected.channel_id IS NOT NULL)"
    " SELECT channel_id FROM suspected WHERE channel_id IS NOT NULL"
)
_SUSPECT = (
    "SELECT due_at, position, handed_over, leased_until, workspace, crashes, channel_id"
    " FROM messaging_outbox"
    " INDEXED BY messaging_outbox_suspects WHERE crashes > 0 AND channel_id = ? AND due_at <= ?"
    " ORDER BY due_at LIMIT 1"
)

_Queue = tuple[bytes, bytes]
"""A workspace and one of its channels."""


class DueMessages:
    """Find what a claim may lease through one cursor; nothing is written."""

    def __init__(self, cursor: SqlCursor) -> None:
        self._cursor = cursor

    def suspect(self, now: int, places: Mapping[bytes, int]) -> tuple[Any, ...] | None:
        """Return what crashed before and is due longest, with its crashes and its channel."""
        channels = self._cursor.execute(_SUSPECTS).fetchall()
        rows = [
            self._cursor.execute(_SUSPECT, (channel, now)).fetchone()
            for (channel,) in channels
            if places.get(channel, 1) > 0
        ]
        return min(filter(None, rows), default=None)

    def due(self, now: datetime, limit: int, places: Mapping[bytes, int]) -> list[Due]:
        """Return what is due, the most urgent lane first, each queue with its share."""
        waiting = [self._counts(lane, to_micros(now), limit, places) for lane in Lane]
        due: list[Due] = []
        for lane, shares in zip(Lane, divide(waiting, limit, now, places), strict=True):
            due += sorted(self._first(lane, to_micros(now), shares))
        return due

    def _counts(
        self, lane: Lane, now: int, limit: int, places: Mapping[bytes, int]
    ) -> dict[_Queue, int]:
        """Return how much is due in a lane by workspace and channel, as far as it matters."""
        queues = self._with_due(lane, now)
        most = most_for_one(len({workspace for workspace, _ in queues}), limit)
        return {
            queue: self._count(lane, queue, now, min(most, places.get(queue[1], most)))
            for queue in queues
        }

    def _with_due(self, lane: Lane, now: int) -> list[_Queue]:
        return self._cursor.execute(_WITH_DUE, (lane, now)).fetchall()

    def _count(self, lane: Lane, queue: _Queue, now: int, most: int) -> int:
        if most <= 1:
            return most  # something is due
        return int(self._cursor.execute(_COUNT, (lane, *queue, now, most)).fetchone()[0])

    def _first(self, lane: Lane, now: int, shares: Mapping[_Queue, int]) -> Iterator[Due]:
        """Yield from each queue as many as it may send, those that are due longest."""
        for queue, count in shares.items():
            yield from self._cursor.execute(_DUE, (lane, *queue, now, count)).fetchall()

    def first_due(self) -> dict[_Queue, datetime]:
        """Return when the first message of each queue is due, in whichever lane."""
        first: dict[_Queue, int] = {}
        for lane in Lane:
            for workspace, channel_id, due_at in self._cursor.execute(_FIRST_DUE, (lane,)):
                queue = (workspace, channel_id)
                first[queue] = min(due_at, first.get(queue, due_at))
        return {queue: from_micros(due_at) for queue, due_at in first.items()}

    def backlog(self, now: datetime, most: int) -> list[Backlog]:
        """Return what is due in each queue of each lane, counted up to a number."""
        due = [
            Backlog(
                workspace=UUID(bytes=workspace),
                channel_id=UUID(bytes=channel_id),
                lane=lane,
                number=self._count_all(lane, (workspace, channel_id), to_micros(now), most),
                oldest_due_at=from_micros(due_at),
            )
            for lane in Lane
            for workspace, channel_id, due_at in self._cursor.execute(
                _FIRST_DUE, (lane,)
            ).fetchall()
            if due_at <= to_micros(now)
        ]
        return sorted(due, key=lambda own: (own.workspace, own.channel_id, own.lane))

    def _count_all(self, lane: Lane, queue: _Queue, now: int, most: int) -> int:
        return int(self._cursor.execute(_COUNT_ALL, (lane, *queue, now, most)).fetchone()[0])

    def next_due(self) -> datetime | None:
        """Return when the next message is due."""
        rows = [self._cursor.execute(_NEXT_DUE, (lane,)).fetchone() for lane in Lane]
        return min((from_micros(row[0]) for row in rows if row[0] is not None), default=None)
