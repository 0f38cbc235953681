"""Messages in the memory of this process, for tests and for trying things out."""

import heapq
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from attrs import evolve, frozen

from messaging_adapters.storage._memory_content import (
    ContentTables,
    MemoryShortLinks,
    MemoryTemplates,
)
from messaging_adapters.storage._memory_directory import (
    DirectoryTables,
    MemoryContactLists,
    MemoryContacts,
    MemorySuppressions,
)
from messaging_adapters.storage._memory_log import LogTables, MemoryReceipts, MemoryTimeline
from messaging_adapters.storage._memory_retention import MemoryRetention
from messaging_adapters.storage._memory_search import Row, matcher, row_of
from messaging_adapters.storage._memory_sendings import MemorySendings, SendingsTable
from messaging_core.decisions.settlement import IN_DOUBT
from messaging_core.decisions.sharing import fair, share, turn
from messaging_core.errors import ConfigurationError, StorageBusyError
from messaging_core.models.delivery import (
    Claim,
    Delivery,
    IdempotencyKey,
    Lane,
    Lease,
    NewMessage,
    Settlement,
    Withdrawal,
)
from messaging_core.models.message import Message, Status
from messaging_core.models.query import MessageQuery, Page
from messaging_core.ports.storage import Messages, Outbox, Storage, Transaction
from messaging_core.wire.page_token import decode_page_token, encode_page_token
from messaging_core.wire.stored import (
    Stored,
    StoredMessages,
    settled_state,
    store,
)

_NEVER_OLD = datetime.max.replace(tzinfo=UTC)
K = TypeVar("K")
V = TypeVar("V")


@frozen(kw_only=True)
class _Waiting:
    """One delivery, with its lease."""

    delivery: Delivery
    fence: int = 0
    leased_until: datetime | None = None
    handed_over: bool = False


@frozen(kw_only=True)
class _Key:
    """What an idempotency key stands for."""

    message_id: UUID
    entry: IdempotencyKey
    created_at: datetime


