"""Contact lists in PostgreSQL."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from messaging_adapters.storage.postgres.dialect import PostgresDialect
from messaging_adapters.storage.sql.stores.lists import SqlContactLists

# Transactions that add members go on at the same time; one that deletes the list waits.
_LOCK: Final = (
    "SELECT 1 FROM messaging_contact_lists WHERE workspace = $1 AND id = $2 FOR KEY SHARE"
)


class PostgresContactLists(SqlContactLists):
    """Keep lists through one cursor, inside one transaction."""

    def __init__(self, dialect: PostgresDialect) -> None:
        super().__init__(dialect)
        self._native = dialect.native

    def add_members(self, workspace: UUID, list_id: UUID, contact_ids: Sequence[str]) -> int:
        self._native(_LOCK, (workspace.bytes, list_id.bytes))
        return super().add_members(workspace, list_id, contact_ids)
