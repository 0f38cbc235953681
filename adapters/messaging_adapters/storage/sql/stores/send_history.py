"""When contacts were written to."""

from datetime import datetime
from uuid import UUID

from messaging_adapters.storage.sql.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.ports.storage.send_history import SendHistory

_RECORD = "INSERT OR REPLACE INTO messaging_sendings VALUES (?, ?, ?, ?, ?)"
_DELETE_OLD = (
    "DELETE FROM messaging_sendings"
    " WHERE workspace = ? AND contact_id = ? AND platform = ? AND at < ?"
)
_REMOVE = "DELETE FROM messaging_sendings WHERE message_id = ? AND workspace = ?"
_MOVE = "UPDATE messaging_sendings SET at = ? WHERE message_id = ? AND workspace = ?"
_REMOVE_ONE = f"{_REMOVE} AND contact_id = ?"
_SINCE = (
    "SELECT at, message_id FROM messaging_sendings"
    " WHERE workspace = ? AND contact_id = ? AND platform = ? AND at >= ? ORDER BY at, message_id"
)


class SqlSendHistory(SqlStore, SendHistory):
    """Remember through one cursor, inside one transaction."""

    def record(  # noqa: PLR0913 - the port's
        self,
        workspace: UUID,
        contact_id: str,
        *,
        platform: str,
        message_id: UUID,
        at: datetime,
        forget_before: datetime,
    ) -> None:
        whom = (workspace.bytes, contact_id, platform)
        self._cursor.execute(_DELETE_OLD, (*whom, to_micros(forget_before)))
        self._cursor.execute(_REMOVE_ONE, (message_id.bytes, workspace.bytes, contact_id))
        self._cursor.execute(_RECORD, (*whom, to_micros(at), message_id.bytes))

    def since(
        self, workspace: UUID, contact_id: str, *, platform: str, since: datetime
    ) -> list[tuple[datetime, UUID]]:
        # Who counts decides by the number: another that counts the same contact waits.
        self._dialect.lock_contact(workspace, contact_id)
        where = (workspace.bytes, contact_id, platform, to_micros(since))
        return [
            (from_micros(at), UUID(bytes=message_id))
            for at, message_id in self._cursor.execute(_SINCE, where)
        ]

    def move(self, workspace: UUID, message_id: UUID, at: datetime) -> None:
        self._cursor.execute(_MOVE, (to_micros(at), message_id.bytes, workspace.bytes))

    def remove(self, workspace: UUID, message_id: UUID) -> None:
        self._cursor.execute(_REMOVE, (message_id.bytes, workspace.bytes))
