"""Messages in the memory of this process, for tests and for trying things out."""

import heapq
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from attrs import evolve

from messaging_adapters.storage.memory.documents import MemoryDocuments
from messaging_adapters.storage.memory.log import MemoryTimeline
from messaging_adapters.storage.memory.outbox import MemoryOutbox
from messaging_adapters.storage.memory.retention import MemoryRetention
from messaging_adapters.storage.memory.rollups import MemoryRollups
from messaging_adapters.storage.memory.tables import Key, Tables, Waiting
from messaging_core.arguments import checked, span
from messaging_core.decisions.delivery.settlement import DAMAGED
from messaging_core.document_stores import (
    DocumentAccessKeys,
    DocumentAuditLog,
    DocumentContactLists,
    DocumentContacts,
    DocumentRates,
    DocumentReceipts,
    DocumentReceivedFiles,
    DocumentRecords,
    DocumentSendHistory,
    DocumentShortLinks,
    DocumentSuppressions,
    DocumentTemplates,
    DocumentWebhooks,
    DocumentWorkers,
)
from messaging_core.errors import ConfigurationError, StorageBusyError, StorageError
from messaging_core.fork import ForkAware, watch_forks
from messaging_core.models.common.page import Page
from messaging_core.models.delivery.delivery import IdempotencyKey, NewMessage
from messaging_core.models.messages.counts import CountBy, Counts, count_kinds
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.ports.storage.messages import Messages
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.ports.storage.transaction_lock import OVERTAKEN, Hold, TransactionLock
from messaging_core.ports.time_limit import time_to_read
from messaging_core.wire.stored.message import Stored, StoredMessages
from messaging_core.wire.stored.page_token import decode_page_token, encode_page_token
from messaging_core.wire.stored.search import matcher, row_of

_NEVER_OLD = datetime.max.replace(tzinfo=UTC)


