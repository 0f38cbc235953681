"""What happened: one row an event, in the order of commits."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from messaging_adapters.storage.sql.constants import NO_LIMIT
from messaging_adapters.storage.sql.dialect import Dialect
from messaging_adapters.storage.sql.rows.bulk_insert import BulkInsert
from messaging_adapters.storage.sql.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sql.rows.skip_corrupt import skip_corrupt
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.models.delivery.event import Cursor as Place
from messaging_core.models.delivery.event import Event
from messaging_core.ports.storage.timeline import Timeline
from messaging_core.wire import dump, dump_stored, load
from messaging_core.wire.codec.scalars import write_datetime

_APPEND = BulkInsert(
    "messaging_events (position, workspace, message_id, kind, status, at, document)",
    "(?, ?, ?, ?, ?, ?, ?)",
)
_LAST_POSITION = (  # of those that are there, and of those that were
    "SELECT max(value, coalesce((SELECT max(position) FROM messaging_events), 0))"
    " FROM messaging_facts WHERE name = 'last_event'"
)
_FIND = "SELECT position, workspace, message_id, kind, status, at, document FROM messaging_events"
_OF_MESSAGE = f"{_FIND} WHERE message_id = ? AND workspace = ? ORDER BY position LIMIT ?"
_ATTEMPTS = (
    "SELECT message_id, count(*) FROM messaging_events WHERE message_id IN ({})"
    " AND workspace = ? AND kind = 'attempted' GROUP BY message_id"
)
_AFTER = f"{_FIND} WHERE position > ? ORDER BY position LIMIT ?"
_REMEMBER_LAST = f"UPDATE messaging_facts SET value = ({_LAST_POSITION}) WHERE name = 'last_event'"  # noqa: S608 - no input
# Copied by the database: a text that is no UTF-8 cannot be handed back to it.
_KEEP_DAMAGED = f"INSERT OR REPLACE INTO messaging_damaged_events {_FIND} WHERE position = ?"
_DELETE_EVENT = "DELETE FROM messaging_events WHERE position = ?"
_DAMAGED = "SELECT position FROM messaging_damaged_events ORDER BY position LIMIT ?"
_SUBSCRIBE = (
    "INSERT OR IGNORE INTO messaging_subscriptions (name, position)"  # noqa: S608 - no input
    f" VALUES (?, iif(?, 0, ({_LAST_POSITION})))"
)
_IS_BEHIND = (
    "SELECT 1 FROM messaging_subscriptions WHERE name = ?"
    " AND position < (SELECT max(position) FROM messaging_events)"
)
_LEASE_CURSOR = (
    "UPDATE messaging_subscriptions SET fence = fence + 1, not_before = ?3"
    " WHERE name = ?1 AND (not_before IS NULL OR not_before <= ?2 OR not_before > ?4)"
)
_CURSOR = "SELECT position, failures, fence FROM messaging_subscriptions WHERE name = ?"
_ADVANCE_CURSOR = (
    "UPDATE messaging_subscriptions SET position = ?, failures = ?, not_before = ?"
    " WHERE name = ? AND fence = ?"
)
_INCREMENT = (
    "INSERT INTO messaging_counters VALUES (?, ?)"
    " ON CONFLICT DO UPDATE SET value = value + excluded.value"
)


class SqlTimeline(SqlStore, Timeline):
    """Keep events through one cursor, inside one transaction.

    Attributes:
        read_only: The transaction writes nothing.
    """

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self.read_only = False

    def append(self, events: Sequence[Event]) -> None:
        last = self.last_position()
        self._dialect.insert(
            _APPEND,
            [(place, *event_row(event)) for place, event in enumerate(events, last + 1)],
        )

    def of_message(
        self, workspace: UUID, message_id: UUID, *, limit: int | None = None
    ) -> list[Event]:
        most = NO_LIMIT if limit is None else limit
        rows = self._cursor.execute(_OF_MESSAGE, (message_id.bytes, workspace.bytes, most))
        return list(skip_corrupt(rows, event_of, "event"))

    def attempts(self, workspace: UUID, message_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        some = [message_id.bytes for message_id in message_ids]
        statement = _ATTEMPTS.format(", ".join("?" * len(some)))
        rows = self._cursor.execute(statement, (*some, workspace.bytes))
        return {UUID(bytes=message_id): number for message_id, number in rows}

    def last_position(self) -> int:
        (last,) = self._cursor.execute(_LAST_POSITION).fetchone()
        return int(last)

    def after(self, position: int, *, limit: int) -> list[Event]:
        self._dialect.number_events()
        while rows := self._cursor.execute(_AFTER, (position, limit)).fetchall():
            events = list(skip_corrupt(rows, event_of, "event"))
            if len(events) < len(rows) and not self.read_only:
                self._take_out(rows, events)
            if events:
                return events
            position = rows[-1][0]
        return []

    def _take_out(self, rows: Sequence[tuple[Any, ...]], events: Sequence[Event]) -> None:
        """Move rows that made no event out of the log; their positions are not used again."""
        read = {event.position for event in events}
        damaged = [row[:1] for row in rows if row[0] not in read]
        self._cursor.execute(_REMEMBER_LAST)
        self._cursor.executemany(_KEEP_DAMAGED, damaged)
        self._cursor.executemany(_DELETE_EVENT, damaged)

    def damaged(self, *, limit: int) -> list[int]:
        return [position for (position,) in self._cursor.execute(_DAMAGED, (limit,))]

    def subscribe(self, name: str, *, from_start: bool) -> None:
        self._cursor.execute(_SUBSCRIBE, (name, from_start))

    def is_behind(self, name: str) -> bool:
        return self._cursor.execute(_IS_BEHIND, (name,)).fetchone() is not None

    def cursor(self, name: str) -> Place | None:
        row = self._cursor.execute(_CURSOR, (name,)).fetchone()
        return Place(name=name, position=row[0], failures=row[1], fence=row[2]) if row else None

    def lease_cursor(
        self, name: str, *, now: datetime, lease: timedelta, longest: timedelta | None = None
    ) -> Place | None:
        beyond = None if longest is None else to_micros(now + longest)
        self._cursor.execute(_LEASE_CURSOR, (name, to_micros(now), to_micros(now + lease), beyond))
        if not self._cursor.rowcount:
            return None
        return self.cursor(name)

    def advance_cursor(self, cursor: Place, *, resume_at: datetime | None = None) -> bool:
        until = to_micros(resume_at) if resume_at else None
        self._cursor.execute(
            _ADVANCE_CURSOR, (cursor.position, cursor.failures, until, cursor.name, cursor.fence)
        )
        return bool(self._cursor.rowcount)

    def increment(self, amounts: Mapping[str, int]) -> None:
        self._cursor.executemany(_INCREMENT, amounts.items())

    def counters(self) -> Mapping[str, int]:
        return dict(self._cursor.execute("SELECT name, value FROM messaging_counters").fetchall())


def event_row(event: Event) -> tuple[object, ...]:
    """Return the columns of an event after its position."""
    rest = _rest(event)
    return (
        event.workspace.bytes,
        event.message_id.bytes,
        event.kind,
        event.status,
        to_micros(event.at),
        orjson.dumps(rest).decode() if rest else None,
    )


def _rest(event: Event) -> dict[str, Any]:
    """Return what stands in no column, as the wire has it; every message has several events."""
    rest: dict[str, Any] = {}
    if event.attempt:
        rest["attempt"] = event.attempt
    if event.outcome:
        rest["outcome"] = event.outcome
    if event.references:
        rest["references"] = event.references
    if event.in_doubt:
        rest["inDoubt"] = True
    if event.failure:
        rest["failure"] = dump_stored(event.failure)
    if event.due_at:
        rest["dueAt"] = write_datetime(event.due_at)
    if event.reasons:
        rest["reasons"] = [dump(reason) for reason in event.reasons]
    texts = (("tags", event.tags), ("detail", event.detail), ("trace", event.trace))
    rest |= {name: value for name, value in texts if value}
    return rest


def event_of(row: tuple[Any, ...]) -> Event:
    """Return the event of a row, its position first."""
    position, workspace, message_id, kind, status, at, rest = row
    document = orjson.loads(rest) if rest else {}
    document |= {
        "position": position,
        "workspace": str(UUID(bytes=workspace)),
        "messageId": str(UUID(bytes=message_id)),
        "kind": kind,
        "status": status,
        "at": write_datetime(from_micros(at)),
    }
    return load(Event, document)
