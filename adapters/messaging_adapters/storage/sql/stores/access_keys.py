"""Access keys: one row each."""

from datetime import datetime
from uuid import UUID

from attrs import evolve

from messaging_adapters.storage.sql.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.models.common.access_key import AccessKey
from messaging_core.ports.storage.access_keys import AccessKeyStore
from messaging_core.wire import encode, load

_ADD = (
    "INSERT INTO messaging_access_keys (id, workspace, digest, used_at, document)"
    " VALUES (?, ?, ?, ?, ?)"
)
_FIND = "SELECT document, used_at, digest FROM messaging_access_keys WHERE id = ?"
_ALL = "SELECT document, used_at FROM messaging_access_keys"
_OF_WORKSPACE = f"{_ALL} WHERE workspace = ?"
_MARK_USED = "UPDATE messaging_access_keys SET used_at = ? WHERE id = ? AND workspace = ?"
_DELETE = "DELETE FROM messaging_access_keys WHERE id = ? AND workspace = ?"


class SqlAccessKeys(SqlStore, AccessKeyStore):
    """Keep access keys through one cursor, inside one transaction."""

    def add(self, key: AccessKey, *, digest: str) -> None:
        used_at = None if key.used_at is None else to_micros(key.used_at)
        row = (key.id.bytes, key.workspace_id.bytes, digest, used_at, encode(key))
        self._cursor.execute(_ADD, row)

    def find(self, key_id: UUID) -> tuple[AccessKey, str] | None:
        row = self._cursor.execute(_FIND, (key_id.bytes,)).fetchone()
        return (_key_of(*row[:2]), row[2]) if row else None

    def of_workspace(self, workspace: UUID | None) -> list[AccessKey]:
        if workspace is None:
            rows = self._cursor.execute(_ALL)
        else:
            rows = self._cursor.execute(_OF_WORKSPACE, (workspace.bytes,))
        keys = [_key_of(*row) for row in rows]
        return sorted(keys, key=lambda key: (key.created_at, key.id))

    def mark_used(self, workspace: UUID, key_id: UUID, *, at: datetime) -> None:
        self._cursor.execute(_MARK_USED, (to_micros(at), key_id.bytes, workspace.bytes))

    def delete(self, workspace: UUID, key_id: UUID) -> bool:
        self._cursor.execute(_DELETE, (key_id.bytes, workspace.bytes))
        return bool(self._cursor.rowcount)


def _key_of(document: bytes, used_at: int | None) -> AccessKey:
    key = load(AccessKey, document)
    return evolve(key, used_at=None if used_at is None else from_micros(used_at))
