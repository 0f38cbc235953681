"""What waits to be delivered, in SQLite: leased by moving its due time to the lease's end."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from sqlite3 import Cursor
from typing import Any
from uuid import UUID

import orjson
from attrs import evolve

from messaging_adapters.storage.sqlite.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sqlite.rows.documents import (
    DOCUMENT,
    WITH_DOCUMENT,
    inline_part,
    replace_out_of_line,
)
from messaging_adapters.storage.sqlite.schema.constants import POSITION_BITS
from messaging_adapters.storage.sqlite.stores.messages import failure_columns, progress_column
from messaging_core.decisions.delivery.fairness import divide, most_for_one, place_suspect
from messaging_core.decisions.delivery.settlement import unreadable
from messaging_core.lazy import logger
from messaging_core.models.delivery.delivery import (
    Claim,
    Controls,
    Delivery,
    Lane,
    Lease,
    Settlement,
    Withdrawal,
)
from messaging_core.models.messages.message import Message, Status
from messaging_core.ports.storage.outbox import Outbox
from messaging_core.wire import load
from messaging_core.wire.codec.scalars import write_datetime
from messaging_core.wire.stored.message import Stored, settled_state, store

_log = logger(__name__)

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
_COUNT = (
    "SELECT count(*) FROM (SELECT 1 FROM messaging_outbox WHERE lane = ? AND workspace = ?"
    " AND channel_id = ? AND due_at <= ? AND crashes = 0 LIMIT ?)"
)
_DUE = (
    "SELECT due_at, position, handed_over, leased_until FROM messaging_outbox"
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
    "SELECT due_at, position, handed_over, leased_until, crashes, channel_id"
    " FROM messaging_outbox"
    " INDEXED BY messaging_outbox_suspects WHERE crashes > 0 AND channel_id = ? AND due_at <= ?"
    " ORDER BY due_at LIMIT 1"
)
_LEASE = (
    "UPDATE messaging_outbox SET fence = fence + 1, attempts = attempts + 1,"
    " crashes = crashes + (leased_until IS NOT NULL),"
    " due_at = ?1, leased_until = ?1, handed_over = 0"
    " WHERE position IN (SELECT value FROM json_each(?2))"
)
_DOUBTED_BEFORE = (
    "SELECT position FROM messaging_messages"
    " WHERE position IN (SELECT value FROM json_each(?)) AND json_valid(state)"
    " AND json_extract(state, '$.details') = 'in_doubt'"
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
_IS_CANCELLED = (
    "SELECT 1 FROM messaging_messages WHERE position = ?"  # noqa: S608 - no input
    f" AND status = '{Status.DELETED}'"
)
# Only messages under way have a row in the outbox: from each of their statuses, the lifecycle
# allows both moves that these statements make. The storage contract tests it.
_START = (
    f"UPDATE messaging_messages SET status = '{Status.PROCESSING}',"  # noqa: S608 - no input
    f" state = json_set(state, '$.status', '{Status.PROCESSING}',"
    " '$.lastStatusAt', ?1, '$.updatedAt', ?1)"
    " WHERE position IN (SELECT value FROM json_each(?2)) AND json_valid(state)"
)
_LEASED = (
    f"SELECT o.position, o.fence, m.workspace, m.id, {DOCUMENT}, CAST(m.state AS BLOB),"  # noqa: S608 - no input
    " o.lane, o.expires_at, o.attempts, o.controls, o.progress, o.crashes"
    f" FROM messaging_outbox o JOIN messaging_messages m USING (position) {WITH_DOCUMENT}"
    " WHERE o.position IN (SELECT value FROM json_each(?))"
)
_FENCES = (
    "SELECT position, fence FROM messaging_outbox"
    " WHERE position IN (SELECT value FROM json_each(?)) AND leased_until IS NOT NULL"
)
_SETTLE = (
    "UPDATE messaging_messages SET status = wanted.value ->> 1, failure_code = wanted.value ->> 2,"
    " failure_source_code = wanted.value ->> 3, failure_source_name = wanted.value ->> 4,"
    " state = wanted.value ->> 5 FROM json_each(?) AS wanted WHERE position = wanted.value ->> 0"
)
_FINISH = "DELETE FROM messaging_outbox WHERE position = ?"
_FINISH_ALL = "DELETE FROM messaging_outbox WHERE position IN (SELECT value FROM json_each(?))"
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
    "SELECT o.handed_over, o.due_at, o.lane, o.expires_at, o.attempts, o.controls, o.progress,"
    " o.crashes FROM messaging_messages m JOIN messaging_outbox o USING (position)"
    " WHERE m.id = ? AND m.workspace = ?"
)
_CANCEL = (
    f"UPDATE messaging_messages SET status = '{Status.DELETED}',"  # noqa: S608 - no input
    " failure_code = NULL, failure_source_code = NULL, failure_source_name = NULL,"
    " state = json_set(json_remove(state, '$.reason', '$.details', '$.failure'),"
    f" '$.status', '{Status.DELETED}', '$.lastStatusAt', ?1, '$.updatedAt', ?1)"
    " WHERE position = ?2"
)
_MOVE = (
    "UPDATE messaging_outbox SET due_at = ?, expires_at = ?, leased_until = NULL,"
    " fence = fence + 1 WHERE position = ?"
)
_REPLACE = (
    "UPDATE messaging_messages SET status = ?, failure_code = ?, failure_source_code = ?,"
    " failure_source_name = ?, state = ?, inline_document = ? WHERE position = ?"
)

_SINCE = (  # what was changed later than it is now, by a clock that was set back
    "SELECT o.position, o.due_at, m.state ->> '$.updatedAt' FROM messaging_outbox o"
    " CROSS JOIN messaging_messages m USING (position)"
    " WHERE o.position > ?1 AND o.due_at > ?2 AND o.leased_until IS NULL"
    " AND m.created_at > ?3 AND m.status <> 'scheduled' AND json_valid(m.state)"
)
_HASTEN = "UPDATE messaging_outbox SET due_at = ? WHERE position = ?"
_TOUCH = (
    "UPDATE messaging_messages SET state = json_set(state, '$.updatedAt', ?) WHERE position = ?"
)

_ADD_REFERENCES = (
    "INSERT OR IGNORE INTO messaging_references SELECT m.workspace, wanted.value ->> 1, position"
    " FROM json_each(?) AS wanted"
    " CROSS JOIN messaging_messages m ON position = wanted.value ->> 0"
)

_Queue = tuple[bytes, bytes]
"""A workspace and one of its channels."""

_Due = tuple[int, int, int, int | None]
"""When a message became due, its position, whether it was handed over, and its last lease."""


class SqliteOutbox(Outbox):
    """Give out deliveries through one cursor, inside one transaction."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def claim(
        self,
        *,
        now: datetime,
        lease: timedelta,
        limit: int,
        suspects: bool = True,
        places: Mapping[UUID, int] | None = None,
    ) -> list[Claim]:
        free = {channel.bytes: count for channel, count in places.items()} if places else {}
        suspect = self._suspect(to_micros(now), free) if suspects and limit > 0 else None
        if suspect:
            limit -= 1
            if suspect[-1] in free:
                free[suspect[-1]] -= 1
        due = self._due(now, limit, free)
        if suspect:
            due = place_suspect(due, suspect[:4], crashes=suspect[4])
        if not due:
            return []
        until, positions = now + lease, orjson.dumps([row[1] for row in due]).decode()
        in_doubt = [position for _, position, handed_over, _ in due if handed_over]
        before = self._doubt(in_doubt) if in_doubt else frozenset()
        self._cursor.execute(_LEASE, (to_micros(until), positions))
        self._cursor.execute(_START, (write_datetime(now), positions))
        rows = {row[0]: row for row in self._cursor.execute(_LEASED, (positions,))}
        claims = [self._read(rows.get(message[1]), message, until, now) for message in due]
        return [
            evolve(claim, doubted_before=True) if claim.lease.position in before else claim
            for claim in claims
            if claim is not None
        ]

    def _doubt(self, positions: Sequence[int]) -> frozenset[int]:
        """Put messages in doubt, and return those that were before."""
        wanted = (orjson.dumps(positions).decode(),)
        before = frozenset(
            position for (position,) in self._cursor.execute(_DOUBTED_BEFORE, wanted)
        )
        self._cursor.execute(_DOUBT, wanted)
        return before

    def _read(
        self, row: tuple[Any, ...] | None, before: _Due, until: datetime, now: datetime
    ) -> Claim | None:
        """Decode one message; one that cannot be read is put aside, and stops no other."""
        position = before[1]
        if row is None:
            _log.error("the message at position %d is not there any more", position)
        else:
            try:
                return _claim(row, before, until)
            except Exception as error:  # noqa: BLE001 - whatever its bytes are, the others go on
                what = type(error).__name__
                _log.error("the message at position %d cannot be read: %s", position, what)
            self._at_once(_SETTLE, [_settled_row(unreadable(_lease(row, until), now))])
        self._cursor.execute(_FINISH, (position,))
        return None

    def _suspect(self, now: int, places: Mapping[bytes, int]) -> tuple[Any, ...] | None:
        """Return what crashed before and is due longest, with its crashes and its channel."""
        channels = self._cursor.execute(_SUSPECTS).fetchall()
        rows = [
            self._cursor.execute(_SUSPECT, (channel, now)).fetchone()
            for (channel,) in channels
            if places.get(channel, 1) > 0
        ]
        return min(filter(None, rows), default=None)

    def _due(self, now: datetime, limit: int, places: Mapping[bytes, int]) -> list[_Due]:
        """Return what is due, the most urgent lane first, each queue with its share."""
        waiting = [self._counts(lane, to_micros(now), limit, places) for lane in Lane]
        due: list[_Due] = []
        for lane, shares in zip(Lane, divide(waiting, limit, now, places), strict=True):
            due += sorted(self._first(lane, to_micros(now), shares))
        return due

    def _counts(
        self, lane: Lane, now: int, limit: int, places: Mapping[bytes, int]
    ) -> dict[_Queue, int]:
        """Return how much is due in a lane by workspace and channel, as far as it matters."""
        queues = self._cursor.execute(_WITH_DUE, (lane, now)).fetchall()
        most = most_for_one(len({workspace for workspace, _ in queues}), limit)
        return {
            queue: self._count(lane, queue, now, min(most, places.get(queue[1], most)))
            for queue in queues
        }

    def _count(self, lane: Lane, queue: _Queue, now: int, most: int) -> int:
        if most <= 1:
            return most  # something is due
        return int(self._cursor.execute(_COUNT, (lane, *queue, now, most)).fetchone()[0])

    def _first(self, lane: Lane, now: int, shares: Mapping[_Queue, int]) -> Iterator[_Due]:
        """Yield from each queue as many as it may send, those that are due longest."""
        for queue, count in shares.items():
            yield from self._cursor.execute(_DUE, (lane, *queue, now, count)).fetchall()

    def hand_over(self, leases: Sequence[Lease], *, now: datetime) -> list[Withdrawal | None]:
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

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        fences = self._fences(settlements)
        valid = [_use(fences, settlement.lease) for settlement in settlements]
        valid_settlements = [
            settlement for settlement, is_valid in zip(settlements, valid, strict=True) if is_valid
        ]
        # One statement for many rows: between two of them the other threads would have their turn,
        # and SQLite would make the list of statuses that an index leaves out for each of them.
        self._at_once(_SETTLE, [_settled_row(settlement) for settlement in valid_settlements])
        self._at_once(
            _ADD_REFERENCES,
            [
                (settlement.lease.position, reference)
                for settlement in valid_settlements
                for reference in settlement.references
            ],
        )
        self._at_once(
            _FINISH_ALL,
            [
                settlement.lease.position
                for settlement in valid_settlements
                if settlement.next_due_at is None
            ],
        )
        self._cursor.executemany(
            _RETRY,
            [
                _retry_row(settlement, settlement.next_due_at)
                for settlement in valid_settlements
                if settlement.next_due_at
            ],
        )
        return valid

    def _at_once(self, statement: str, values: Sequence[Any]) -> None:
        if values:
            self._cursor.execute(statement, (orjson.dumps(values).decode(),))

    def _fences(self, settlements: Sequence[Settlement]) -> dict[int, int]:
        positions = orjson.dumps([settlement.lease.position for settlement in settlements]).decode()
        return dict(self._cursor.execute(_FENCES, (positions,)).fetchall())

    def cancel(self, workspace: UUID, message_id: UUID, *, now: datetime) -> bool:
        row = self._cursor.execute(_NOT_HANDED_OVER, (message_id.bytes, workspace.bytes)).fetchone()
        if row is None:
            return False
        (position,) = row
        self._cursor.execute(_CANCEL, (write_datetime(now), position))
        self._cursor.execute(_FINISH, (position,))
        return True

    def delivery(self, workspace: UUID, message_id: UUID) -> Delivery | None:
        row = self._cursor.execute(_DELIVERY, (message_id.bytes, workspace.bytes)).fetchone()
        return evolve(_delivery(*row[1:]), handed_over=bool(row[0])) if row else None

    def reschedule(
        self, workspace: UUID, message: Message, *, due_at: datetime, expires_at: datetime
    ) -> bool:
        position = self._waiting(workspace, message.id, message.updated_at)
        if position is None:
            return False
        stored, failure = store(message), failure_columns(message.failure)
        self._cursor.execute(_MOVE, (to_micros(due_at), to_micros(expires_at), position))
        document = inline_part(stored.document)
        self._cursor.execute(_REPLACE, (message.status, *failure, stored.state, document, position))
        replace_out_of_line(self._cursor, position, stored.document)
        return True

    def _waiting(self, workspace: UUID, message_id: UUID, now: datetime) -> int | None:
        row = self._cursor.execute(
            _WAITING, (message_id.bytes, workspace.bytes, to_micros(now))
        ).fetchone()
        return row[0] if row else None

    def finish(self, workspace: UUID, message_id: UUID) -> bool:
        row = self._cursor.execute(_NOT_HANDED_OVER, (message_id.bytes, workspace.bytes)).fetchone()
        if row:
            self._cursor.execute(_FINISH, row)
        return row is not None

    def restart_pauses(self, *, now: datetime, accepted_after: datetime | None = None) -> int:
        # A position is never earlier than the acceptance, so it narrows the search.
        created = -1 if accepted_after is None else to_micros(accepted_after)
        first = -1 if accepted_after is None else created // 1000 << POSITION_BITS
        rows = self._cursor.execute(_SINCE, (first - 1, to_micros(now), created)).fetchall()
        changed = [
            (due_at - (to_micros(updated_at) - to_micros(now)), position)
            for position, due_at, updated in rows
            if updated and (updated_at := datetime.fromisoformat(updated)) > now
        ]
        self._cursor.executemany(_HASTEN, changed)
        at = write_datetime(now)
        self._cursor.executemany(_TOUCH, [(at, position) for _, position in changed])
        return len(changed)

    def next_due(self) -> datetime | None:
        rows = [self._cursor.execute(_NEXT_DUE, (lane,)).fetchone() for lane in Lane]
        return min((from_micros(row[0]) for row in rows if row[0] is not None), default=None)


