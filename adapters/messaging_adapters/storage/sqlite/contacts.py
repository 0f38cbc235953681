"""Contacts in SQLite: a document each, and the identifiers that lead to them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from sqlite3 import Cursor
from uuid import UUID

import orjson

from messaging_adapters.storage.sqlite.values import storable
from messaging_core.models.contact import Contact, ContactIdentifier, Identifier
from messaging_core.ports.storage import Contacts
from messaging_core.wire import dump, load

_FIND = (
    "SELECT contact_id FROM messaging_contact_identifiers"
    " WHERE workspace = ? AND key = ? AND value = ?"
)
_ADD = "INSERT INTO messaging_contacts VALUES (?, ?, ?)"
_ADD_IDENTIFIER = "INSERT INTO messaging_contact_identifiers VALUES (?, ?, ?, ?)"


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
        known = {one: self._find(workspace, one) for one in dict.fromkeys(identifiers)}
        missing = [one for one, contact_id in known.items() if contact_id is None]
        contacts = [
            Contact(
                id=new_id(),
                workspace_id=workspace,
                created_at=now,
                updated_at=now,
                featured_identifiers=(
                    ContactIdentifier(key=one.identifier_key, value=one.identifier_value),
                ),
            )
            for one in missing
        ]
        self._add(contacts)
        known.update(zip(missing, (contact.id for contact in contacts), strict=True))
        return [str(known[one]) for one in identifiers]

    def _find(self, workspace: UUID, identifier: Identifier) -> str | None:
        row = self._cursor.execute(
            _FIND, (workspace.bytes, identifier.identifier_key, identifier.identifier_value)
        ).fetchone()
        return row[0] if row else None

    def _add(self, contacts: Sequence[Contact]) -> None:
        self._cursor.executemany(
            _ADD, [(one.workspace_id.bytes, one.id, orjson.dumps(dump(one))) for one in contacts]
        )
        self._cursor.executemany(
            _ADD_IDENTIFIER,
            [
                (one.workspace_id.bytes, identifier.key, identifier.value, one.id)
                for one in contacts
                for identifier in one.featured_identifiers
            ],
        )

    def get(self, workspace: UUID, contact_id: str) -> Contact | None:  # noqa: D102 - the port's
        row = self._cursor.execute(
            "SELECT document FROM messaging_contacts WHERE workspace = ? AND id = ?",
            (workspace.bytes, *storable([contact_id])),
        ).fetchone()
        return load(Contact, row[0]) if row else None