class _Tables:
    """The data, and how to undo what the present transaction did to it."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.positions: dict[UUID, int] = {}
        self.outbox: dict[int, _Waiting] = {}
        self.due: dict[tuple[Lane, UUID], list[tuple[datetime, int]]] = {}
        self.suspects: set[int] = set()
        self.keys: dict[tuple[UUID, str], _Key] = {}
        self.oldest_keys: list[tuple[datetime, tuple[UUID, str]]] = []
        self.references: dict[tuple[UUID, str], tuple[int, ...]] = {}
        self.directory = DirectoryTables()
        self.log = LogTables()
        self.sendings: SendingsTable = {}
        self.content = ContentTables()
        self._undo: list[Callable[[], object]] = []

    def last_position(self) -> int:
        """Return the last position of a message, which may be gone by now."""
        return self.log.last.get("message", 0)

    def put(self, table: dict[K, V], key: K, value: V) -> None:
        """Set a value, and remember how it was."""
        if key in table:
            before = table[key]
            self._undo.append(lambda: table.__setitem__(key, before))
        else:
            self._undo.append(lambda: table.pop(key))
        table[key] = value

    def remove(self, table: dict[K, V], key: K) -> None:
        """Take a value out, and remember it."""
        before = table.pop(key)
        self._undo.append(lambda: table.__setitem__(key, before))

    def wait(self, position: int, waiting: _Waiting) -> None:
        """Keep a delivery, and find it when it is due."""
        self.put(self.outbox, position, waiting)
        if waiting.delivery.crashes:
            self.suspects.add(position)
        self.queue(position)

    def queue(self, position: int) -> None:
        """Find a delivery when it is due."""
        delivery, workspace = self.outbox[position].delivery, self.rows[position].workspace
        # Entries that no longer tell the truth are skipped when they come up.
        heap = self.due.setdefault((delivery.lane, workspace), [])
        heapq.heappush(heap, (delivery.due_at, position))

    def replace(self, position: int, message: Message, *, keep_document: bool = False) -> None:
        """Keep what changed of a message, and find it as it is now."""
        row, stored = self.rows[position], store(message)
        if keep_document:
            stored = Stored(row.stored.document, stored.state)
        self.refer(row.workspace, position, [one.platform_reference for one in message.parts])
        changed = evolve(row, status=message.status, failure=message.failure, stored=stored)
        self.put(self.rows, position, changed)

    def refer(self, workspace: UUID, position: int, references: Iterable[str]) -> None:
        """Let a message be found by what the platform calls it."""
        for reference in references:
            known = self.references.get((workspace, reference), ())
            if position not in known:
                newest_first = tuple(sorted((*known, position), reverse=True))
                self.put(self.references, (workspace, reference), newest_first)

    def keep_key(self, workspace: UUID, key: _Key) -> None:
        """Keep an idempotency key, and find it when it is old."""
        place = (workspace, key.entry.key)
        self.put(self.keys, place, key)
        # Here too: an entry tells the truth, or is skipped when it comes up.
        heapq.heappush(self.oldest_keys, (key.created_at, place))

    def commit(self) -> None:
        """Forget how to undo."""
        self._undo.clear()

    def roll_back(self) -> None:
        """Undo everything since the last commit."""
        while self._undo:
            self._undo.pop()()
        self.due.clear()
        for position in self.outbox:
            self.queue(position)
        self.oldest_keys = sorted((key.created_at, place) for place, key in self.keys.items())


class _MemoryMessages(Messages):
    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    def add(self, messages: Sequence[NewMessage]) -> None:
        tables = self._tables
        for new in messages:
            position = tables.last_position() + 1
            tables.put(tables.log.last, "message", position)
            tables.put(tables.rows, position, row_of(new))
            tables.put(tables.positions, new.message.id, position)
            if new.delivery:
                tables.wait(position, _Waiting(delivery=new.delivery))
            parts = new.message.parts
            tables.refer(new.workspace, position, [one.platform_reference for one in parts])
            if new.idempotency:
                key = _Key(
                    message_id=new.message.id,
                    entry=new.idempotency,
                    created_at=_NEVER_OLD if new.idempotency.lasting else new.message.created_at,
                )
                tables.keep_key(new.workspace, key)

    def get(self, workspace: UUID, message_id: UUID) -> Message | None:
        position = self._tables.positions.get(message_id)
        row = self._tables.rows[position] if position else None
        return row.stored.load() if row and row.workspace == workspace else None

    def find(self, query: MessageQuery) -> Page[Message]:
        matches = matcher(query)
        found: list[tuple[int, Stored]] = []
        for position in self._walk(query):
            row = self._tables.rows.get(position)
            if row and matches(row):
                found.append((position, row.stored))
            if len(found) > query.limit:
                break
        results = found[: query.limit]
        token = encode_page_token(query, results[-1][0]) if len(found) > query.limit else None
        return Page(
            results=StoredMessages([stored for _, stored in results]),
            next_page_token=token,
            start_at=query.start_at,
            end_at=query.end_at,
        )

    def _walk(self, query: MessageQuery) -> Iterator[int]:
        after, last = decode_page_token(query), self._tables.last_position()
        if query.reverse:
            return iter(range((after or 0) + 1, last + 1))
        return iter(range(last if after is None else min(after - 1, last), 0, -1))

    def by_keys(
        self, workspace: UUID, keys: Sequence[str], *, since: datetime
    ) -> Mapping[str, tuple[UUID, IdempotencyKey]]:
        found = {key: self._tables.keys.get((workspace, key)) for key in keys}
        return {
            key: (one.message_id, one.entry)
            for key, one in found.items()
            if one and one.created_at > since
        }

    def forget_keys(self, *, until: datetime, limit: int) -> int:
        tables, forgotten = self._tables, 0
        while tables.oldest_keys and tables.oldest_keys[0][0] <= until and forgotten < limit:
            created_at, place = heapq.heappop(tables.oldest_keys)
            key = tables.keys.get(place)
            if key and key.created_at == created_at:
                tables.remove(tables.keys, place)
                forgotten += 1
        return forgotten

    def by_references(
        self, workspace: UUID, references: Sequence[str]
    ) -> Mapping[str, Sequence[tuple[UUID, UUID]]]:
        tables = self._tables
        found = {one: tables.references.get((workspace, one)) for one in references}
        return {
            reference: [(tables.rows[one].id, tables.rows[one].channel_id) for one in positions]
            for reference, positions in found.items()
            if positions
        }

    def note_references(self, workspace: UUID, message_id: UUID, references: Sequence[str]) -> None:
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


class _MemoryOutbox(Outbox):
    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    def claim(
        self, *, now: datetime, lease: timedelta, limit: int, suspects: bool = True
    ) -> list[Claim]:
        suspect = self._suspects(now)[: min(limit, 1)] if suspects else []
        limit -= len(suspect)
        lanes = [self._take_lane(lane, now, limit) for lane in Lane]
        shares = share([sum(map(len, lane)) for lane in lanes], limit)
        chosen: list[int] = []
        for workspaces, places in zip(lanes, shares, strict=True):
            chosen += self._choose(workspaces, places, now)
        return [self._lease(position, now, now + lease) for position in chosen + suspect]

    def _suspects(self, now: datetime) -> list[int]:
        outbox = self._tables.outbox
        waiting = [position for position in self._tables.suspects if position in outbox]
        found = [(outbox[position].delivery, position) for position in waiting]
        due = [(one.due_at, place) for one, place in found if one.crashes and one.due_at <= now]
        return [position for _, position in sorted(due)]

    def _choose(self, workspaces: list[list[int]], places: int, now: datetime) -> list[int]:
        """Divide the places of a lane, and put back what gets none."""
        first = turn(now, len(workspaces))
        shares = fair([len(positions) for positions in workspaces], places, first)
        chosen: list[int] = []
        for positions, count in zip(workspaces, shares, strict=True):
            chosen += positions[:count]
            for position in positions[count:]:
                self._tables.queue(position)
        return sorted(chosen, key=lambda one: (self._tables.outbox[one].delivery.due_at, one))

    def _take_lane(self, lane: Lane, now: datetime, limit: int) -> list[list[int]]:
        """Take what is due out of a lane: up to a limit of each workspace that has something."""
        heaps = sorted(
            (workspace, heap) for (of, workspace), heap in self._tables.due.items() if of is lane
        )
        taken = (self._take_due(heap, now, limit) for _, heap in heaps)
        return [positions for positions in taken if positions]

    def _take_due(self, heap: list[tuple[datetime, int]], now: datetime, limit: int) -> list[int]:
        taken: list[int] = []
        while heap and heap[0][0] <= now and len(taken) < limit:
            due_at, position = heapq.heappop(heap)
            waiting = self._tables.outbox.get(position)
            is_true = waiting and waiting.delivery.due_at == due_at and position not in taken
            if waiting and is_true and not waiting.delivery.crashes:
                taken.append(position)
        return taken

    def _lease(self, position: int, now: datetime, until: datetime) -> Claim:
        waiting = self._tables.outbox[position]
        delivery = evolve(
            waiting.delivery,
            attempts=waiting.delivery.attempts + 1,
            crashes=waiting.delivery.crashes + (waiting.leased_until is not None),
        )
        leased = _Waiting(
            delivery=evolve(delivery, due_at=until), fence=waiting.fence + 1, leased_until=until
        )
        self._tables.wait(position, leased)
        row = self._tables.rows[position]
        message = evolve(
            row.stored.load(), status=Status.PROCESSING, last_status_at=now, updated_at=now
        )
        before = message.details
        if waiting.handed_over:
            message = evolve(message, details=IN_DOUBT)
        self._tables.replace(position, message)
        return Claim(
            workspace=row.workspace,
            message=message,
            delivery=delivery,
            lease=Lease(
                position=position,
                fence=leased.fence,
                until=until,
                workspace=row.workspace,
                message_id=row.id,
            ),
            lapsed=waiting.leased_until is not None,
            doubted=waiting.handed_over,
            doubted_before=waiting.handed_over and before == IN_DOUBT,
        )

    def hand_over(self, leases: Sequence[Lease], *, now: datetime) -> list[Withdrawal | None]:
        return [self._hand_over(lease, now) for lease in leases]

    def _hand_over(self, lease: Lease, now: datetime) -> Withdrawal | None:
        waiting = self._tables.outbox.get(lease.position)
        if waiting is None:
            row = self._tables.rows.get(lease.position)
            gone = row is not None and row.status is Status.DELETED
            return Withdrawal.CANCELLED if gone else Withdrawal.SUPERSEDED
        if waiting.fence != lease.fence:
            return Withdrawal.SUPERSEDED
        if waiting.delivery.expires_at <= now:
            return Withdrawal.EXPIRED
        if waiting.handed_over or waiting.leased_until is None or waiting.leased_until <= now:
            return Withdrawal.SUPERSEDED
        self._tables.put(self._tables.outbox, lease.position, evolve(waiting, handed_over=True))
        return None

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        return [self._settle(one) for one in settlements]

    def _settle(self, one: Settlement) -> bool:
        tables, position = self._tables, one.lease.position
        waiting = tables.outbox.get(position)
        if not waiting or waiting.fence != one.lease.fence or waiting.leased_until is None:
            return False
        row = tables.rows[position]
        stored = Stored(row.stored.document, settled_state(one))
        changed = evolve(row, status=one.status, failure=one.failure, stored=stored)
        tables.put(tables.rows, position, changed)
        tables.refer(row.workspace, position, [part.platform_reference for part in one.parts])
        if one.next_due_at is None:
            tables.remove(tables.outbox, position)
        else:
            delivery = evolve(
                waiting.delivery,
                due_at=one.next_due_at,
                attempts=waiting.delivery.attempts - (not one.counts),
                accepted=one.accepted,
                refused=one.refused,
                crashes=waiting.delivery.crashes + one.crashed,
            )
            tables.wait(
                position, evolve(waiting, delivery=delivery, leased_until=None, handed_over=False)
            )
        return True

    def cancel(self, workspace: UUID, message_id: UUID, *, now: datetime) -> bool:
        position = self._tables.positions.get(message_id)
        if not position or self.delivery(workspace, message_id) is None:
            return False
        if self._tables.outbox[position].handed_over:
            return False
        message = evolve(
            self._tables.rows[position].stored.load(),
            status=Status.DELETED,
            reason=None,
            details=None,
            failure=None,
            last_status_at=now,
            updated_at=now,
        )
        self._tables.replace(position, message)
        self._tables.remove(self._tables.outbox, position)
        return True

    def delivery(self, workspace: UUID, message_id: UUID) -> Delivery | None:
        position = self._tables.positions.get(message_id)
        waiting = self._tables.outbox.get(position) if position else None
        if not position or not waiting or self._tables.rows[position].workspace != workspace:
            return None
        return waiting.delivery

    def reschedule(
        self, workspace: UUID, message: Message, *, due_at: datetime, expires_at: datetime
    ) -> bool:
        position = self._waiting(workspace, message.id, message.updated_at)
        if position is None:
            return False
        waiting = self._tables.outbox[position]
        delivery = evolve(waiting.delivery, due_at=due_at, expires_at=expires_at)
        self._tables.wait(position, _Waiting(delivery=delivery, fence=waiting.fence + 1))
        self._tables.replace(position, message)
        return True

    def _waiting(self, workspace: UUID, message_id: UUID, now: datetime) -> int | None:
        position = self._tables.positions.get(message_id)
        if not position or self.delivery(workspace, message_id) is None:
            return None
        waiting = self._tables.outbox[position]
        is_leased = waiting.leased_until is not None and waiting.leased_until > now
        return None if is_leased or waiting.handed_over else position

    def finish(self, workspace: UUID, message_id: UUID) -> bool:
        position = self._tables.positions.get(message_id)
        if not position or self.delivery(workspace, message_id) is None:
            return False
        if self._tables.outbox[position].handed_over:
            return False
        self._tables.remove(self._tables.outbox, position)
        return True

    def next_due(self) -> datetime | None:
        due = (waiting.delivery.due_at for waiting in self._tables.outbox.values())
        return min(due, default=None)


class _MemoryTransaction(Transaction):
    def __init__(self, tables: _Tables) -> None:
        self.messages = _MemoryMessages(tables)
        self.outbox = _MemoryOutbox(tables)
        self.contacts = MemoryContacts(tables.directory, tables)
        self.lists = MemoryContactLists(tables.directory, tables)
        self.suppressions = MemorySuppressions(tables.directory, tables)
        self.receipts = MemoryReceipts(tables.log, tables)
        self.timeline = MemoryTimeline(tables.log, tables)
        self.sendings = MemorySendings(tables.sendings, tables)
        self.retention = MemoryRetention(tables)
        self.templates = MemoryTemplates(tables.content, tables)
        self.short_links = MemoryShortLinks(tables.content, tables)


class MemoryStorage(Storage):
    """Keep messages for as long as the object lives.

    It keeps them encoded, as a database would, so that what works here works there.
    """

    def __init__(self, *, busy_timeout: timedelta = timedelta(seconds=5)) -> None:
        self._tables = _Tables()
        self._lock = threading.Lock()
        self._busy_timeout = busy_timeout.total_seconds()

    @contextmanager
    def begin(  # noqa: D102 - the port's
        self,
        connection: Any = None,
        *,
        read_only: bool = False,  # noqa: ARG002 - everybody waits for everybody here
    ) -> Iterator[Transaction]:
        if connection is not None:
            raise ConfigurationError("messages in memory cannot join a database transaction")
        if not self._lock.acquire(timeout=self._busy_timeout):
            raise StorageBusyError("another thread holds the storage")
        try:
            yield _MemoryTransaction(self._tables)
            self._tables.commit()
        except BaseException:
            self._tables.roll_back()
            raise
        finally:
            self._lock.release()
