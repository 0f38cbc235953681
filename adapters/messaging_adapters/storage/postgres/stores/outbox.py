"""What waits to be delivered, in PostgreSQL: rows are leased under a lock that others pass over."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_adapters.storage.postgres.dialect import PostgresDialect
from messaging_adapters.storage.sql.queries.due_messages import DueMessages
from messaging_adapters.storage.sql.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sql.rows.deliveries import Due
from messaging_adapters.storage.sql.stores.outbox import _FINISH, _NOT_HANDED_OVER, SqlOutbox
from messaging_core.models.delivery.delivery import (
    Claim,
    Lane,
    Lease,
    Settlement,
    Withdrawal,
)
from messaging_core.models.messages.message import Status
from messaging_core.wire.codec.scalars import write_datetime

_DUE: Final = (
    "SELECT due_at, position, handed_over, leased_until FROM messaging_outbox"
    " WHERE lane = $1 AND workspace = $2 AND channel_id = $3 AND due_at <= $4 AND crashes = 0"
    " ORDER BY due_at, position LIMIT $5 FOR UPDATE SKIP LOCKED"
)
# From one queue to the next, of all lanes at once; see the statement of SQLite.
_QUEUES: Final = (
    "WITH RECURSIVE queue (lane, position) AS ("
    " SELECT l.lane, (SELECT position FROM messaging_outbox o WHERE o.lane = l.lane"
    " ORDER BY workspace, channel_id LIMIT 1) FROM unnest($1::bigint[]) AS l(lane)"
    " UNION ALL SELECT queue.lane, coalesce("
    "(SELECT o.position FROM messaging_outbox o WHERE o.lane = queue.lane"
    " AND o.workspace = p.workspace AND o.channel_id > p.channel_id"
    " ORDER BY o.channel_id LIMIT 1), "
    "(SELECT o.position FROM messaging_outbox o WHERE o.lane = queue.lane"
    " AND o.workspace > p.workspace ORDER BY o.workspace, o.channel_id LIMIT 1))"
    " FROM queue JOIN messaging_outbox p USING (position))"
)
_WITH_DUE: Final = (
    f"{_QUEUES} SELECT queue.lane, q.workspace, q.channel_id FROM queue"  # noqa: S608 - no input
    " JOIN messaging_outbox q USING (position) WHERE EXISTS ("
    "SELECT 1 FROM messaging_outbox o WHERE o.lane = queue.lane AND o.workspace = q.workspace"
    " AND o.channel_id = q.channel_id AND o.due_at <= $2 AND o.crashes = 0)"
)
_NEXT_DUE: Final = (
    f"{_QUEUES} SELECT min(("  # noqa: S608 - no input
    "SELECT min(o.due_at) FROM messaging_outbox o WHERE o.lane = queue.lane"
    " AND o.workspace = q.workspace AND o.channel_id = q.channel_id))"
    " FROM queue JOIN messaging_outbox q USING (position)"
)
_LANES: Final = [int(lane) for lane in Lane]
_SUSPECTS: Final = "SELECT DISTINCT channel_id FROM messaging_outbox WHERE crashes > 0"
_SUSPECT: Final = (
    "SELECT due_at, position, handed_over, leased_until, crashes, channel_id"
    " FROM messaging_outbox WHERE crashes > 0 AND due_at <= $1"
    " AND channel_id = ANY($2::bytea[])"
    " ORDER BY due_at, position LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_STATES: Final = (
    "SELECT position, state FROM messaging_messages WHERE position = ANY($1::bigint[])"
    " ORDER BY position FOR UPDATE"
)
_SET_STATE: Final = "UPDATE messaging_messages SET state = $2 WHERE position = $1"
_CANCEL: Final = (
    f"UPDATE messaging_messages SET status = '{Status.DELETED}', failure_code = NULL,"  # noqa: S608 - no input
    " failure_source_code = NULL, failure_source_name = NULL, state = $2 WHERE position = $1"
)
_IN_DOUBT: Final = "in_doubt"
_DELETED: Final = frozenset({"reason", "details", "failure"})


class LockedDueMessages(DueMessages):
    """Find what a claim may lease, and lock it; what another claim has locked is passed over."""

    def __init__(self, cursor: PostgresCursor) -> None:
        super().__init__(cursor)
        self._native = cursor.native

    def suspect(self, now: int, places: Mapping[bytes, int]) -> tuple[Any, ...] | None:
        channels = [
            channel
            for (channel,) in self._native(_SUSPECTS).fetchall()
            if places.get(channel, 1) > 0
        ]
        row = self._native(_SUSPECT, (now, channels)).fetchone() if channels else None
        return tuple(row) if row else None

    def due(self, now: datetime, limit: int, places: Mapping[bytes, int]) -> list[Due]:
        self._queues: dict[int, list[tuple[bytes, bytes]]] = {lane: [] for lane in _LANES}
        for lane, *queue in self._native(_WITH_DUE, (_LANES, to_micros(now))).fetchall():
            self._queues[lane].append(tuple(queue))
        return super().due(now, limit, places)

    def _with_due(self, lane: Lane, now: int) -> list[tuple[bytes, bytes]]:  # noqa: ARG002 - read
        return self._queues[int(lane)]

    def next_due(self) -> datetime | None:
        (due_at,) = self._native(_NEXT_DUE, (_LANES,)).fetchone()
        return None if due_at is None else from_micros(due_at)

    def _first(
        self, lane: Lane, now: int, shares: Mapping[tuple[bytes, bytes], int]
    ) -> Iterator[Due]:
        for queue, count in shares.items():
            yield from self._native(_DUE, (int(lane), *queue, now, count)).fetchall()


class PostgresOutbox(SqlOutbox):
    """Give out deliveries through one cursor, inside one transaction."""

    def __init__(self, dialect: PostgresDialect) -> None:
        super().__init__(dialect)
        self._native = dialect.native
        self._locks = dialect.locks
        self._due_messages = LockedDueMessages(dialect.cursor)

    def _doubt(self, positions: Sequence[int]) -> frozenset[int]:
        before = set()
        for position, state in self._native(_STATES, (list(positions),)).fetchall():
            values = _values(state)
            if values is None:
                continue
            if values.get("details") == _IN_DOUBT:
                before.add(position)
            else:
                self._native(_SET_STATE, (position, _written(values | {"details": _IN_DOUBT})))
        return frozenset(before)

    def hand_over(self, leases: Sequence[Lease], *, now: datetime) -> list[Withdrawal | None]:
        # In the order of the rows: two callers that mark the same messages never wait in a circle.
        order = sorted(range(len(leases)), key=lambda place: leases[place].position)
        answers = super().hand_over([leases[place] for place in order], now=now)
        by_place = dict(zip(order, answers, strict=True))
        return [by_place[place] for place in range(len(leases))]

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        valid = super().settle(settlements)
        self._locks.holds(
            settlement.lease.message_id.bytes
            for settlement, is_valid in zip(settlements, valid, strict=True)
            if is_valid
        )
        return valid

    def claim(
        self,
        *,
        now: datetime,
        lease: timedelta,
        limit: int,
        suspects: bool = True,
        places: Mapping[UUID, int] | None = None,
    ) -> list[Claim]:
        claims = super().claim(now=now, lease=lease, limit=limit, suspects=suspects, places=places)
        self._locks.holds(claim.message.id.bytes for claim in claims)
        return claims

    def cancel(self, workspace: UUID, message_id: UUID, *, now: datetime) -> bool:
        where = (message_id.bytes, workspace.bytes)
        row = self._cursor.execute(_NOT_HANDED_OVER, where).fetchone()
        if row is None:
            return False
        (_, state) = self._native(_STATES, (list(row),)).fetchone()
        self._native(_CANCEL, (*row, _deleted(state, now)))
        self._cursor.execute(_FINISH, row)
        return True


def _values(state: str) -> dict[str, Any] | None:
    """Return what a state says, or nothing where it is damaged."""
    try:
        values = orjson.loads(state)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def _written(values: Mapping[str, Any]) -> str:
    return orjson.dumps(values).decode()


def _deleted(state: str, now: datetime) -> str:
    values = _values(state) or {}
    at = write_datetime(now)
    left = {key: value for key, value in values.items() if key not in _DELETED}
    return _written(left | {"status": Status.DELETED, "lastStatusAt": at, "updatedAt": at})
