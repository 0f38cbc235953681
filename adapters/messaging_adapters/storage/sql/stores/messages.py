"""Messages: one row each, and the tables they are found by."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from attrs import evolve

from messaging_adapters.storage.sql.constants import POSITION_BITS
from messaging_adapters.storage.sql.dialect import Dialect, Document, Subject
from messaging_adapters.storage.sql.queries.listing import Listing
from messaging_adapters.storage.sql.rows.bulk_insert import BulkInsert, Row
from messaging_adapters.storage.sql.rows.columns import (
    failure_columns,
    progress_column,
    to_micros,
)
from messaging_adapters.storage.sql.rows.documents import (
    DOCUMENT,
    WITH_DOCUMENT,
    inline_part,
    is_inline,
)
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.decisions.delivery.settlement import DAMAGED
from messaging_core.models.common.instants import in_utc
from messaging_core.models.common.page import Page
from messaging_core.models.delivery.delivery import Delivery, IdempotencyKey, NewMessage
from messaging_core.models.messages.counts import CountBy, Counts
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.ports.storage.messages import Messages
from messaging_core.wire import dump
from messaging_core.wire.stored.message import Stored, facets, store

_ADD = BulkInsert("messaging_messages", f"({', '.join('?' * 18)}, 0)")
_LAST_POSITION = (  # of those that are there, and of those that were
    "SELECT max(value, coalesce((SELECT max(position) FROM messaging_messages), 0))"
    " FROM messaging_facts WHERE name = 'last_message'"
)
_REMEMBER_AHEAD = (
    "UPDATE messaging_facts SET value = ?1 WHERE name = 'positions_ahead' AND value < ?1"
)
_ADD_TAGS = BulkInsert("messaging_tags", "(?, ?, ?)")
_ADD_PEOPLE = BulkInsert("messaging_people", "(?, ?, ?)")
_ADD_CHANNELS = BulkInsert("messaging_channels", "(?, ?, ?, ?)", otherwise="IGNORE")
_ADD_DELIVERIES = BulkInsert(
    "messaging_outbox"
    " (position, workspace, channel_id, lane, due_at, expires_at, controls, progress)",
    "(?, ?, ?, ?, ?, ?, ?, ?)",
)
_ADD_KEY = (  # one by one: of several rows together, REPLACE makes SQLite keep what it changes
    "INSERT OR REPLACE INTO messaging_idempotency_keys"
    " (workspace, key, request_hash, fields, message_id, created_at) VALUES (?, ?, ?, ?, ?, ?)"
)
_NEVER_OLD = 2**63 - 1
"""The `created_at` of a key that never expires."""

_FIND_KEYS = (
    "SELECT key, request_hash, fields, created_at, message_id FROM messaging_idempotency_keys"
    " WHERE workspace = ? AND key IN (SELECT value FROM json_each(?)) AND created_at > ?"
)
_DELETE_EXPIRED_KEYS = (
    "DELETE FROM messaging_idempotency_keys WHERE (workspace, key) IN ("
    " SELECT workspace, key FROM messaging_idempotency_keys"
    " WHERE created_at <= ? ORDER BY created_at LIMIT ?)"
)
_ADD_REFERENCES = BulkInsert("messaging_references", "(?, ?, ?)", otherwise="IGNORE")
_BY_REFERENCES = (
    "SELECT r.reference, m.id, m.channel_id FROM json_each(?) AS wanted"
    " CROSS JOIN messaging_references r ON r.workspace = ? AND r.reference = wanted.value"
    " CROSS JOIN messaging_messages m USING (workspace, position) ORDER BY position DESC"
)
_STORED = (
    f"SELECT {DOCUMENT}, CAST(m.state AS BLOB) FROM messaging_messages m {WITH_DOCUMENT}"  # noqa: S608 - no input
    " WHERE m.id = ? AND m.workspace = ?"
)
_POSITION = "SELECT position FROM messaging_messages WHERE id = ? AND workspace = ?"
UPDATE = (
    "UPDATE messaging_messages SET status = ?, failure_code = ?, failure_source_code = ?,"
    " failure_source_name = ?, state = ? WHERE workspace = ? AND position = ?"
)
"""Replace what settles a message, and its state."""

_DAMAGED = (
    "SELECT m.id FROM (SELECT DISTINCT workspace FROM messaging_channels) w"
    " CROSS JOIN messaging_messages m ON m.workspace = w.workspace"
    " AND m.failure_source_code = ? AND m.failure_source_name = ? LIMIT ?"
)

# What is accepted together was accepted at one instant, is mostly due then, and expires together.
_micros_of_utc = lru_cache(maxsize=64)(to_micros)


def _micros(instant: datetime) -> int:
    return _micros_of_utc(instant if instant.tzinfo is UTC else in_utc(instant))


class SqlMessages(SqlStore, Messages):
    """Keep messages through one cursor, inside one transaction."""

    def __init__(self, dialect: Dialect, scan_budget: int) -> None:
        super().__init__(dialect)
        self._scan_budget = scan_budget

    def add(self, messages: Sequence[NewMessage]) -> None:
        positions = self._positions(len(messages))
        self._add(messages, positions)
        if positions.ahead:
            self._cursor.execute(_REMEMBER_AHEAD, (positions.ahead,))

    def _add(self, messages: Sequence[NewMessage], positions: "Positions") -> None:
        rows = _Rows(positions)
        for new in messages:
            rows.take(new)
        for insertion, values in (
            (_ADD, rows.messages),
            (_ADD_TAGS, rows.tags),
            (_ADD_PEOPLE, rows.people),
            (_ADD_DELIVERIES, rows.deliveries),
            (_ADD_REFERENCES, rows.references),
        ):
            if values:
                self._dialect.insert(insertion, values)
        if rows.documents:
            self._dialect.add_documents(rows.documents)
        self._add_channels(list(rows.channels))
        if rows.subjects:
            self._dialect.add_subjects(rows.subjects)
        if rows.keys:
            self._add_keys(rows.keys)

    def _positions(self, count: int) -> "Positions":  # noqa: ARG002 - other engines draw as many
        return Positions(self._cursor.execute(_LAST_POSITION).fetchone()[0])

    def _add_keys(self, keys: Sequence[Row]) -> None:
        self._cursor.executemany(_ADD_KEY, keys)

    def _add_channels(self, channels: Sequence[Row]) -> None:
        if channels:
            self._dialect.insert(_ADD_CHANNELS, channels)

    def get(self, workspace: UUID, message_id: UUID, *, stays: bool = True) -> Message | None:
        if stays:  # who reads it in a transaction that may write decides what becomes of it
            self._dialect.lock_messages(workspace, [message_id])
        stored = self._stored(workspace, message_id)
        return stored.load() if stored else None

    def get_json(self, workspace: UUID, message_id: UUID) -> bytes | None:
        stored = self._stored(workspace, message_id)
        return stored.json() if stored else None

    def _stored(self, workspace: UUID, message_id: UUID) -> Stored | None:
        row = self._cursor.execute(_STORED, (message_id.bytes, workspace.bytes)).fetchone()
        return Stored(*row) if row else None

    def find(self, query: MessageQuery) -> Page[Message]:
        return self._listing(query).page()

    def count(self, query: MessageQuery, by: Collection[CountBy], *, most: int) -> Counts:
        listed = evolve(query, limit=most, page_token=None)
        return self._listing(listed).counts(by)

    def _listing(self, query: MessageQuery) -> Listing:
        return self._dialect.listing(query, self._scan_budget)

    def damaged(self, *, limit: int) -> list[UUID]:
        _, *source = failure_columns(DAMAGED)
        rows = self._cursor.execute(_DAMAGED, (*source, limit))
        return [UUID(bytes=message_id) for (message_id,) in rows]

    def by_keys(
        self, workspace: UUID, keys: Sequence[str], *, since: datetime
    ) -> Mapping[str, tuple[UUID, IdempotencyKey]]:
        rows = self._cursor.execute(
            _FIND_KEYS, (workspace.bytes, orjson.dumps(list(keys)).decode(), to_micros(since))
        )
        return dict(map(key_of, rows))

    def delete_expired_keys(self, *, until: datetime, limit: int) -> None:
        self._cursor.execute(_DELETE_EXPIRED_KEYS, (to_micros(until), limit))

    def by_references(
        self, workspace: UUID, references: Sequence[str]
    ) -> Mapping[str, Sequence[tuple[UUID, UUID]]]:
        searched = orjson.dumps(sorted(set(references))).decode()
        ids_by_reference: dict[str, list[tuple[UUID, UUID]]] = {}
        for reference, message_id, channel_id in self._cursor.execute(
            _BY_REFERENCES, (searched, workspace.bytes)
        ):
            ids = (UUID(bytes=message_id), UUID(bytes=channel_id))
            ids_by_reference.setdefault(reference, []).append(ids)
        return ids_by_reference

    def add_references(self, workspace: UUID, message_id: UUID, references: Sequence[str]) -> None:
        position = self._position(workspace, message_id)
        if position is not None:
            self._refer(workspace, position, references)

    def _refer(self, workspace: UUID, position: int, references: Sequence[str]) -> None:
        rows = [(workspace.bytes, reference, position) for reference in references]
        self._dialect.insert(_ADD_REFERENCES, rows)

    def update(self, workspace: UUID, message: Message) -> None:
        position = self._position(workspace, message.id)
        if position is not None:
            state, failure = store(message).state, failure_columns(message.failure)
            left = (message.status, *failure, state)
            self._cursor.execute(UPDATE, (*left, workspace.bytes, position))
            self._refer(workspace, position, message.references)

    def _position(self, workspace: UUID, message_id: UUID) -> int | None:
        row = self._cursor.execute(_POSITION, (message_id.bytes, workspace.bytes)).fetchone()
        return row[0] if row else None


def key_of(row: tuple[Any, ...]) -> tuple[str, tuple[UUID, IdempotencyKey]]:
    """Return a key with the id of its message and what is stored of it."""
    key, request_hash, fields, created_at, message_id = row
    stored = IdempotencyKey(
        key=key,
        request_hash=request_hash,
        fields=orjson.loads(fields),
        lasting=created_at == _NEVER_OLD,
    )
    return key, (UUID(bytes=message_id), stored)


class Positions:
    """Give each message a position beyond the last one, and not before its own time.

    Attributes:
        ahead: How many milliseconds the positions were beyond the times of their messages.
    """

    def __init__(self, last: int) -> None:
        self.ahead = 0
        self._last = last

    def next(self, milliseconds: int) -> int:
        """Return the position of a message that was accepted then."""
        self._last = self._beyond(self._last, milliseconds << POSITION_BITS)
        self.ahead = max(self.ahead, (self._last >> POSITION_BITS) - milliseconds)
        return self._last

    def _beyond(self, last: int, earliest: int) -> int:
        return max(last + 1, earliest)


class _Rows:
    """The rows that new messages become, table by table."""

    def __init__(self, positions: Positions) -> None:
        self.messages: list[tuple[object, ...]] = []
        self.documents: list[Document] = []
        self.tags: list[tuple[object, ...]] = []
        self.people: list[tuple[object, ...]] = []
        self.channels: set[tuple[object, ...]] = set()
        self.subjects: list[Subject] = []
        self.deliveries: list[tuple[object, ...]] = []
        self.keys: list[tuple[object, ...]] = []
        self.references: list[tuple[object, ...]] = []
        self._positions = positions

    def take(self, new: NewMessage) -> None:
        """Add the rows of one message."""
        message, workspace = new.message, new.workspace.bytes
        created_at = _micros(message.created_at)
        position = self._positions.next(created_at // 1000)
        self._take_message(new, position, workspace, created_at)
        if message.tags:
            self.tags += [(workspace, tag, position) for tag in message.tags]
        for part in message.parts:
            self.references.append((workspace, part.platform_reference, position))
        if new.delivery:
            self.deliveries.append(
                _delivery_row(position, workspace, message.channel_id.bytes, new.delivery)
            )
        if new.idempotency:
            since = _NEVER_OLD if new.idempotency.lasting else created_at
            columns = _key_columns(new.idempotency)
            self.keys.append((workspace, *columns, message.id.bytes, since))

    def _take_message(
        self, new: NewMessage, position: int, workspace: bytes, created_at: int
    ) -> None:
        message, found_by, stored = new.message, facets(new), store(new.message)
        navigator = message.meta.navigator_id if message.meta else None
        own, channel_id = found_by.own_address, message.channel_id.bytes
        self.people += [(workspace, address, position) for address in found_by.people]
        self.channels.add((workspace, channel_id, new.platform, own or ""))
        if found_by.subject:
            self.subjects.append((workspace, position, found_by.subject))
        if not is_inline(stored.document):
            self.documents.append((workspace, position, stored.document))
        self.messages.append(
            (
                position,
                message.id.bytes,
                workspace,
                channel_id,
                new.platform,
                message.direction,
                message.status,
                created_at,
                own,
                found_by.country_code,
                message.reference,
                new.batch_id.bytes if new.batch_id else None,
                navigator.bytes if navigator else None,
                *failure_columns(message.failure),
                stored.state,
                inline_part(stored.document),
            )
        )


def _key_columns(key: IdempotencyKey) -> tuple[str, str, str]:
    return (key.key, key.request_hash, orjson.dumps(dict(key.fields)).decode())


def _delivery_row(
    position: int, workspace: bytes, channel_id: bytes, delivery: Delivery
) -> tuple[object, ...]:
    controls = dump(delivery.controls)
    return (
        position,
        workspace,
        channel_id,
        int(delivery.lane),
        _micros(delivery.due_at),
        _micros(delivery.expires_at),
        orjson.dumps(controls).decode() if controls else None,
        progress_column(delivery.accepted, delivery.refused),
    )