def _use(fences: dict[int, int], lease: Lease) -> bool:
    """Take a lease's fence out, so that of two settlements under it only the first counts."""
    is_valid = fences.get(lease.position) == lease.fence
    if is_valid:
        del fences[lease.position]
    return is_valid


def _claim(row: tuple[Any, ...], before: _Due, until: datetime) -> Claim:
    _, _, _, _, document, state, *delivery = row
    due_at, _, handed_over, leased_until = before
    lease = _lease(row, until)
    return Claim(
        workspace=lease.workspace,
        message=Stored(document, state).load(),
        delivery=_delivery(due_at, *delivery),
        lease=lease,
        lapsed=leased_until is not None,
        doubted=bool(handed_over),
    )


def _lease(row: tuple[Any, ...], until: datetime) -> Lease:
    position, fence, workspace, message_id, *_ = row
    return Lease(
        position=position,
        fence=fence,
        until=until,
        workspace=_uuid(workspace),
        message_id=UUID(bytes=message_id),
    )


# Most of what is claimed together is of the same few tenants, and was accepted together.
_uuid = lru_cache(maxsize=4096)(lambda raw: UUID(bytes=raw))
_instant = lru_cache(maxsize=64)(from_micros)
_NO_CONTROLS = Controls()


def _delivery(  # noqa: PLR0913, PLR0917 - one parameter for each column
    due_at: int,
    lane: int,
    expires_at: int,
    attempts: int,
    controls: str | None,
    progress: str | None,
    crashes: int,
) -> Delivery:
    accepted, refused = map(tuple, orjson.loads(progress)) if progress else ((), ())
    return Delivery(
        due_at=_instant(due_at),
        expires_at=_instant(expires_at),
        lane=Lane(lane),
        attempts=attempts,
        controls=load(Controls, orjson.loads(controls)) if controls else _NO_CONTROLS,
        accepted=accepted,
        refused=refused,
        crashes=crashes,
    )


def _settled_row(settlement: Settlement) -> tuple[object, ...]:
    return (
        settlement.lease.position,
        settlement.status,
        *failure_columns(settlement.failure),
        settled_state(settlement),
    )


def _retry_row(settlement: Settlement, due_at: datetime) -> tuple[object, ...]:
    return (
        to_micros(due_at),
        0 if settlement.counts else 1,
        int(settlement.crashed),
        progress_column(settlement.accepted, settlement.refused),
        settlement.lease.position,
    )
