"""What happened, in PostgreSQL: numbered by the reader, so that no commit comes too late.

A number that is drawn when an event is written says nothing about the order of commits: a reader
that has seen number 7 may have passed over number 6, whose transaction is still open. So an event
has only the number that it was drawn, `seq`, until a reader moves it into the log. One reader at a
time does: that which holds the row of the log's head.
"""

# ruff: noqa: S608 - no input

import random
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_adapters.storage.sql.rows.skip_corrupt import skip_corrupt
from messaging_adapters.storage.sql.stores.timeline import SqlTimeline, event_of, event_row
from messaging_core.models.delivery.event import Event

_COLUMNS: Final = "workspace, message_id, kind, status, at, document"
_APPEND: Final = (
    f"INSERT INTO messaging_new_events ({_COLUMNS}) SELECT {_COLUMNS}"
    " FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::text[], $5::bigint[], $6::text[])"
    f" WITH ORDINALITY AS e({_COLUMNS}, place) ORDER BY place"
)
# Of those that are not numbered, the last come last.
_OF_MESSAGE: Final = (
    f"SELECT position, {_COLUMNS} FROM ("
    f"SELECT 0 AS part, position, position AS place, {_COLUMNS} FROM messaging_events"
    " WHERE workspace = $1 AND message_id = $2 UNION ALL"
    f" SELECT 1, 0, seq, {_COLUMNS} FROM messaging_new_events"
    " WHERE workspace = $1 AND message_id = $2) e ORDER BY part, place"
)
_OF_MESSAGES: Final = (
    "SELECT message_id FROM {} WHERE workspace = $1 AND message_id = ANY($2::bytea[])"
    " AND kind = 'attempted'"
)
_ATTEMPTS: Final = (
    "SELECT message_id, count(*) FROM ("
    f"{_OF_MESSAGES.format('messaging_events')} UNION ALL"
    f" {_OF_MESSAGES.format('messaging_new_events')}) e GROUP BY message_id"
)
_HEAD: Final = "SELECT value FROM messaging_facts WHERE name = 'last_event'"
_LOCK_HEAD: Final = f"{_HEAD} FOR UPDATE"
_HAS_NEW: Final = "SELECT EXISTS (SELECT 1 FROM messaging_new_events)"
# In a second statement, which sees what was committed before the row was locked.
_MOVE: Final = (
    "WITH next AS (SELECT seq FROM messaging_new_events ORDER BY seq LIMIT $1),"
    " moved AS (DELETE FROM messaging_new_events n USING next WHERE n.seq = next.seq"
    " RETURNING n.*),"
    f" placed AS (INSERT INTO messaging_events (position, {_COLUMNS})"
    f" SELECT $2 + row_number() OVER (ORDER BY seq), {_COLUMNS} FROM moved RETURNING 1)"
    " UPDATE messaging_facts SET value = value + (SELECT count(*) FROM placed)"
    " WHERE name = 'last_event'"
)
_MOST: Final = 5000
"""How many events are numbered by one statement."""
_SUBSCRIBE: Final = (
    "INSERT INTO messaging_subscriptions (name, position) VALUES ($1, $2) ON CONFLICT DO NOTHING"
)
_IS_BEHIND: Final = (
    "SELECT 1 FROM messaging_subscriptions s WHERE name = $1 AND ("
    "EXISTS (SELECT 1 FROM messaging_new_events)"
    " OR EXISTS (SELECT 1 FROM messaging_events e WHERE e.position > s.position))"
)
_SHARDS: Final = 32
_INCREMENT: Final = (
    "INSERT INTO messaging_counters AS c (name, shard, value)"
    " SELECT name, $3, amount FROM unnest($1::text[], $2::bigint[]) AS a(name, amount)"
    " ORDER BY name ON CONFLICT (name, shard) DO UPDATE SET value = c.value + excluded.value"
)
_COUNTERS: Final = "SELECT name, sum(value)::bigint FROM messaging_counters GROUP BY name"


class PostgresTimeline(SqlTimeline):
    """Keep events through one cursor, inside one transaction."""

    def __init__(self, cursor: PostgresCursor, *, read_only: bool) -> None:
        super().__init__(cursor)  # type: ignore[arg-type] # in its manner
        self._native = cursor.native
        self.read_only = read_only

    def append(self, events: Sequence[Event]) -> None:
        if events:
            columns = zip(*[event_row(event) for event in events], strict=True)
            self._native(_APPEND, [list(column) for column in columns])

    def of_message(
        self, workspace: UUID, message_id: UUID, *, limit: int | None = None
    ) -> list[Event]:
        if self.read_only:  # else the head would stay locked for as long as the caller likes
            self.number_new()
        rows = self._native(_OF_MESSAGE, (workspace.bytes, message_id.bytes)).fetchall()
        return list(skip_corrupt(rows, event_of, "event"))[:limit]

    def after(self, position: int, *, limit: int) -> list[Event]:
        self.number_new()
        return super().after(position, limit=limit)

    def attempts(self, workspace: UUID, message_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        some = [message_id.bytes for message_id in message_ids]
        rows = self._native(_ATTEMPTS, (workspace.bytes, some)).fetchall()
        return {UUID(bytes=message_id): number for message_id, number in rows}

    def last_position(self) -> int:
        self.number_new()
        return int(self._native(_HEAD).fetchone()[0])

    def number_new(self) -> None:
        """Move into the log what is committed, unless another reader does."""
        if self._native(_HAS_NEW).fetchone()[0]:
            self.number(waits=False)

    def number(self, *, waits: bool) -> int:
        """Move into the log what is committed, and return the last position.

        Where another reader does it, wait for it or let it.
        """
        lock = _LOCK_HEAD if waits else f"{_LOCK_HEAD} SKIP LOCKED"
        head = self._native(lock).fetchone()
        if head is None:
            return 0
        (last,) = head
        while (moved := self._move(last)) == _MOST:
            last += moved
        return int(last + moved)

    def _move(self, last: int) -> int:
        before = last
        self._native(_MOVE, (_MOST, last))
        (last,) = self._native(_HEAD).fetchone()
        return int(last - before)

    def subscribe(self, name: str, *, from_start: bool) -> None:
        last = 0 if from_start else self.number(waits=True)
        self._native(_SUBSCRIBE, (name, last))

    def is_behind(self, name: str) -> bool:
        return self._native(_IS_BEHIND, (name,)).fetchone() is not None

    def increment(self, amounts: Mapping[str, int]) -> None:
        if amounts:
            # Callers that count at once each add to a row of their own, and do not wait.
            shard = random.randrange(_SHARDS)  # noqa: S311 - no secret
            self._native(_INCREMENT, (list(amounts), list(amounts.values()), shard))

    def counters(self) -> Mapping[str, int]:
        return dict(self._native(_COUNTERS).fetchall())
