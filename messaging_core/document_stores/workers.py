"""What workers say about themselves, as documents."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging_core.document_stores.store import GLOBAL, DocumentStore
from messaging_core.lazy import logger
from messaging_core.models.delivery.worker_state import WorkerState
from messaging_core.ports.storage.documents import Document
from messaging_core.ports.storage.workers import WorkerStore
from messaging_core.wire import encode, load

_log = logger(__name__)

_KIND: Final = "worker"


class DocumentWorkers(DocumentStore, WorkerStore):
    """Keep the states of workers as documents; there are few, so all are read."""

    def save(self, worker: WorkerState) -> None:
        self._documents.put(_KIND, GLOBAL, Document(str(worker.id), encode(worker)))

    def find(self, *, limit: int) -> list[WorkerState]:
        states = sorted(self._states(), key=lambda state: (state.seen_at, state.id), reverse=True)
        return states[:limit]

    def _states(self) -> Iterator[WorkerState]:
        for document in self._all(_KIND):
            try:
                yield load(WorkerState, document.body)
            except Exception as error:  # noqa: BLE001 - whatever its bytes are, the others go on
                _log.error("a worker cannot be read: %s", type(error).__name__)

    def delete(self, worker_id: UUID) -> None:
        self._documents.delete(_KIND, GLOBAL, str(worker_id))

    def delete_silent(self, *, before: datetime) -> int:
        silent = [state.id for state in self._states() if state.seen_at < before]
        for worker_id in silent:
            self.delete(worker_id)
        return len(silent)
