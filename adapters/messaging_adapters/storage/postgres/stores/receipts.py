"""Evidence in PostgreSQL, read for many messages with one statement."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from messaging_adapters.storage.postgres.arrays import Blobs
from messaging_adapters.storage.postgres.dialect import PostgresDialect
from messaging_adapters.storage.sql.rows.skip_corrupt import skip_corrupt
from messaging_adapters.storage.sql.stores.receipts import SqlReceipts, evidence_of
from messaging_core.models.delivery.evidence import Evidence

EVIDENCE: Final = (
    "SELECT message_id, document FROM messaging_evidence"
    " WHERE workspace = $1 AND message_id = ANY($2::bytea[])"
)


def evidence_values(workspace: UUID, message_ids: Sequence[UUID]) -> tuple[bytes, Blobs]:
    """Return the values of `EVIDENCE`."""
    return workspace.bytes, Blobs([message_id.bytes for message_id in message_ids])


class PostgresReceipts(SqlReceipts):
    """Keep receipts through one cursor, inside one transaction."""

    def __init__(self, dialect: PostgresDialect) -> None:
        super().__init__(dialect)
        self._native = dialect.native

    def evidence(self, workspace: UUID, message_ids: Sequence[UUID]) -> Mapping[UUID, Evidence]:
        self._dialect.lock_messages(workspace, message_ids)
        rows = self._native(EVIDENCE, evidence_values(workspace, message_ids)).fetchall()
        return dict(skip_corrupt(rows, evidence_of, "evidence of message"))
