"""What people must not get, and what they got, in PostgreSQL: one decision at a time on each."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_adapters.storage.postgres.locks import Locks
from messaging_adapters.storage.sql.rows.columns import storable
from messaging_adapters.storage.sql.stores.send_history import SqlSendHistory
from messaging_adapters.storage.sql.stores.suppressions import SqlSuppressions
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.wire.stored.suppression_key import place_of


class PostgresSuppressions(SqlSuppressions):
    """Keep suppressions through one cursor, inside one transaction."""

    def __init__(self, cursor: PostgresCursor, locks: Locks) -> None:
        super().__init__(cursor)  # type: ignore[arg-type] # in its manner
        self._locks = locks

    def add(self, workspace: UUID, suppressions: Sequence[Suppression]) -> None:
        self._lock(
            workspace,
            [
                Identifier(
                    identifier_key=suppression.identifier_key,
                    identifier_value=suppression.identifier_value,
                )
                for suppression in suppressions
            ],
        )
        super().add(workspace, suppressions)

    def lift(
        self,
        workspace: UUID,
        identifier: Identifier,
        *,
        scope: SuppressionScope,
        sender: str | None = None,
        causes: Collection[SuppressionCause] = (),
    ) -> int:
        self._lock(workspace, [identifier])
        return super().lift(workspace, identifier, scope=scope, sender=sender, causes=causes)

    def for_addresses(
        self, workspace: UUID, identifiers: Sequence[Identifier]
    ) -> Mapping[Identifier, Sequence[Suppression]]:
        self._lock(workspace, identifiers)
        return super().for_addresses(workspace, identifiers)

    def _lock(self, workspace: UUID, identifiers: Sequence[Identifier]) -> None:
        names = {_name_of(identifier) for identifier in identifiers}
        self._locks.addresses(workspace.bytes, names - {""})


def _name_of(identifier: Identifier) -> str:
    """Return what an address is locked by, or nothing where no column can hold it."""
    key, address, *_ = storable(place_of(identifier, SuppressionScope.MARKETING, None))
    return f"{key}:{address}" if key and address else ""


class PostgresSendHistory(SqlSendHistory):
    """Remember through one cursor, inside one transaction."""

    def __init__(self, cursor: PostgresCursor, locks: Locks) -> None:
        super().__init__(cursor)  # type: ignore[arg-type] # in its manner
        self._locks = locks

    def since(
        self, workspace: UUID, contact_id: str, *, platform: str, since: datetime
    ) -> list[tuple[datetime, UUID]]:
        # Who counts decides by the number: another that counts the same contact waits.
        self._locks.addresses(workspace.bytes, [f"contact:{contact_id}"])
        return super().since(workspace, contact_id, platform=platform, since=since)
