"""Contacts in SQLite: a document each, and the identifiers that lead to them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from sqlite3 import Cursor
from uuid import UUID

import orjson

from messaging_adapters.storage.sqlite.values import storable
from messaging_core.models.contact import Contact, Identifier
from messaging_core.ports.storage import Contacts
from messaging_core.wire import load
from messaging_core.wire.stored import encode_contact

_FIND = (
    "SELECT contact_id FROM messaging_contact_identifiers"
    " WHERE workspace = ? AND key = ? AND value = ?"
)
_FIND_SEVERAL = (
    "SELECT key, value, contact_id FROM ("
    " SELECT value ->> 0 AS key_, value ->> 1 AS value_ FROM json_each(?)"
    ") CROSS JOIN messaging_contact_identifiers"
    " ON workspace = ? AND key = key_ AND value = value_"
)
_ADD = "INSERT INTO messaging_contacts VALUES (?, ?, ?)"
_ADD_IDENTIFIER = "INSERT INTO messaging_contact_identifiers VALUES (?, ?, ?, ?)"

Pair = tuple[str, str]
"""Key and value of an identifier."""


class SqliteContacts(Contacts):
    """Keep contacts through one cursor, inside one transaction."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def ensure(  # noqa: D102 - the port's
        self,
        workspace: UUID,
        identifiers: Sequence[Identifier],
        *,
        now: datetime,
        new_id: Callable[[], str],
    ) -> list[str]:
        wanted = dict.fromkeys((one.identifier_key, one.identifier_value) for one in identifiers)
        known = self._find(workspace.bytes, list(wanted))
        missing = [(pair, new_id()) for pair in wanted if pair not in known]
        if missing:
            self._add(workspace, missing, now)
            known |= dict(missing)
        return [known[one.identifier_key, one.identifier_value] for one in identifiers]

    def _find(self, workspace: bytes, pairs: Sequence[Pair]) -> dict[Pair, str]:
        if len(pairs) == 1:
            row = self._cursor.execute(_FIND, (workspace, *pairs[0])).fetchone()
            return {pairs[0]: row[0]} if row else {}
        rows = self._cursor.execute(_FIND_SEVERAL, (orjson.dumps(pairs).decode(), workspace))
        return {(key, value): contact_id for key, value, contact_id in rows}

    def _add(self, workspace: UUID, new: Sequence[tuple[Pair, str]], now: datetime) -> None:
        self._cursor.executemany(
            _ADD,
            [
                (workspace.bytes, contact_id, encode_contact(workspace, contact_id, pair, now))
                for pair, contact_id in new
            ],
        )
        self._cursor.executemany(
            _ADD_IDENTIFIER,
            [(workspace.bytes, key, value, contact_id) for (key, value), contact_id in new],
        )

    def get(self, workspace: UUID, contact_id: str) -> Contact | None:  # noqa: D102 - the port's
        row = self._cursor.execute(
            "SELECT document FROM messaging_contacts WHERE workspace = ? AND id = ?",
            (workspace.bytes, *storable([contact_id])),
        ).fetchone()
        return load(Contact, row[0]) if row else None
