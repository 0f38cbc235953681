"""What happened, in PostgreSQL: written without positions, which `event_numbers` gives."""

# ruff: noqa: S608 - no input

import random
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from messaging_adapters.storage.postgres.arrays import columns_of
from messaging_adapters.storage.postgres.dialect import PostgresDialect
from messaging_adapters.storage.postgres.event_numbers import COLUMNS
from messaging_adapters.storage.sql.rows.skip_corrupt import skip_corrupt
from messaging_adapters.storage.sql.stores.timeline import SqlTimeline, event_of, event_row
from messaging_core.models.delivery.event import Event

_TYPES: Final = ("bytea", "bytea", "text", "text", "bigint", "text")
_EVENTS: Final = "messaging_new_events"
_APPEND_ONE: Final = f"INSERT INTO messaging_new_events ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)"
_APPEND: Final = (
    f"INSERT INTO messaging_new_events ({COLUMNS}) SELECT {COLUMNS}"
    " FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::text[], $5::bigint[], $6::text[])"
    f" WITH ORDINALITY AS e({COLUMNS}, place) ORDER BY place"
)
# Of those that are not numbered, the last come last. Without a limit $3 is NULL.
_OF_MESSAGE: Final = (
    f"SELECT position, {COLUMNS} FROM ("
    f"(SELECT 0 AS part, position, position AS place, {COLUMNS} FROM messaging_events"
    " WHERE workspace = $1 AND message_id = $2 ORDER BY position LIMIT $3::bigint) UNION ALL"
    f" (SELECT 1, 0, seq, {COLUMNS} FROM messaging_new_events"
    " WHERE workspace = $1 AND message_id = $2 ORDER BY seq LIMIT $3::bigint)) e"
    " ORDER BY part, place LIMIT $3::bigint"
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

    def __init__(self, dialect: PostgresDialect) -> None:
        super().__init__(dialect)
        self._native = dialect.native
        self._later = dialect.cursor.later
        self._numbers = dialect.numbers
        self.read_only = dialect.read_only

    def append(self, events: Sequence[Event]) -> None:
        rows = [event_row(event) for event in events]
        if len(rows) == 1:
            self._later(_EVENTS, _APPEND_ONE, rows[0])
        elif rows:
            self._later(_EVENTS, _APPEND, columns_of(rows, *_TYPES))

    def of_message(
        self, workspace: UUID, message_id: UUID, *, limit: int | None = None
    ) -> list[Event]:
        if self.read_only:  # else the head would stay locked for as long as the caller likes
            self._dialect.number_events()
        rows = self._native(_OF_MESSAGE, (workspace.bytes, message_id.bytes, limit)).fetchall()
        return list(skip_corrupt(rows, event_of, "event"))

    def attempts(self, workspace: UUID, message_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        some = [message_id.bytes for message_id in message_ids]
        rows = self._native(_ATTEMPTS, (workspace.bytes, some)).fetchall()
        return {UUID(bytes=message_id): number for message_id, number in rows}

    def last_position(self) -> int:
        return self._numbers.give_committed()

    def subscribe(self, name: str, *, from_start: bool) -> None:
        last = 0 if from_start else self._numbers.give_all()
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
