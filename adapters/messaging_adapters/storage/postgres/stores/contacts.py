"""Contacts in PostgreSQL: of two callers that make one, the second waits and finds it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging_adapters.storage.postgres.dialect import PostgresDialect
from messaging_adapters.storage.postgres.translation import translated
from messaging_adapters.storage.sql.rows.columns import storable
from messaging_adapters.storage.sql.stores.contacts import (
    _FIND,
    GET,
    Pair,
    SqlContacts,
    load_contact,
)
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.people.contact import Contact
from messaging_core.wire.stored.message import encode_contact

_GET: Final = translated(GET).text
_FIND_SEVERAL: Final = (
    "SELECT i.key, i.value, i.contact_id FROM unnest($2::text[], $3::text[]) AS w(key, value)"
    " JOIN messaging_contact_identifiers i"
    " ON i.workspace = $1 AND i.key = w.key AND i.value = w.value"
)
# The identifier is written first: the contact is made by the caller whose row it is.
_RESERVE: Final = (
    "INSERT INTO messaging_contact_identifiers (workspace, key, value, contact_id)"
    " SELECT $1, w.key, w.value, w.contact_id"
    " FROM unnest($2::text[], $3::text[], $4::text[]) AS w(key, value, contact_id)"
    " ORDER BY w.key, w.value ON CONFLICT DO NOTHING RETURNING key, value"
)
_ADD: Final = (
    "INSERT INTO messaging_contacts (workspace, id, document)"
    " SELECT $1, w.id, w.document FROM unnest($2::text[], $3::bytea[]) AS w(id, document)"
)


class PostgresContacts(SqlContacts):
    """Keep contacts through one cursor, inside one transaction."""

    def __init__(self, dialect: PostgresDialect) -> None:
        super().__init__(dialect)
        self._native = dialect.native

    def get(self, workspace: UUID, contact_id: str, *, stays: bool = True) -> Contact | None:
        if stays:
            return super().get(workspace, contact_id)
        where = (workspace.bytes, *storable([contact_id]))
        row = self._native(_GET, where).fetchone()
        return load_contact(row) if row else None

    def ensure(
        self,
        workspace: UUID,
        identifiers: Sequence[Identifier],
        *,
        now: datetime,
        new_id: Callable[[], str],
    ) -> list[str]:
        self._lost = {}
        made = super().ensure(workspace, identifiers, now=now, new_id=new_id)
        lost = self._lost
        if not lost:
            return made
        theirs = self._find(workspace.bytes, list(lost.values()))
        return [theirs[lost[made_id]] if made_id in lost else made_id for made_id in made]

    def _find(self, workspace: bytes, pairs: Sequence[Pair]) -> dict[Pair, str]:
        if len(pairs) == 1:
            row = self._cursor.execute(_FIND, (workspace, *pairs[0])).fetchone()
            return {pairs[0]: row[0]} if row else {}
        columns = ([key for key, _ in pairs], [value for _, value in pairs])
        rows = self._native(_FIND_SEVERAL, (workspace, *columns)).fetchall()
        return {(key, value): contact_id for key, value, contact_id in rows}

    _lost: dict[str, Pair] = {}  # noqa: RUF012 - replaced, never changed
    """The pair of each contact that another transaction made meanwhile, by the id we gave it."""

    def _add(
        self, workspace: UUID, new: Sequence[tuple[Identifier, Pair, str]], now: datetime
    ) -> None:
        keys, values = [pair[0] for _, pair, _ in new], [pair[1] for _, pair, _ in new]
        ids = [contact_id for *_, contact_id in new]
        rows = self._native(_RESERVE, (workspace.bytes, keys, values, ids)).fetchall()
        ours = set(map(tuple, rows))
        self._lost = {contact_id: pair for _, pair, contact_id in new if pair not in ours}
        made = [
            (contact_id, encode_contact(workspace, contact_id, _spelt(identifier), now))
            for identifier, pair, contact_id in new
            if pair in ours
        ]
        if made:
            columns = list(map(list, zip(*made, strict=True)))
            self._native(_ADD, (workspace.bytes, *columns))


def _spelt(identifier: Identifier) -> Pair:
    return identifier.identifier_key, identifier.identifier_value
