"""The audit log, and the records of pages that expire."""

from datetime import datetime
from itertools import takewhile
from uuid import UUID

from messaging_adapters.storage.sql.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.document_stores.audit import entry_of, is_older
from messaging_core.models.common.audit import AuditEntry
from messaging_core.models.common.expiring_record import ExpiringRecord, RecordKind
from messaging_core.ports.storage.audit import AuditLog, ExpiringRecords
from messaging_core.wire import encode

_APPEND = "INSERT INTO messaging_audit (workspace, id, message_id, document) VALUES (?, ?, ?, ?)"
_HIGHEST = b"\xff" * 17  # beyond every id
_FIND = "SELECT id, document FROM messaging_audit WHERE workspace = ? AND id < ?"
_OF_MESSAGE = f"{_FIND} AND message_id = ?"
_ORDER = " ORDER BY id DESC LIMIT ?"
_FIRST = "SELECT id, document FROM messaging_audit WHERE workspace = ? ORDER BY id LIMIT ?"
_DELETE_ENTRY = "DELETE FROM messaging_audit WHERE workspace = ? AND id = ?"
_PUT = "INSERT OR REPLACE INTO messaging_expiring_records VALUES (?, ?, ?, ?)"
_GET = (
    "SELECT value, expires_at FROM messaging_expiring_records"
    " WHERE kind = ? AND key = ? AND expires_at > ?"
)
_DELETE = "DELETE FROM messaging_expiring_records WHERE kind = ? AND key = ?"
_DELETE_EXPIRED = "DELETE FROM messaging_expiring_records WHERE expires_at <= ?"
_DELETE_BEYOND = (
    "DELETE FROM messaging_expiring_records WHERE kind = ?1 AND key IN ("
    "SELECT key FROM messaging_expiring_records WHERE kind = ?1 AND key <> ?2"
    " ORDER BY expires_at DESC, key DESC LIMIT -1 OFFSET ?3)"
)


class SqlAuditLog(SqlStore, AuditLog):
    """Keep the audit log through one cursor, inside one transaction."""

    def append(self, entry: AuditEntry) -> None:
        message_id = None if entry.message_id is None else entry.message_id.bytes
        row = (entry.workspace_id.bytes, entry.id.bytes, message_id, encode(entry))
        self._cursor.execute(_APPEND, row)

    def find(
        self,
        workspace: UUID,
        *,
        limit: int,
        message_id: UUID | None = None,
        before: UUID | None = None,
    ) -> list[AuditEntry]:
        entries: list[AuditEntry] = []
        last = _HIGHEST if before is None else before.bytes
        while left := limit - len(entries):
            rows = self._page(workspace, message_id, last, left)
            entries += [entry for row in rows if (entry := entry_of(UUID(bytes=row[0]), row[1]))]
            if len(rows) < left:
                break
            last = rows[-1][0]
        return entries

    def _page(
        self, workspace: UUID, message_id: UUID | None, before: bytes, limit: int
    ) -> list[tuple[bytes, bytes]]:
        where = (workspace.bytes, before)
        if message_id is None:
            return self._cursor.execute(_FIND + _ORDER, (*where, limit)).fetchall()
        of_message = (*where, message_id.bytes, limit)
        return self._cursor.execute(_OF_MESSAGE + _ORDER, of_message).fetchall()

    def delete(self, workspace: UUID, *, before: datetime, limit: int) -> int:
        rows = self._cursor.execute(_FIRST, (workspace.bytes, limit)).fetchall()
        old = [
            (workspace.bytes, entry_id)
            for entry_id, _ in takewhile(
                lambda row: is_older(UUID(bytes=row[0]), row[1], before), rows
            )
        ]
        self._cursor.executemany(_DELETE_ENTRY, old)
        return len(old)


class SqlExpiringRecords(SqlStore, ExpiringRecords):
    """Keep records through one cursor, inside one transaction."""

    def put(self, record: ExpiringRecord, *, now: datetime, most: int) -> None:
        kind = _kind(record.kind, record.workspace)
        self._cursor.execute(_DELETE_EXPIRED, (to_micros(now),))
        self._cursor.execute(_DELETE_BEYOND, (kind, record.key, most - 1))
        row = (kind, record.key, to_micros(record.expires_at), record.value)
        self._cursor.execute(_PUT, row)

    def get(
        self, kind: RecordKind, key: str, *, now: datetime, workspace: UUID | None = None
    ) -> ExpiringRecord | None:
        where = (_kind(kind, workspace), key, to_micros(now))
        row = self._cursor.execute(_GET, where).fetchone()
        if row is None:
            return None
        value, expires_at = row
        return ExpiringRecord(
            kind=kind,
            key=key,
            value=value,
            expires_at=from_micros(expires_at),
            workspace=workspace,
        )

    def delete(self, kind: RecordKind, key: str, *, workspace: UUID | None = None) -> None:
        self._cursor.execute(_DELETE, (_kind(kind, workspace), key))


def _kind(kind: RecordKind, workspace: UUID | None) -> str:
    """Return what records are counted together by."""
    return str(kind) if workspace is None else f"{kind}.{workspace}"
