"""What addresses must not get: a row for each cause."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from messaging_adapters.storage.sql.rows.columns import from_micros, storable, to_micros
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.page import Page
from messaging_core.models.people.directory import SuppressionQuery
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.ports.storage.directory import Suppressions
from messaging_core.wire import encode, load
from messaging_core.wire.stored.page_token import decode_keyset, encode_keyset
from messaging_core.wire.stored.suppression_key import SCAN, Key, key_of, matches, pair_of, place_of

HAS_ANY = "SELECT 1 FROM messaging_suppressions LIMIT 1"
_ADD = "INSERT OR IGNORE INTO messaging_suppressions VALUES (?, ?, ?, ?, ?, ?, ?)"
_FOR_ADDRESS = (
    "SELECT document FROM messaging_suppressions"
    " WHERE workspace = ? AND key = ? AND address = ? ORDER BY scope, sender, cause"
)
_LIFT = (
    "DELETE FROM messaging_suppressions"
    " WHERE workspace = ? AND key = ? AND address = ? AND scope = ? AND sender = ?"
)
_FIND = (
    "SELECT document FROM messaging_suppressions"
    " WHERE workspace = ? AND (key, address, scope, sender, cause) > (?, ?, ?, ?, ?)"
    " ORDER BY key, address, scope, sender, cause LIMIT ?"
)
_RECORD_OPT_IN = (
    "INSERT INTO messaging_opt_ins VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET at = max(at, excluded.at)"
)
_OPTED_IN_AT = (
    "SELECT at FROM messaging_opt_ins"
    " WHERE workspace = ? AND key = ? AND address = ? AND sender = ?"
)
_BEFORE_ALL: Key = ("", "", "", "", "")


class SqlSuppressions(SqlStore, Suppressions):
    """Keep suppressions through one cursor, inside one transaction."""

    def add(self, workspace: UUID, suppressions: Sequence[Suppression]) -> None:
        addresses = [
            Identifier(
                identifier_key=suppression.identifier_key,
                identifier_value=suppression.identifier_value,
            )
            for suppression in suppressions
        ]
        self._dialect.lock_addresses(workspace, addresses)
        rows = [
            (workspace.bytes, *key_of(suppression), encode(suppression).decode())
            for suppression in suppressions
        ]
        self._cursor.executemany(_ADD, rows)

    def has_any(self) -> bool:
        return self._cursor.execute(HAS_ANY).fetchone() is not None

    def lift(
        self,
        workspace: UUID,
        identifier: Identifier,
        *,
        scope: SuppressionScope,
        sender: str | None = None,
        causes: Collection[SuppressionCause] = (),
    ) -> int:
        self._dialect.lock_addresses(workspace, [identifier])
        where = (workspace.bytes, *storable(place_of(identifier, scope, sender)))
        if not causes:
            return self._cursor.execute(_LIFT, where).rowcount
        return sum(
            self._cursor.execute(f"{_LIFT} AND cause = ?", (*where, cause)).rowcount
            for cause in frozenset(causes)
        )

    def record_opt_in(
        self, workspace: UUID, identifier: Identifier, *, sender: str, at: datetime
    ) -> None:
        row = (workspace.bytes, *pair_of(identifier, sender), to_micros(at))
        self._cursor.execute(_RECORD_OPT_IN, row)

    def opted_in_at(
        self, workspace: UUID, identifier: Identifier, *, sender: str
    ) -> datetime | None:
        where = (workspace.bytes, *storable(pair_of(identifier, sender)))
        row = self._cursor.execute(_OPTED_IN_AT, where).fetchone()
        return from_micros(row[0]) if row else None

    def for_addresses(
        self, workspace: UUID, identifiers: Sequence[Identifier], *, stays: bool = True
    ) -> Mapping[Identifier, Sequence[Suppression]]:
        if stays:
            self._dialect.lock_addresses(workspace, identifiers)
        suppressions: dict[Identifier, list[Suppression]] = {}
        for identifier in dict.fromkeys(identifiers):
            key, address, *_ = place_of(identifier, SuppressionScope.MARKETING, None)
            where = (workspace.bytes, *storable([key, address]))
            rows = self._cursor.execute(_FOR_ADDRESS, where).fetchall()
            if rows:
                suppressions[identifier] = [load(Suppression, document) for (document,) in rows]
        return suppressions

    def find(self, query: SuppressionQuery) -> Page[Suppression]:
        after = decode_keyset(query, len(_BEFORE_ALL)) or _BEFORE_ALL
        rows = self._cursor.execute(_FIND, (query.workspace.bytes, *after, SCAN + 1)).fetchall()
        looked_at: list[Suppression] = []
        results: list[Suppression] = []
        for (document,) in rows[:SCAN]:
            looked_at.append(load(Suppression, document))
            if matches(query, looked_at[-1]):
                results.append(looked_at[-1])
            if len(results) == query.limit:
                break
        more = len(rows) > len(looked_at)
        token = encode_keyset(query, key_of(looked_at[-1])) if more else None
        return Page(results=results, next_page_token=token)
