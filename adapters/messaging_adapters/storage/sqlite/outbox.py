"""What waits to be delivered, in SQLite: leased by moving its due time to the lease's end."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from sqlite3 import Cursor
from typing import Any
from uuid import UUID

import orjson

from messaging_adapters.storage.sqlite.messages import failure_columns
from messaging_adapters.storage.sqlite.values import from_micros, to_micros
from messaging_core.decisions.settlement import unreadable
from messaging_core.decisions.sharing import share
from messaging_core.models.delivery import (
    Claim,
    Controls,
    Delivery,
    Lane,
    Lease,
    Settlement,
    Withdrawal,
)
from messaging_core.models.message import Message
from messaging_core.ports.storage import Outbox
from messaging_core.wire import load
from messaging_core.wire.stored import Stored, settled_state, store
from messaging_core.wire.values import write_datetime

_log = logging.getLogger(__name__)

_DUE = (
    "SELECT position, due_at, handed_over FROM messaging_outbox"
    " WHERE lane = ? AND due_at <= ? AND crashes = 0 ORDER BY due_at LIMIT ?"
)
_SUSPECT = (
    "SELECT position, due_at, handed_over FROM messaging_outbox"
    " WHERE crashes > 0 AND due_at <= ? ORDER BY due_at LIMIT ?"
)
_LEASE = (
    "UPDATE messaging_outbox SET fence = fence + 1, attempts = attempts + 1,"
    " crashes = crashes + (leased_until IS NOT NULL),"
    " due_at = ?1, leased_until = ?1, handed_over = 0"
    " WHERE position IN (SELECT value FROM json_each(?2))"
)
_DOUBT = (
    "UPDATE messaging_messages SET state = json_set(state, '$.details', 'in_doubt')"
    " WHERE position IN (SELECT value FROM json_each(?)) AND json_valid(state)"
)
_HAND_OVER = (
    "UPDATE messaging_outbox SET handed_over = 1 WHERE position = ? AND fence = ?"
    " AND handed_over = 0 AND leased_until > ?3 AND expires_at > ?3"
)
_WHY_NOT = "SELECT fence, expires_at FROM messaging_outbox WHERE position = ?"
_IS_CANCELLED = "SELECT 1 FROM messaging_messages WHERE position = ? AND status = 'deleted'"
_START = (
    "UPDATE messaging_messages SET status = 'processing', state = json_set(state,"
    " '$.status', 'processing', '$.lastStatusAt', ?1, '$.updatedAt', ?1)"
    " WHERE position IN (SELECT value FROM json_each(?2)) AND json_valid(state)"
)
_LEASED = (
    "SELECT o.position, o.fence, m.workspace, m.document, CAST(m.state AS BLOB),"
    " o.lane, o.expires_at, o.attempts, o.controls, o.progress, o.crashes"
    " FROM messaging_outbox o JOIN messaging_messages m USING (position)"
    " WHERE o.position IN (SELECT value FROM json_each(?))"
)
_FENCES = (
    "SELECT position, fence FROM messaging_outbox"
    " WHERE position IN (SELECT value FROM json_each(?)) AND leased_until IS NOT NULL"
)
_SETTLE = (
    "UPDATE messaging_messages SET status = ?, failure_code = ?, failure_source_code = ?,"
    " failure_source_name = ?, state = ? WHERE position = ?"
)
_FINISH = "DELETE FROM messaging_outbox WHERE position = ?"
_RETRY = (
    "UPDATE messaging_outbox SET due_at = ?, leased_until = NULL, handed_over = 0,"
    " attempts = attempts - ?, crashes = crashes + ?, progress = ? WHERE position = ?"
)
_NOT_HANDED_OVER = (
    "SELECT position FROM messaging_messages m JOIN messaging_outbox o USING (position)"
    " WHERE m.id = ? AND m.workspace = ? AND handed_over = 0"
)
_WAITING = f"{_NOT_HANDED_OVER} AND (leased_until IS NULL OR leased_until <= ?)"
_DELIVERY = (
    "SELECT o.due_at, o.lane, o.expires_at, o.attempts, o.controls, o.progress, o.crashes"
    " FROM messaging_messages m JOIN messaging_outbox o USING (position)"
    " WHERE m.id = ? AND m.workspace = ?"
)
_CANCEL = (
    "UPDATE messaging_messages SET status = 'deleted', failure_code = NULL,"
    " failure_source_code = NULL, failure_source_name = NULL,"
    " state = json_set(json_remove(state, '$.reason', '$.details', '$.failure'),"
    " '$.status', 'deleted', '$.lastStatusAt', ?1, '$.updatedAt', ?1) WHERE position = ?2"
)
_MOVE = (
    "UPDATE messaging_outbox SET due_at = ?, expires_at = ?, leased_until = NULL,"
    " fence = fence + 1 WHERE position = ?"
)
_REPLACE = (
    "UPDATE messaging_messages SET status = ?, failure_code = ?, failure_source_code = ?,"
    " failure_source_name = ?, state = ?, document = ? WHERE position = ?"
)


class SqliteOutbox(Outbox):
    """Give out deliveries through one cursor, inside one transaction."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def claim(  # noqa: D102 - the port's
        self, *, now: datetime, lease: timedelta, limit: int, suspects: bool = True
    ) -> list[Claim]:
        suspect = self._suspect(to_micros(now), min(limit, 1)) if suspects else {}
        due = self._due(to_micros(now), limit - len(suspect)) | suspect
        if not due:
            return []
        until, positions = now + lease, orjson.dumps(list(due)).decode()
        in_doubt = [position for position, (_, handed_over) in due.items() if handed_over]
        if in_doubt:
            self._cursor.execute(_DOUBT, (orjson.dumps(in_doubt).decode(),))
        self._cursor.execute(_LEASE, (to_micros(until), positions))
        self._cursor.execute(_START, (write_datetime(now), positions))
        rows = {row[0]: row for row in self._cursor.execute(_LEASED, (positions,))}
        claims = [self._read(rows, place, due[place][0], until, now) for place in due]
        return [claim for claim in claims if claim is not None]

    def _read(
        self,
        rows: dict[int, tuple[Any, ...]],
        position: int,
        due_at: int,
        until: datetime,
        now: datetime,
    ) -> Claim | None:
        """Decode one message; one that cannot be read is put aside, and stops no other."""
        try:
            return _claim(rows[position], due_at, until)
        except Exception as error:  # noqa: BLE001 - whatever its bytes are, the others go on
            what = type(error).__name__
            _log.error("the message at position %d cannot be read: %s", position, what)
            lease = Lease(position=position, fence=0, until=until)
            self._cursor.execute(_SETTLE, _settled_row(unreadable(lease, now)))
            self._cursor.execute(_FINISH, (position,))
            return None

    def _suspect(self, now: int, limit: int) -> dict[int, tuple[int, int]]:
        found = self._cursor.execute(_SUSPECT, (now, limit)).fetchall()
        return {position: (due_at, handed_over) for position, due_at, handed_over in found}

    def _due(self, now: int, limit: int) -> dict[int, tuple[int, int]]:
        """Return what is due by position, the most urgent lane first, each with its share."""
        lanes = [self._cursor.execute(_DUE, (lane, now, limit)).fetchall() for lane in Lane]
        shares = share([len(lane) for lane in lanes], limit)
        return {
            position: (due_at, handed_over)
            for lane, count in zip(lanes, shares, strict=True)
            for position, due_at, handed_over in lane[:count]
        }

    def hand_over(  # noqa: D102 - the port's
        self, leases: Sequence[Lease], *, now: datetime
    ) -> list[Withdrawal | None]:
        return [self._hand_over(lease, to_micros(now)) for lease in leases]

    def _hand_over(self, lease: Lease, now: int) -> Withdrawal | None:
        position = lease.position
        self._cursor.execute(_HAND_OVER, (position, lease.fence, now))
        if self._cursor.rowcount:
            return None
        row = self._cursor.execute(_WHY_NOT, (position,)).fetchone()
        if row is None:
            gone = self._cursor.execute(_IS_CANCELLED, (position,)).fetchone()
            return Withdrawal.CANCELLED if gone else Withdrawal.SUPERSEDED
        fence, expires_at = row
        expired = fence == lease.fence and expires_at <= now
        return Withdrawal.EXPIRED if expired else Withdrawal.SUPERSEDED

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:  # noqa: D102 - the port's
        fences = self._fences(settlements)
        valid = [_use(fences, one.lease) for one in settlements]
        kept = [one for one, is_valid in zip(settlements, valid, strict=True) if is_valid]
        self._cursor.executemany(_SETTLE, map(_settled_row, kept))
        self._cursor.executemany(
            _FINISH, [(one.lease.position,) for one in kept if one.next_due_at is None]
        )
        self._cursor.executemany(
            _RETRY, [_retry_row(one, one.next_due_at) for one in kept if one.next_due_at]
        )
        return valid

    def _fences(self, settlements: Sequence[Settlement]) -> dict[int, int]:
        positions = orjson.dumps([one.lease.position for one in settlements]).decode()
        return dict(self._cursor.execute(_FENCES, (positions,)).fetchall())

    def cancel(  # noqa: D102 - the port's
        self, workspace: UUID, message_id: UUID, *, now: datetime
    ) -> bool:
        row = self._cursor.execute(_NOT_HANDED_OVER, (message_id.bytes, workspace.bytes)).fetchone()
        if row is None:
            return False
        (position,) = row
        self._cursor.execute(_CANCEL, (write_datetime(now), position))
        self._cursor.execute(_FINISH, (position,))
        return True

    def delivery(self, workspace: UUID, message_id: UUID) -> Delivery | None:  # noqa: D102
        row = self._cursor.execute(_DELIVERY, (message_id.bytes, workspace.bytes)).fetchone()
        return _delivery(*row) if row else None

    def reschedule(  # noqa: D102 - the port's
        self, workspace: UUID, message: Message, *, due_at: datetime, expires_at: datetime
    ) -> bool:
        position = self._waiting(workspace, message.id, message.updated_at)
        if position is None:
            return False
        stored, failure = store(message), failure_columns(message.failure)
        self._cursor.execute(_MOVE, (to_micros(due_at), to_micros(expires_at), position))
        self._cursor.execute(
            _REPLACE, (message.status, *failure, stored.state, stored.document, position)
        )
        return True

    def _waiting(self, workspace: UUID, message_id: UUID, now: datetime) -> int | None:
        row = self._cursor.execute(
            _WAITING, (message_id.bytes, workspace.bytes, to_micros(now))
        ).fetchone()
        return row[0] if row else None

    def next_due(self) -> datetime | None:  # noqa: D102 - the port's
        rows = [
            self._cursor.execute(
                "SELECT min(due_at) FROM messaging_outbox WHERE lane = ?", (lane,)
            ).fetchone()
            for lane in Lane
        ]
        return min((from_micros(row[0]) for row in rows if row[0] is not None), default=None)


