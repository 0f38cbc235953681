"""What workers say about themselves, as documents."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from messaging_core.document_stores.store import GLOBAL, DocumentStore
from messaging_core.models.delivery.worker_state import WorkerState
from messaging_core.ports.storage.documents import Document
from messaging_core.ports.storage.workers import WorkerStore
from messaging_core.wire import encode, load
from messaging_core.wire.stored.damage import read_stored

_KIND: Final = "worker"
_read: Final = partial(load, WorkerState)


class DocumentWorkers(DocumentStore, WorkerStore):
    """Keep the states of workers as documents; there are few, so all are read."""

    def save(self, worker: WorkerState) -> None:
        self._documents.put(_KIND, GLOBAL, Document(str(worker.id), encode(worker)))

    def find(self, *, limit: int) -> list[WorkerState]:
        states = sorted(self._states(), key=lambda state: (state.seen_at, state.id), reverse=True)
        return states[:limit]

    def _states(self) -> Iterator[WorkerState]:
        for document in self._all(_KIND):
            state = read_stored(_read, document.body, "worker", document.id)
            if state is not None:
                yield state

    def delete(self, worker_id: UUID) -> None:
        self._documents.delete(_KIND, GLOBAL, str(worker_id))

    def delete_silent(self, *, before: datetime) -> int:
        silent = [state.id for state in self._states() if state.seen_at < before]
        for worker_id in silent:
            self.delete(worker_id)
        return len(silent)
