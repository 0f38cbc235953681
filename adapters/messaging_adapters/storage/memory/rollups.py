"""The events that roll-ups count, in the memory of this process."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol
from uuid import UUID

from messaging_adapters.storage.memory.log import LogTables, event_of
from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.decisions.status.rollups import countable
from messaging_core.document_stores import DocumentRollups
from messaging_core.models.delivery.rollups import CountableEvent, UncountedEvents
from messaging_core.ports.storage.documents import Documents
from messaging_core.wire.stored.search import Row

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tables(Undoable, Protocol):
    """What roll-ups are made of, and kept in."""

    rows: dict[int, Row]
    positions: dict[UUID, int]
    log: LogTables


class MemoryRollups(DocumentRollups):
    """Keep roll-ups inside one transaction."""

    def __init__(self, tables: Tables, documents: Documents) -> None:
        super().__init__(documents)
        self._tables = tables

    def uncounted(
        self, position: int, *, limit: int, known: Collection[bytes] = frozenset()
    ) -> UncountedEvents:
        log = self._tables.log
        following = range(position + 1, log.last.get("event", 0) + 1)
        new = list(islice((key for key in following if key in log.events), limit))
        read = (event_of(log.events[key], key) for key in new)
        events = [countable(event) for event in read if event]
        ids = [UUID(bytes=own) for own in {event.message_id for event in events}.difference(known)]
        positions = self._tables.positions
        return UncountedEvents(
            reached=new[-1] if new else position,
            events=events,
            earlier={
                message_id.bytes: list(self._earlier(message_id, position))
                for message_id in ids
                if log.event_positions[message_id][0] <= position
            },
            channels={
                message_id.bytes: self._tables.rows[positions[message_id]].channel_id
                for message_id in ids
                if message_id in positions
            },
        )

    def _earlier(self, message_id: UUID, until: int) -> Iterator[CountableEvent]:
        """Yield the events of a message; of those that differ in time only, the last."""
        alike: dict[tuple[object, ...], CountableEvent] = {}
        for position, event in self._tables.log.events_of(message_id):
            if position <= until:
                own = countable(event)
                alike[own._replace(position=0, at=_EPOCH)] = own
        yield from alike.values()
