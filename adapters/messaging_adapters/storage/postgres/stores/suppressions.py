"""What addresses must not get, in PostgreSQL: many of them are looked up by one statement."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from messaging_adapters.storage.postgres.arrays import Texts
from messaging_adapters.storage.postgres.dialect import PostgresDialect
from messaging_adapters.storage.sql.rows.columns import storable
from messaging_adapters.storage.sql.stores.suppressions import SqlSuppressions
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.people.suppression import Suppression, SuppressionScope
from messaging_core.wire import load
from messaging_core.wire.stored.suppression_key import place_of

_FOR_ADDRESSES: Final = (
    "SELECT s.key, s.address, s.document FROM unnest($2::text[], $3::text[]) AS a(key, address)"
    " JOIN messaging_suppressions s ON s.workspace = $1 AND s.key = a.key"
    " AND s.address = a.address ORDER BY s.key, s.address, s.scope, s.sender, s.cause"
)


class PostgresSuppressions(SqlSuppressions):
    """Keep suppressions through one cursor, inside one transaction."""

    def __init__(self, dialect: PostgresDialect) -> None:
        super().__init__(dialect)
        self._native = dialect.native

    def for_addresses(
        self, workspace: UUID, identifiers: Sequence[Identifier], *, stays: bool = True
    ) -> Mapping[Identifier, Sequence[Suppression]]:
        if stays:
            self._dialect.lock_addresses(workspace, identifiers)
        places = {
            identifier: tuple(storable(place_of(identifier, SuppressionScope.MARKETING, None)[:2]))
            for identifier in identifiers
        }
        searched = sorted({place for place in places.values() if None not in place})
        if not searched:
            return {}
        columns = map(Texts, zip(*searched, strict=True))
        rows = self._native(_FOR_ADDRESSES, (workspace.bytes, *columns)).fetchall()
        documents: dict[tuple[str, ...], list[str]] = {}
        for key, address, document in rows:
            documents.setdefault((key, address), []).append(document)
        return {
            identifier: [load(Suppression, document) for document in documents[place]]
            for identifier, place in places.items()
            if place in documents
        }
