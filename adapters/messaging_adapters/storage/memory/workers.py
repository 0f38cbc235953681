"""What workers say about themselves, in the memory of this process."""

from datetime import datetime
from uuid import UUID

from attrs import field

from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.lazy import frozen
from messaging_core.models.delivery.worker_state import WorkerState
from messaging_core.ports.storage.workers import WorkerStore
from messaging_core.wire import encode, load


@frozen
class WorkerTables:
    """The data: states as bytes by id, with when each was seen."""

    states: dict[UUID, tuple[datetime, bytes]] = field(factory=dict)


class MemoryWorkers(WorkerStore):
    """Keep the states of workers inside one transaction."""

    def __init__(self, tables: WorkerTables, undo: Undoable) -> None:
        self._states = tables.states
        self._undo = undo

    def save(self, worker: WorkerState) -> None:
        self._undo.put(self._states, worker.id, (worker.seen_at, encode(worker)))

    def find(self, *, limit: int) -> list[WorkerState]:
        keys = sorted(self._states, key=lambda key: (self._states[key][0], key), reverse=True)
        return [load(WorkerState, self._states[key][1]) for key in keys[:limit]]

    def delete(self, worker_id: UUID) -> None:
        if worker_id in self._states:
            self._undo.remove(self._states, worker_id)

    def delete_silent(self, *, before: datetime) -> int:
        silent = [key for key, (seen_at, _) in self._states.items() if seen_at < before]
        for key in silent:
            self._undo.remove(self._states, key)
        return len(silent)