def _use(fences: dict[int, int], lease: Lease) -> bool:
    """Take a lease's fence out, so that of two settlements under it only the first counts."""
    is_valid = fences.get(lease.position) == lease.fence
    if is_valid:
        del fences[lease.position]
    return is_valid


def _claim(row: tuple[Any, ...], due_at: int, until: datetime) -> Claim:
    position, fence, workspace, document, state, *delivery = row
    return Claim(
        workspace=UUID(bytes=workspace),
        message=Stored(document, state.decode()).load(),
        delivery=_delivery(due_at, *delivery),
        lease=Lease(position=position, fence=fence, until=until),
    )


def _delivery(  # noqa: PLR0913, PLR0917 - one parameter for each column
    due_at: int,
    lane: int,
    expires_at: int,
    attempts: int,
    controls: str | None,
    progress: str | None,
    crashes: int,
) -> Delivery:
    accepted, refused = orjson.loads(progress) if progress else ((), ())
    return Delivery(
        due_at=from_micros(due_at),
        expires_at=from_micros(expires_at),
        lane=Lane(lane),
        attempts=attempts,
        controls=load(Controls, orjson.loads(controls)) if controls else Controls(),
        accepted=tuple(accepted),
        refused=tuple(refused),
        crashes=crashes,
    )


def _settled_row(settlement: Settlement) -> tuple[object, ...]:
    return (
        settlement.status,
        *failure_columns(settlement.failure),
        settled_state(settlement),
        settlement.lease.position,
    )


def _retry_row(settlement: Settlement, due_at: datetime) -> tuple[object, ...]:
    progress = (settlement.accepted, settlement.refused)
    return (
        to_micros(due_at),
        0 if settlement.counts else 1,
        int(settlement.crashed),
        orjson.dumps(progress).decode() if any(progress) else None,
        settlement.lease.position,
    )
