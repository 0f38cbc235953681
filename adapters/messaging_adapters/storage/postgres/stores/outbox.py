"""What waits to be delivered, in PostgreSQL: rows are leased under a lock that others pass over."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_adapters.storage.postgres.locks import Locks
from messaging_adapters.storage.sqlite.queries.due_messages import DueMessages
from messaging_adapters.storage.sqlite.rows.deliveries import Due
from messaging_adapters.storage.sqlite.stores.outbox import _FINISH, _NOT_HANDED_OVER, SqliteOutbox
from messaging_core.models.delivery.delivery import (
    Claim,
    Delivery,
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
        super().__init__(cursor)  # type: ignore[arg-type] # in its manner
        self._native = cursor.native

    def suspect(self, now: int, places: Mapping[bytes, int]) -> tuple[Any, ...] | None:
        channels = [
            channel
            for (channel,) in self._native(_SUSPECTS).fetchall()
            if places.get(channel, 1) > 0
        ]
        row = self._native(_SUSPECT, (now, channels)).fetchone() if channels else None
        return tuple(row) if row else None

    def _first(
        self, lane: Lane, now: int, shares: Mapping[tuple[bytes, bytes], int]
    ) -> Iterator[Due]:
        for queue, count in shares.items():
            yield from self._native(_DUE, (int(lane), *queue, now, count)).fetchall()


class PostgresOutbox(SqliteOutbox):
    """Give out deliveries through one cursor, inside one transaction."""

    def __init__(self, cursor: PostgresCursor, locks: Locks) -> None:
        super().__init__(cursor)  # type: ignore[arg-type] # in its manner
        self._native = cursor.native
        self._locks = locks
        self._due_messages = LockedDueMessages(cursor)

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

    def _at_once(self, statement: str, values: Sequence[Any]) -> None:
        if not values:
            return
        ordered = sorted(values, key=_position)
        if isinstance(ordered[0], int):
            self._cursor.execute(statement, (ordered,))
        else:
            self._cursor.execute(statement, list(map(list, zip(*ordered, strict=True))))

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

    def delivery(self, workspace: UUID, message_id: UUID) -> Delivery | None:
        self._locks.messages(workspace.bytes, [message_id.bytes])
        return super().delivery(workspace, message_id)

    def cancel(self, workspace: UUID, message_id: UUID, *, now: datetime) -> bool:
        where = (message_id.bytes, workspace.bytes)
        row = self._cursor.execute(_NOT_HANDED_OVER, where).fetchone()
        if row is None:
            return False
        (_, state) = self._native(_STATES, (list(row),)).fetchone()
        self._native(_CANCEL, (*row, _deleted(state, now)))
        self._cursor.execute(_FINISH, row)
        return True


def _position(value: Any) -> Any:
    return value if isinstance(value, int) else value[0]


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
