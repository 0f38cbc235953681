"""The event log: events get their positions once they are committed, from a reader."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_adapters.storage.memory.concurrent.view import View
from messaging_adapters.storage.memory.documents import MemoryDocuments
from messaging_adapters.storage.memory.log import MemoryTimeline
from messaging_core.models.delivery.event import Event

READS_LOG: Final = frozenset(
    {
        *("timeline.after", "timeline.last_position", "timeline.subscribe"),
        *("timeline.lease_cursor", "rollups.uncounted"),
        *("retention.delete", "retention.redact"),
    }
)
"""The verbs before which events get their positions."""


class ConcurrentTimeline(MemoryTimeline):
    """Keep events inside one transaction, without positions at first."""

    def __init__(self, view: View) -> None:
        super().__init__(view.log, view, MemoryDocuments(view.documents, view))
        self._view = view

    def append(self, events: Sequence[Event]) -> None:
        for event in events:
            number = self._view.log.last.get("new event", 0) + 1
            self._view.put(self._view.log.last, "new event", number)
            self._view.put(self._view.new_events, number, event)

    def number(self) -> None:
        """Give positions to what this transaction sees; if its own is among it, others wait."""
        events = [self._view.new_events[key] for key in sorted(self._view.new_events)]
        if not events:
            return
        self._view.lock("head", None)
        for key in list(self._view.new_events):
            self._view.remove(self._view.new_events, key)
        super().append(events)

    def of_message(
        self, workspace: UUID, message_id: UUID, *, limit: int | None = None
    ) -> list[Event]:
        numbered = super().of_message(workspace, message_id)
        new = [
            evolve(event, position=0)
            for _, event in sorted(self._view.new_events.items())
            if (event.workspace, event.message_id) == (workspace, message_id)
        ]
        return [*numbered, *new][:limit]

    def is_behind(self, name: str) -> bool:
        cursor = self.cursor(name)
        last = self._view.log.events.last() or 0
        return cursor is not None and (bool(self._view.new_events) or cursor.position < last)