class MemoryMessages(Messages):
    """Keep messages inside one transaction."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def add(self, messages: Sequence[NewMessage]) -> None:
        tables = self._tables
        for new in messages:
            position = tables.last_position() + 1
            tables.put(tables.log.last, "message", position)
            tables.put(tables.rows, position, row_of(new))
            tables.put(tables.positions, new.message.id, position)
            if new.delivery:
                tables.wait(position, Waiting(delivery=new.delivery))
            tables.refer(new.workspace, position, new.message.references)
            if new.idempotency:
                key = Key(
                    message_id=new.message.id,
                    entry=new.idempotency,
                    created_at=_NEVER_OLD if new.idempotency.lasting else new.message.created_at,
                )
                tables.keep_key(new.workspace, key)

    def get(self, workspace: UUID, message_id: UUID, *, stays: bool = True) -> Message | None:
        del stays  # with one writer it does
        stored = self._stored(workspace, message_id)
        return stored.load() if stored else None

    def get_json(self, workspace: UUID, message_id: UUID) -> bytes | None:
        stored = self._stored(workspace, message_id)
        return stored.json() if stored else None

    def _stored(self, workspace: UUID, message_id: UUID) -> Stored | None:
        position = self._tables.positions.get(message_id)
        row = self._tables.rows[position] if position else None
        return row.stored if row and row.workspace == workspace else None

    def find(self, query: MessageQuery) -> Page[Message]:
        matches = matcher(query)
        matching: list[tuple[int, Stored]] = []
        for position in self._walk(query):
            row = self._tables.rows.get(position)
            if row and matches(row):
                matching.append((position, row.stored))
            if len(matching) > query.limit:
                break
        results = matching[: query.limit]
        token = encode_page_token(query, results[-1][0]) if len(matching) > query.limit else None
        return Page(
            results=StoredMessages(dict(results)),
            next_page_token=token,
            start_at=query.start_at,
            end_at=query.end_at,
        )

    def count(self, query: MessageQuery, by: Collection[CountBy], *, most: int) -> Counts:
        matches = matcher(query)
        rows = (
            self._tables.rows.get(position)
            for position in self._walk(evolve(query, page_token=None))
        )
        matching = (row for row in rows if row and matches(row))
        kinds = [(row.status, row.channel_id, row.created_at) for row in islice(matching, most + 1)]
        return count_kinds(Counter(kinds[:most]), by, is_exact=len(kinds) <= most)

    def _walk(self, query: MessageQuery) -> Iterator[int]:
        after, last = decode_page_token(query), self._tables.last_position()
        if query.reverse:
            return iter(range((after or 0) + 1, last + 1))
        return iter(range(last if after is None else min(after - 1, last), 0, -1))

    def damaged(self, *, limit: int) -> list[UUID]:
        rows = self._tables.rows.values()
        return [row.id for row in rows if row.failure == DAMAGED][:limit]

    def by_keys(
        self, workspace: UUID, keys: Sequence[str], *, since: datetime
    ) -> Mapping[str, tuple[UUID, IdempotencyKey]]:
        records = {key: self._tables.keys.get((workspace, key)) for key in keys}
        return {
            key: (record.message_id, record.entry)
            for key, record in records.items()
            if record and record.created_at > since
        }

    def delete_expired_keys(self, *, until: datetime, limit: int) -> None:
        tables, forgotten = self._tables, 0
        while tables.oldest_keys and tables.oldest_keys[0][0] <= until and forgotten < limit:
            created_at, place = heapq.heappop(tables.oldest_keys)
            key = tables.keys.get(place)
            if key and key.created_at == created_at:
                tables.remove(tables.keys, place)
                forgotten += 1

    def by_references(
        self, workspace: UUID, references: Sequence[str]
    ) -> Mapping[str, Sequence[tuple[UUID, UUID]]]:
        tables = self._tables
        positions_by_reference = {
            reference: tables.references.get((workspace, reference)) for reference in references
        }
        return {
            reference: [
                (tables.rows[position].id, tables.rows[position].channel_id)
                for position in positions
            ]
            for reference, positions in positions_by_reference.items()
            if positions
        }

    def add_references(self, workspace: UUID, message_id: UUID, references: Sequence[str]) -> None:
        position = self._position(workspace, message_id)
        if position:
            self._tables.refer(workspace, position, references)

    def update(self, workspace: UUID, message: Message) -> None:
        position = self._position(workspace, message.id)
        if position:
            self._tables.replace(position, message, keep_document=True)

    def _position(self, workspace: UUID, message_id: UUID) -> int | None:
        position = self._tables.positions.get(message_id)
        here = position is not None and self._tables.rows[position].workspace == workspace
        return position if here else None


class MemoryTransaction(Transaction):
    """The stores of one transaction."""

    def __init__(self, tables: Tables) -> None:
        documents = MemoryDocuments(tables.documents, tables)
        self.messages = MemoryMessages(tables)
        self.outbox = MemoryOutbox(tables)
        self.contacts = DocumentContacts(documents)
        self.lists = DocumentContactLists(documents)
        self.suppressions = DocumentSuppressions(documents)
        self.receipts = DocumentReceipts(documents)
        self.timeline = MemoryTimeline(tables.log, tables, documents)
        self.send_history = DocumentSendHistory(documents)
        self.retention = MemoryRetention(tables, documents)
        self.templates = DocumentTemplates(documents)
        self.short_links = DocumentShortLinks(documents)
        self.webhooks = DocumentWebhooks(documents)
        self.access_keys = DocumentAccessKeys(documents)
        self.audit = DocumentAuditLog(documents)
        self.records = DocumentRecords(documents)
        self.workers = DocumentWorkers(documents)
        self.rates = DocumentRates(documents)
        self.rollups = MemoryRollups(tables, documents)
        self.received_files = DocumentReceivedFiles(documents)


class MemoryStorage(ForkAware, Storage):
    """Keep messages for as long as the object lives.

    It keeps them encoded, as a database would, so that what works here works there. A forked child
    has a copy of its own.
    """

    @checked(busy_timeout=span(timedelta(0)))
    def __init__(self, *, busy_timeout: timedelta = timedelta(seconds=5)) -> None:
        self._tables = Tables()
        self._busy_timeout = busy_timeout.total_seconds()
        self._lock = TransactionLock(self._busy_timeout)
        self._fork: Hold | None = None
        watch_forks(self)

    @contextmanager
    def begin(
        self,
        connection: Any = None,
        *,
        read_only: bool = False,
    ) -> Iterator[Transaction]:
        if connection is not None:
            raise ConfigurationError("messages in memory cannot join a database transaction")
        left, hold = time_to_read(read_only=read_only), Hold()
        try:
            try:
                self._lock.acquire(hold, min(self._busy_timeout, left))
                self._tables.begin()
                yield MemoryTransaction(self._tables)
                self._commit(hold)
            finally:
                self._end(hold)
        finally:
            self._end(hold)  # a signal handler may have raised in the line above

    def _commit(self, hold: Hold) -> None:
        if self._lock.holder is not hold:
            raise StorageError(OVERTAKEN)
        self._tables.commit()

    def _end(self, hold: Hold) -> None:
        """Roll back what was not committed, and let others go on."""
        if self._lock.holder is hold:
            self._tables.roll_back()
        self._lock.release(hold)

    def before_fork(self) -> None:
        """Wait for the transaction of another thread, so that the child has none by halves."""
        holder, hold = self._lock.holder, Hold()
        if holder is None or holder.thread is not hold.thread:
            with suppress(StorageBusyError):
                self._lock.acquire(hold)
                self._fork = hold

    def after_fork_in_parent(self) -> None:
        """Let other threads go on."""
        fork, self._fork = self._fork, None
        if fork is not None:
            self._lock.release(fork)

    def after_fork_in_child(self) -> None:
        """Take a new lock, unless the transaction of the thread that forked goes on here."""
        holder = self._lock.holder
        if holder is None or holder is self._fork or holder.thread is not Hold().thread:
            self._lock = TransactionLock(self._busy_timeout)
        self._fork = None
