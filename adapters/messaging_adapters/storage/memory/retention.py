"""Taking out what is old, in the memory of this process."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from attrs import evolve

from messaging_adapters.storage.memory.log import LogTables
from messaging_adapters.storage.memory.tables import message_of
from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.decisions.delivery.settlement import DAMAGED
from messaging_core.decisions.status.redaction import redacted, redacted_event
from messaging_core.document_stores import DocumentRetention
from messaging_core.models.common.failure import Failure
from messaging_core.models.messages.message import Message
from messaging_core.ports.storage.documents import Documents
from messaging_core.rules.policy.lifecycle import is_under_way
from messaging_core.wire import encode
from messaging_core.wire.stored.message import Stored, store
from messaging_core.wire.stored.search import Row

_NOTHING = Stored(b"{}", "{}")

Place = tuple[UUID, UUID]
"""Workspace and id of a message."""


class Tables(Undoable, Protocol):
    """What retention looks at and changes."""

    rows: dict[int, Row]
    positions: dict[UUID, int]
    references: dict[tuple[UUID, str], tuple[int, ...]]
    log: LogTables

    @property
    def outbox(self) -> Mapping[int, Any]:
        """What waits."""


class MemoryRetention(DocumentRetention):
    """Take out what is old inside one transaction."""

    def __init__(self, tables: Tables, documents: Documents) -> None:
        super().__init__(documents)
        self._tables = tables
        self._log = tables.log

    def find_expired(
        self,
        *,
        before: datetime,
        limit: int,
        workspace: UUID | None = None,
        with_redacted: bool = False,
    ) -> list[Place]:
        places = [
            (row.workspace, row.id)
            for position, row in self._tables.rows.items()
            if row.created_at < before
            and workspace in {None, row.workspace}
            and (with_redacted or not row.redacted)
            and self._is_finished(position)
        ]
        return places[:limit]

    def _is_finished(self, position: int) -> bool:
        return position not in self._tables.outbox and not is_under_way(
            self._tables.rows[position].status
        )

    def _finished(self, messages: Sequence[Place]) -> Iterator[int]:
        """Yield the position of each message that may be taken out."""
        for workspace, message_id in dict.fromkeys(messages):
            position = self._tables.positions.get(message_id)
            if position is None or self._tables.rows[position].workspace != workspace:
                continue
            if self._is_finished(position):
                yield position

    def delete(self, messages: Sequence[Place]) -> int:
        erased = list(self._finished(messages))
        places = {(row.workspace, row.id) for row in map(self._tables.rows.__getitem__, erased)}
        for position in erased:
            self._tables.remove(self._tables.positions, self._tables.rows[position].id)
            self._tables.remove(self._tables.rows, position)
        self._forget_references(frozenset(erased))
        for _, message_id in places:
            for position in self._log.event_positions.get(message_id, ()):
                if position in self._log.events:
                    self._tables.remove(self._log.events, position)
            if message_id in self._log.event_positions:
                self._tables.remove(self._log.event_positions, message_id)
        self.forget(places)
        return len(erased)

    def _forget_references(self, positions: frozenset[int]) -> None:
        table = self._tables.references
        for key, listed in list(table.items()):
            left = tuple(position for position in listed if position not in positions)
            if not left:
                self._tables.remove(table, key)
            elif left != listed:
                self._tables.put(table, key, left)

    def redact(self, messages: Sequence[Place]) -> list[tuple[UUID, Message]]:
        rows, left, places = self._tables.rows, [], set()
        for position in self._finished(messages):
            row = rows[position]
            if row.redacted:
                continue
            stored = message_of(row)
            places.add((row.workspace, row.id))
            if stored is None:
                self._tables.put(rows, position, _unlisted(row, DAMAGED, _NOTHING))
            else:
                message = redacted(stored)
                its = _unlisted(row, message.failure, store(message))
                self._tables.put(rows, position, its)
                left.append((row.workspace, message))
        for _, message_id in places:
            for position, event in self._log.events_of(message_id):
                self._tables.put(self._log.events, position, encode(redacted_event(event)))
        self.redact_documents(places)
        return left


def _unlisted(row: Row, failure: Failure | None, stored: Stored) -> Row:
    """Return a message as it is found from now on: by nothing that it does not show."""
    return evolve(
        row,
        redacted=True,
        reference=None,
        tags=(),
        facets=evolve(row.facets, own_address=None, people=(), subject=None),
        failure=failure,
        stored=stored,
    )
