"""What providers report, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_adapters.storage.postgres.locks import Locks
from messaging_adapters.storage.sql.rows.columns import to_micros
from messaging_adapters.storage.sql.stores.receipts import _NAMES, SqlReceipts
from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.delivery.receipt import KeptReceipt, Receipt
from messaging_core.wire import encode_stored

_KEEP: Final = (
    "INSERT INTO messaging_receipts"
    " (workspace, source, key, kind, state, received_at, reference, document)"
    " VALUES ($1, $2, $3, $4, 'kept', $5, $6, $7) ON CONFLICT DO NOTHING RETURNING position"
)


class PostgresReceipts(SqlReceipts):
    """Keep receipts through one cursor, inside one transaction."""

    def __init__(self, cursor: PostgresCursor, locks: Locks) -> None:
        super().__init__(cursor)  # type: ignore[arg-type] # in its manner
        self._native = cursor.native
        self._locks = locks

    def evidence(self, workspace: UUID, message_ids: Sequence[UUID]) -> Mapping[UUID, Evidence]:
        # Who reads it adds to it: another that adds to it waits.
        self._locks.messages(workspace.bytes, [message_id.bytes for message_id in message_ids])
        return super().evidence(workspace, message_ids)

    def _keep(self, entry: KeptReceipt, receipt: Receipt) -> int | None:
        row = (
            entry.workspace.bytes,
            receipt.source,
            entry.key,
            _NAMES[type(receipt)],
            to_micros(entry.received_at),
            receipt.reference,
            encode_stored(receipt).decode(),
        )
        added = self._native(_KEEP, row).fetchone()
        return added[0] if added else None
