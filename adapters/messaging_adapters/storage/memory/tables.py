"""The data of the memory storage, and how to undo what a transaction did to it."""

import heapq
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from attrs import evolve

from messaging_adapters.storage.memory.documents import DocumentTables
from messaging_adapters.storage.memory.log import LogTables
from messaging_core.lazy import frozen
from messaging_core.models.delivery.delivery import Delivery, IdempotencyKey, Lane
from messaging_core.models.messages.message import Message
from messaging_core.wire.stored.damage import read_stored
from messaging_core.wire.stored.message import Stored, store
from messaging_core.wire.stored.search import Row

K = TypeVar("K")
V = TypeVar("V")

Queue = tuple[UUID, UUID]
"""A workspace and one of its channels."""


@frozen(kw_only=True)
class Waiting:
    """One delivery, with its lease."""

    delivery: Delivery
    fence: int = 0
    leased_until: datetime | None = None
    handed_over: bool = False


@frozen(kw_only=True)
class Key:
    """An idempotency key with the message that it belongs to."""

    message_id: UUID
    entry: IdempotencyKey
    created_at: datetime


class Tables:
    """The data, and how to undo what the present transaction did to it."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.positions: dict[UUID, int] = {}
        self.outbox: dict[int, Waiting] = {}
        self.due: dict[tuple[Lane, Queue], list[tuple[datetime, int]]] = {}
        self.suspects: set[int] = set()
        self.keys: dict[tuple[UUID, str], Key] = {}
        self.oldest_keys: list[tuple[datetime, tuple[UUID, str]]] = []
        self.references: dict[tuple[UUID, str], tuple[int, ...]] = {}
        self.log = LogTables()
        self.documents = DocumentTables()
        self._undo: list[Callable[[], object]] = []
        self._is_open = False

    def last_position(self) -> int:
        """Return the last position of a message, which may be gone by now."""
        return self.log.last.get("message", 0)

    def put(self, table: dict[K, V], key: K, value: V) -> None:
        """Set a value, and remember how it was."""
        if key in table:
            before = table[key]
            self._undo.append(lambda: table.__setitem__(key, before))
        else:
            self._undo.append(lambda: table.pop(key, None))
        table[key] = value

    def remove(self, table: dict[K, V], key: K) -> None:
        """Take a value out, and remember it."""
        before = table[key]
        # Remembered first: a signal handler may raise in between.
        self._undo.append(lambda: table.__setitem__(key, before))
        del table[key]

    def wait(self, position: int, waiting: Waiting) -> None:
        """Keep a delivery, and find it when it is due."""
        self.put(self.outbox, position, waiting)
        if waiting.delivery.crashes:
            self.suspects.add(position)
        self.queue(position)

    def queue(self, position: int) -> None:
        """Find a delivery when it is due."""
        delivery, row = self.outbox[position].delivery, self.rows[position]
        # Entries that no longer tell the truth are skipped when they come up.
        heap = self.due.setdefault((delivery.lane, (row.workspace, row.channel_id)), [])
        heapq.heappush(heap, (delivery.due_at, position))

    def replace(self, position: int, message: Message, *, keep_document: bool = False) -> None:
        """Keep what changed of a message, and find it as it is now."""
        row, stored = self.rows[position], store(message)
        if keep_document:
            stored = Stored(row.stored.document, stored.state)
        self.refer(row.workspace, position, message.references)
        changed = evolve(row, status=message.status, failure=message.failure, stored=stored)
        self.put(self.rows, position, changed)

    def refer(self, workspace: UUID, position: int, references: Iterable[str]) -> None:
        """Let a message be found by what the platform calls it."""
        for reference in references:
            positions = self.references.get((workspace, reference), ())
            if position not in positions:
                newest_first = tuple(sorted((*positions, position), reverse=True))
                self.put(self.references, (workspace, reference), newest_first)

    def keep_key(self, workspace: UUID, key: Key) -> None:
        """Keep an idempotency key, and find it when it is old."""
        place = (workspace, key.entry.key)
        self.put(self.keys, place, key)
        # Here too: an entry tells the truth, or is skipped when it comes up.
        heapq.heappush(self.oldest_keys, (key.created_at, place))

    def begin(self) -> None:
        """Begin a transaction; what an interrupted one has left is undone."""
        self.roll_back()
        self._undo.clear()  # a commit may have been interrupted before it did so
        self._is_open = True

    def commit(self) -> None:
        """Forget how to undo."""
        self._is_open = False
        self._undo.clear()

    def roll_back(self) -> None:
        """Undo everything since the last commit; where that was interrupted, it is done again."""
        if not self._is_open:
            return
        for undo in reversed(self._undo):
            undo()
        self.due.clear()
        for position in self.outbox:
            self.queue(position)
        self.oldest_keys = sorted((key.created_at, place) for place, key in self.keys.items())
        self._is_open = False
        self._undo.clear()


def message_of(row: Row) -> Message | None:
    """Return the message of a row; a damaged one is logged, so that the others go on."""
    return read_stored(Stored.load, row.stored, "message", row.id)
