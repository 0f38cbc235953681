"""Events in the memory of this process."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from uuid import UUID

from attrs import evolve, field

from messaging_adapters.storage.memory.sorted_table import SortedTable
from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.document_stores import DocumentTimeline
from messaging_core.lazy import frozen
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.ports.storage.documents import Documents
from messaging_core.wire import encode_stored, load
from messaging_core.wire.stored.damage import read_stored


@frozen
class LogTables:
    """The data."""

    events: SortedTable[int, bytes] = field(factory=SortedTable)
    event_positions: dict[UUID, tuple[int, ...]] = field(factory=dict)  # by message
    damaged: dict[int, bytes] = field(factory=dict)  # events
    last: dict[str, int] = field(factory=dict)  # positions, also of what is gone by now

    def events_of(self, message_id: UUID) -> Iterator[tuple[int, Event]]:
        """Yield the events of a message in order, each with its position."""
        for position in self.event_positions.get(message_id, ()):
            document = self.events.get(position)  # a damaged one was taken out
            event = None if document is None else event_of(document, position)
            if event is not None:
                yield position, event


def event_of(document: bytes, position: int) -> Event | None:
    """Return a stored event, or nothing if it cannot be read."""
    return read_stored(partial(load, Event), document, "event", position)


class MemoryTimeline(DocumentTimeline):
    """Keep events inside one transaction."""

    def __init__(self, tables: LogTables, undo: Undoable, documents: Documents) -> None:
        super().__init__(documents)
        self._tables = tables
        self._undo = undo

    def append(self, events: Sequence[Event]) -> None:
        position = self.last_position()
        for event in events:
            position += 1
            self._undo.put(
                self._tables.events, position, encode_stored(evolve(event, position=position))
            )
            its = self._tables.event_positions
            self._undo.put(its, event.message_id, (*its.get(event.message_id, ()), position))
        self._undo.put(self._tables.last, "event", position)

    def attempts(self, workspace: UUID, message_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        return Counter(
            event.message_id
            for message_id in frozenset(message_ids)
            for event in self.of_message(workspace, message_id)
            if event.kind is EventKind.ATTEMPTED
        )

    def last_position(self) -> int:
        return self._tables.last.get("event", 0)

    def of_message(
        self, workspace: UUID, message_id: UUID, *, limit: int | None = None
    ) -> list[Event]:
        events = (event for _, event in self._tables.events_of(message_id))
        return list(islice((event for event in events if event.workspace == workspace), limit))

    def after(self, position: int, *, limit: int) -> list[Event]:
        read: list[Event] = []
        for key in self._tables.events.after(position):
            document = self._tables.events[key]
            if event := event_of(document, key):
                read.append(event)
            else:
                self._undo.put(self._tables.damaged, key, document)
                self._undo.remove(self._tables.events, key)
            if len(read) == limit:
                break
        return read

    def damaged(self, *, limit: int) -> list[int]:
        return sorted(self._tables.damaged)[:limit]

    def is_behind(self, name: str) -> bool:
        cursor = self.cursor(name)
        return cursor is not None and cursor.position < (self._tables.events.last() or 0)
