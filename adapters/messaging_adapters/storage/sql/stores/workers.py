"""What workers say about themselves."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from messaging_adapters.storage.sql.rows.columns import to_micros
from messaging_adapters.storage.sql.rows.skip_corrupt import skip_corrupt
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.models.delivery.worker_state import WorkerState
from messaging_core.ports.storage.workers import WorkerStore
from messaging_core.wire import encode, load

_SAVE: Final = (
    "INSERT INTO messaging_workers VALUES (?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, document = excluded.document"
)
_FIND: Final = "SELECT id, document FROM messaging_workers ORDER BY seen_at DESC, id DESC LIMIT ?"
_DELETE: Final = "DELETE FROM messaging_workers WHERE id = ?"
_DELETE_SILENT: Final = "DELETE FROM messaging_workers WHERE seen_at < ?"


class SqlWorkers(SqlStore, WorkerStore):
    """Keep the states of workers through one cursor, inside one transaction."""

    def save(self, worker: WorkerState) -> None:
        row = (worker.id.bytes, to_micros(worker.seen_at), encode(worker))
        self._cursor.execute(_SAVE, row)

    def find(self, *, limit: int) -> list[WorkerState]:
        rows = self._cursor.execute(_FIND, (limit,)).fetchall()
        return list(skip_corrupt(rows, _state, "worker"))

    def delete(self, worker_id: UUID) -> None:
        self._cursor.execute(_DELETE, (worker_id.bytes,))

    def delete_silent(self, *, before: datetime) -> int:
        self._cursor.execute(_DELETE_SILENT, (to_micros(before),))
        return self._cursor.rowcount


def _state(row: tuple[Any, ...]) -> WorkerState:
    return load(WorkerState, row[1])
