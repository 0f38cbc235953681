"""What providers report, in PostgreSQL."""

from typing import Final

from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_adapters.storage.sqlite.rows.columns import to_micros
from messaging_adapters.storage.sqlite.stores.receipts import _NAMES, SqliteReceipts
from messaging_core.models.delivery.receipt import KeptReceipt, Receipt
from messaging_core.wire import encode_stored

_KEEP: Final = (
    "INSERT INTO messaging_receipts"
    " (workspace, source, key, kind, state, received_at, reference, document)"
    " VALUES ($1, $2, $3, $4, 'kept', $5, $6, $7) ON CONFLICT DO NOTHING RETURNING position"
)


class PostgresReceipts(SqliteReceipts):
    """Keep receipts through one cursor, inside one transaction."""

    def __init__(self, cursor: PostgresCursor) -> None:
        super().__init__(cursor)  # type: ignore[arg-type] # in its manner
        self._native = cursor.native

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
