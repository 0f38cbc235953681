"""Messages in PostgreSQL: positions from a sequence, and keys whose second caller waits."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging_adapters.storage.postgres.arrays import Texts, columns_of
from messaging_adapters.storage.postgres.dialect import PostgresDialect
from messaging_adapters.storage.sql.constants import POSITION_BITS
from messaging_adapters.storage.sql.rows.bulk_insert import Row
from messaging_adapters.storage.sql.rows.columns import to_micros
from messaging_adapters.storage.sql.stores.messages import (
    Positions,
    SqlMessages,
    key_of,
)
from messaging_adapters.storage.sql.stores.suppressions import HAS_ANY
from messaging_core.models.delivery.delivery import IdempotencyKey, NewMessage

# Two transactions that are open at once do not see the position of the other. They draw different
# numbers, and the number makes the last bits of a position.
_NUMBER: Final = (
    "nextval('messaging_positions'), ("
    "SELECT greatest(value, (SELECT max(position) FROM messaging_messages))"
    " FROM messaging_facts WHERE name = 'last_message')"
)
_DRAW: Final = f"SELECT {_NUMBER} FROM generate_series(1, $1)"  # noqa: S608 - no input
_STEP: Final = 1 << POSITION_BITS
# A unique key would let the second message of a new channel wait until the transaction of the first
# ends, which may be a host's. Both add a row, of which one is enough.
_ADD_CHANNELS: Final = (
    "INSERT INTO messaging_channels (workspace, channel_id, platform, own_address, shard)"
    " SELECT w.*, $5 FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::text[])"
    " AS w(workspace, channel_id, platform, own_address) WHERE NOT EXISTS ("
    "SELECT 1 FROM messaging_channels c WHERE c.workspace = w.workspace"
    " AND c.channel_id = w.channel_id AND c.platform = w.platform"
    " AND c.own_address = w.own_address)"
)


def _filled(column: str) -> str:
    """Return a column of a key, or nothing of a row that no request has filled."""
    return f"CASE WHEN k.created_at > $3 THEN k.{column} END"


# Who writes the same key meanwhile waits, and gets the row as it is then. A row that no request has
# filled is older than every key. With them come the numbers for their messages.
_TAKE_KEYS: Final = (
    "INSERT INTO messaging_idempotency_keys AS k"  # noqa: S608 - no input
    " (workspace, key, request_hash, message_id, created_at)"
    " SELECT $1, key, '', '', $3 FROM unnest($2::text[]) AS w(key) ORDER BY key"
    " ON CONFLICT (workspace, key) DO UPDATE SET key = k.key"
    f" RETURNING {_filled('key')}, {_filled('request_hash')}, {_filled('fields')},"
    f" created_at, {_filled('message_id')}, {_NUMBER}"
)
_ADD_KEYS: Final = (
    "INSERT INTO messaging_idempotency_keys"
    " (workspace, key, request_hash, fields, message_id, created_at)"
    " SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::bytea[],"
    " $6::bigint[]) ON CONFLICT (workspace, key) DO UPDATE SET"
    " request_hash = excluded.request_hash, fields = excluded.fields,"
    " message_id = excluded.message_id, created_at = excluded.created_at"
)
_KEY_TYPES: Final = ("bytea", "text", "text", "text", "bytea", "bigint")
_PART: Final = 250
"""How many messages one statement writes."""
_OLDEST: Final = -(2**63)
_DELETE_EXPIRED_KEYS: Final = (
    "WITH old AS MATERIALIZED (SELECT workspace, key FROM messaging_idempotency_keys"
    " WHERE created_at <= $1 AND created_at > $3 ORDER BY created_at LIMIT $2"
    " FOR UPDATE SKIP LOCKED), unused AS MATERIALIZED (SELECT workspace, key"
    " FROM messaging_idempotency_keys WHERE created_at = $3 LIMIT $2 FOR UPDATE SKIP LOCKED)"
    " DELETE FROM messaging_idempotency_keys WHERE (workspace, key) IN"
    " (SELECT * FROM old UNION ALL SELECT * FROM unused)"
)


class PostgresMessages(SqlMessages):
    """Keep messages through one cursor, inside one transaction."""

    def __init__(self, dialect: PostgresDialect, scan_budget: int) -> None:
        super().__init__(dialect, scan_budget)
        self._native = dialect.native
        self._later, self._ask = dialect.cursor.later, dialect.cursor.ask
        self._drawn: list[tuple[int, int]] = []
        self._locks_keys = not dialect.read_only

    def _positions(self, count: int) -> Positions:
        drawn, self._drawn = self._drawn, []
        if len(drawn) < count:
            drawn = self._native(_DRAW, (count,)).fetchall()
        last = drawn[0][1] if drawn else 0
        return DrawnPositions(last, iter([number for number, _ in drawn]))

    def _add(self, messages: Sequence[NewMessage], positions: Positions) -> None:
        # In parts: while the server writes one, the next is prepared.
        for start in range(0, len(messages), _PART):
            super()._add(messages[start : start + _PART], positions)

    def _add_keys(self, keys: Sequence[Row]) -> None:
        last = {row[:2]: row for row in keys}  # of the same key the last one counts
        rows = [last[key] for key in sorted(last)]
        self._later("messaging_idempotency_keys", _ADD_KEYS, columns_of(rows, *_KEY_TYPES))

    def _add_channels(self, channels: Sequence[Row]) -> None:
        if channels:
            values = (
                *columns_of(channels, "bytea", "bytea", "text", "text"),
                random.getrandbits(62),
            )
            self._later("messaging_channels", _ADD_CHANNELS, values)

    def by_keys(
        self, workspace: UUID, keys: Sequence[str], *, since: datetime
    ) -> Mapping[str, tuple[UUID, IdempotencyKey]]:
        if not (self._locks_keys and keys):
            return super().by_keys(workspace, keys, since=since)
        taken = self._native(_TAKE_KEYS, (workspace.bytes, Texts(sorted(set(keys))), _OLDEST))
        self._ask(HAS_ANY)  # who asks for keys accepts messages, and asks this next
        rows = taken.fetchall()
        self._drawn += [tuple(row[5:]) for row in rows]
        earliest = to_micros(since)
        return dict(key_of(row[:5]) for row in rows if row[3] > earliest)

    def delete_expired_keys(self, *, until: datetime, limit: int) -> None:
        self._native(_DELETE_EXPIRED_KEYS, (to_micros(until), limit, _OLDEST))


class DrawnPositions(Positions):
    """Give positions that end in numbers of a sequence."""

    def __init__(self, last: int, numbers: Iterator[int]) -> None:
        super().__init__(last)
        self._numbers = numbers

    def next(self, milliseconds: int) -> int:
        position = super().next(milliseconds)
        # In large steps, so that few transactions write the one row in which it is kept.
        self.ahead = (1 << self.ahead.bit_length()) - 1
        return position

    def _beyond(self, last: int, earliest: int) -> int:
        position = max(last, earliest) // _STEP * _STEP + next(self._numbers) % _STEP
        return position if position > last else position + _STEP
