"""What waits to be delivered: leased by moving its due time to the lease's end."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from attrs import evolve

from messaging_adapters.storage.sql.constants import POSITION_BITS
from messaging_adapters.storage.sql.dialect import Dialect
from messaging_adapters.storage.sql.queries.due_messages import DueMessages
from messaging_adapters.storage.sql.rows.columns import failure_columns, to_micros
from messaging_adapters.storage.sql.rows.deliveries import (
    Due,
    claim_of,
    delivery_of,
    lease_of,
    retry_row,
    settled_row,
)
from messaging_adapters.storage.sql.rows.documents import (
    DOCUMENT,
    WITH_DOCUMENT,
    inline_part,
)
from messaging_adapters.storage.sql.rows.skip_corrupt import skip_corrupt
from messaging_adapters.storage.sql.stores.messages import UPDATE
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.decisions.delivery.fairness import place_suspect
from messaging_core.decisions.delivery.settlement import unreadable
from messaging_core.lazy import logger
from messaging_core.models.delivery.delivery import (
    Claim,
    Delivery,
    Lease,
    Settlement,
    Withdrawal,
)
from messaging_core.models.delivery.health import Backlog
from messaging_core.models.messages.message import Message, Status
from messaging_core.ports.storage.outbox import Outbox
from messaging_core.wire.codec.scalars import write_datetime
from messaging_core.wire.stored.damage import read_stored
from messaging_core.wire.stored.message import store

_log = logger(__name__)

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
_WHY_NOT = "SELECT fence, expires_at FROM messaging_outbox WHERE workspace = ? AND position = ?"
_IS_CANCELLED = (
    "SELECT 1 FROM messaging_messages WHERE workspace = ? AND position = ?"  # noqa: S608 - no input
    f" AND status = '{Status.DELETED}'"
)
# Only messages under way have a row in the outbox: from each of their statuses, the lifecycle
# allows the move that this statement makes. The storage contract tests it.
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
_FINISH = "DELETE FROM messaging_outbox WHERE workspace = ? AND position = ?"
_FINISH_ALL = "DELETE FROM messaging_outbox WHERE position IN (SELECT value FROM json_each(?))"
_RETRY = (
    "UPDATE messaging_outbox SET due_at = ?, leased_until = NULL, handed_over = 0,"
    " attempts = attempts - ?, crashes = crashes + ?, progress = ? WHERE position = ?"
)
_NOT_HANDED_OVER = (
    "SELECT position FROM messaging_messages m JOIN messaging_outbox o USING (workspace, position)"
    " WHERE m.id = ? AND m.workspace = ? AND handed_over = 0"
)
_WAITING = f"{_NOT_HANDED_OVER} AND (leased_until IS NULL OR leased_until <= ?)"
_DELIVERY = (
    "SELECT o.handed_over, o.due_at, o.lane, o.expires_at, o.attempts, o.controls, o.progress,"
    " o.crashes FROM messaging_messages m JOIN messaging_outbox o USING (workspace, position)"
    " WHERE m.id = ? AND m.workspace = ?"
)
_MOVE = (
    "UPDATE messaging_outbox SET due_at = ?, expires_at = ?, leased_until = NULL,"
    " fence = fence + 1 WHERE workspace = ? AND position = ?"
)
_REPLACE = (
    "UPDATE messaging_messages SET status = ?, failure_code = ?, failure_source_code = ?,"
    " failure_source_name = ?, state = ?, inline_document = ?"
    " WHERE workspace = ? AND position = ?"
)

_SINCE = (  # what was changed later than it is now, by a clock that was set back
    "SELECT o.workspace, o.position, o.due_at, m.state ->> '$.updatedAt' FROM messaging_outbox o"
    " CROSS JOIN messaging_messages m USING (workspace, position)"
    " WHERE o.position > ?1 AND o.due_at > ?2 AND o.leased_until IS NULL"
    " AND m.created_at > ?3 AND m.status <> 'scheduled' AND json_valid(m.state)"
)
_HASTEN = "UPDATE messaging_outbox SET due_at = ? WHERE workspace = ? AND position = ?"
_TOUCH = (
    "UPDATE messaging_messages SET state = json_set(state, '$.updatedAt', ?)"
    " WHERE workspace = ? AND position = ?"
)

_ADD_REFERENCES = (
    "INSERT OR IGNORE INTO messaging_references SELECT m.workspace, wanted.value ->> 1, position"
    " FROM json_each(?) AS wanted"
    " CROSS JOIN messaging_messages m ON position = wanted.value ->> 0"
)


class SqlOutbox(SqlStore, Outbox):
    """Give out deliveries through one cursor, inside one transaction."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self._due_messages = DueMessages(dialect.cursor)

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
        suspect = None
        if suspects and limit > 0:
            suspect = self._due_messages.suspect(to_micros(now), free)
        if suspect:
            limit -= 1
            if suspect[-1] in free:
                free[suspect[-1]] -= 1
        due = self._due_messages.due(now, limit, free)
        if suspect:
            due = place_suspect(due, suspect[:5], crashes=suspect[5])
        if not due:
            return []
        until, positions = now + lease, orjson.dumps([row[1] for row in due]).decode()
        in_doubt = [position for _, position, handed_over, *_ in due if handed_over]
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
        doubted = (orjson.dumps(positions).decode(),)
        before = frozenset(
            position for (position,) in self._cursor.execute(_DOUBTED_BEFORE, doubted)
        )
        self._cursor.execute(_DOUBT, doubted)
        return before

    def _read(
        self, row: tuple[Any, ...] | None, before: Due, until: datetime, now: datetime
    ) -> Claim | None:
        """Decode a message; one that cannot be read is put aside, and stops no other."""
        position, workspace = before[1], before[4]
        if row is None:
            _log.error("the message at position %d is not there any more", position)
        else:
            read = partial(claim_of, before=before, until=until)
            claim = read_stored(read, row, "message at position", position)
            if claim is not None:
                return claim
            _, *columns = settled_row(unreadable(lease_of(row, until), now))
            self._cursor.execute(UPDATE, (*columns, workspace, position))
        self._cursor.execute(_FINISH, (workspace, position))
        return None

    def hand_over(self, leases: Sequence[Lease], *, now: datetime) -> list[Withdrawal | None]:
        return [self._hand_over(lease, to_micros(now)) for lease in leases]

    def _hand_over(self, lease: Lease, now: int) -> Withdrawal | None:
        self._cursor.execute(_HAND_OVER, (lease.position, lease.fence, now))
        return None if self._cursor.rowcount else self._why_not(lease, now)

    def _why_not(self, lease: Lease, now: int) -> Withdrawal:
        """Return why a message must not be handed over."""
        key = (lease.workspace.bytes, lease.position)
        row = self._cursor.execute(_WHY_NOT, key).fetchone()
        if row is None:
            gone = self._cursor.execute(_IS_CANCELLED, key).fetchone()
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
        self._dialect.execute_for_all(
            _SETTLE, [settled_row(settlement) for settlement in valid_settlements]
        )
        self._dialect.execute_for_all(
            _ADD_REFERENCES,
            [
                (settlement.lease.position, reference)
                for settlement in valid_settlements
                for reference in settlement.references
            ],
        )
        self._dialect.execute_for_all(
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
                retry_row(settlement, settlement.next_due_at)
                for settlement in valid_settlements
                if settlement.next_due_at
            ],
        )
        return valid

    def _fences(self, settlements: Sequence[Settlement]) -> dict[int, int]:
        positions = orjson.dumps([settlement.lease.position for settlement in settlements]).decode()
        return dict(self._cursor.execute(_FENCES, (positions,)).fetchall())

    def delivery(self, workspace: UUID, message_id: UUID) -> Delivery | None:
        self._dialect.lock_messages(workspace, [message_id])
        row = self._cursor.execute(_DELIVERY, (message_id.bytes, workspace.bytes)).fetchone()
        return evolve(delivery_of(*row[1:]), handed_over=bool(row[0])) if row else None

    def reschedule(
        self, workspace: UUID, message: Message, *, due_at: datetime, expires_at: datetime
    ) -> bool:
        position = self._waiting(workspace, message.id, message.updated_at)
        if position is None:
            return False
        key = (workspace.bytes, position)
        stored, failure = store(message), failure_columns(message.failure)
        self._cursor.execute(_MOVE, (to_micros(due_at), to_micros(expires_at), *key))
        document = inline_part(stored.document)
        self._cursor.execute(_REPLACE, (message.status, *failure, stored.state, document, *key))
        self._replace_document(key, stored.document)
        return True

    def _waiting(self, workspace: UUID, message_id: UUID, now: datetime) -> int | None:
        row = self._cursor.execute(
            _WAITING, (message_id.bytes, workspace.bytes, to_micros(now))
        ).fetchone()
        return row[0] if row else None

    def finish(self, workspace: UUID, message_id: UUID) -> bool:
        row = self._cursor.execute(_NOT_HANDED_OVER, (message_id.bytes, workspace.bytes)).fetchone()
        if row:
            self._cursor.execute(_FINISH, (workspace.bytes, *row))
        return row is not None

    def restart_pauses(self, *, now: datetime, accepted_after: datetime | None = None) -> int:
        # A position is never earlier than the acceptance, so it narrows the search.
        created = -1 if accepted_after is None else to_micros(accepted_after)
        first = -1 if accepted_after is None else created // 1000 << POSITION_BITS
        rows = self._cursor.execute(_SINCE, (first - 1, to_micros(now), created)).fetchall()
        changed = [
            (due_at - (to_micros(updated_at) - to_micros(now)), workspace, position)
            for workspace, position, due_at, updated_at in skip_corrupt(
                rows, _changed_later, "message"
            )
            if updated_at > now
        ]
        self._cursor.executemany(_HASTEN, changed)
        at = write_datetime(now)
        self._cursor.executemany(_TOUCH, [(at, *key) for _, *key in changed])
        return len(changed)

    def first_due(self) -> dict[tuple[UUID, UUID], datetime]:
        return {
            (UUID(bytes=workspace), UUID(bytes=channel_id)): due_at
            for (workspace, channel_id), due_at in self._due_messages.first_due().items()
        }

    def backlog(self, *, now: datetime, most: int) -> list[Backlog]:
        return self._due_messages.backlog(now, most)

    def next_due(self) -> datetime | None:
        return self._due_messages.next_due()


def _changed_later(row: tuple[bytes, int, int, str]) -> tuple[bytes, int, int, datetime]:
    """Return workspace, position, due time and last change of a message."""
    workspace, position, due_at, updated_at = row
    return workspace, position, due_at, datetime.fromisoformat(updated_at)


def _use(fences: dict[int, int], lease: Lease) -> bool:
    """Take a lease's fence out, so that of two settlements under it only the first counts."""
    is_valid = fences.get(lease.position) == lease.fence
    if is_valid:
        del fences[lease.position]
    return is_valid
