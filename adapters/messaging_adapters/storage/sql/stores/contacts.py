"""Contacts: a document each, and the identifiers that lead to them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson
from attrs import evolve

from messaging_adapters.storage.sql.rows.bulk_insert import BulkInsert
from messaging_adapters.storage.sql.rows.columns import storable
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.page import Page
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.directory import ContactQuery
from messaging_core.ports.storage.directory import Contacts
from messaging_core.rules.addressing.addresses import address_key
from messaging_core.wire import encode, load
from messaging_core.wire.stored.message import encode_contact
from messaging_core.wire.stored.page_token import decode_keyset, encode_keyset

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
_ADD = BulkInsert("messaging_contacts", "(?, ?, ?)")
_ADD_IDENTIFIERS = BulkInsert("messaging_contact_identifiers", "(?, ?, ?, ?)")

_SAVE = (
    "INSERT INTO messaging_contacts VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET document = excluded.document"
)
_FREE_IDENTIFIER = (
    "DELETE FROM messaging_contact_identifiers"
    " WHERE workspace = ? AND key = ? AND value = ? AND contact_id = ?"
)
_LEAVE_ALL = "DELETE FROM messaging_list_members WHERE workspace = ? AND contact_id = ?"

SELECT_CONTACTS = (
    "SELECT c.document, ("
    " SELECT group_concat(hex(l.list_id)) FROM messaging_list_members AS l"
    " WHERE l.workspace = c.workspace AND l.contact_id = c.id"
    ") FROM messaging_contacts AS c"
)
"""The beginning of a statement whose rows are for `load_contact`."""
GET = f"{SELECT_CONTACTS} WHERE c.workspace = ? AND c.id = ?"
_FIND_ALL = f"{SELECT_CONTACTS} WHERE c.workspace = ? AND c.id > ? ORDER BY c.id LIMIT ?"
_FIND_ON_LIST = (
    f"{SELECT_CONTACTS} WHERE c.workspace = ? AND c.id IN ("  # noqa: S608 - no input
    " SELECT contact_id FROM messaging_list_members WHERE workspace = ? AND list_id = ?"
    " AND contact_id > ? ORDER BY contact_id LIMIT ?"
    ") ORDER BY c.id"
)

Pair = tuple[str, str]
"""Key and value of an identifier; the value as it was spelt, or as it is compared."""


class SqlContacts(SqlStore, Contacts):
    """Keep contacts through one cursor, inside one transaction."""

    def ensure(
        self,
        workspace: UUID,
        identifiers: Sequence[Identifier],
        *,
        now: datetime,
        new_id: Callable[[], str],
    ) -> list[str]:
        pairs = [
            _compared(identifier.identifier_key, identifier.identifier_value)
            for identifier in identifiers
        ]
        spelt = dict(zip(reversed(pairs), reversed(identifiers), strict=True))
        ids = self._find(workspace.bytes, list(spelt))
        missing = [(pair, new_id()) for pair in dict.fromkeys(pairs) if pair not in ids]
        if missing:
            self._add(
                workspace, [(spelt[pair], pair, contact_id) for pair, contact_id in missing], now
            )
            ids |= missing
        return [ids[pair] for pair in pairs]

    def _find(self, workspace: bytes, pairs: Sequence[Pair]) -> dict[Pair, str]:
        if len(pairs) == 1:
            row = self._cursor.execute(_FIND, (workspace, *pairs[0])).fetchone()
            return {pairs[0]: row[0]} if row else {}
        rows = self._cursor.execute(_FIND_SEVERAL, (orjson.dumps(pairs).decode(), workspace))
        return {(key, value): contact_id for key, value, contact_id in rows}

    def _add(
        self, workspace: UUID, new: Sequence[tuple[Identifier, Pair, str]], now: datetime
    ) -> None:
        tenant = workspace.bytes
        contacts = [
            (
                tenant,
                contact_id,
                encode_contact(
                    workspace, contact_id, (spelt.identifier_key, spelt.identifier_value), now
                ),
            )
            for spelt, _, contact_id in new
        ]
        self._dialect.insert(_ADD, contacts)
        identifiers = [(tenant, key, value, contact_id) for _, (key, value), contact_id in new]
        self._dialect.insert(_ADD_IDENTIFIERS, identifiers)

    def get(self, workspace: UUID, contact_id: str, *, stays: bool = True) -> Contact | None:
        del stays  # with one writer it does
        where = (workspace.bytes, *storable([contact_id]))
        row = self._cursor.execute(GET, where).fetchone()
        return load_contact(row) if row else None

    def by_identifiers(
        self, workspace: UUID, identifiers: Sequence[Identifier]
    ) -> Mapping[Identifier, str]:
        pairs = {
            identifier: _compared(identifier.identifier_key, identifier.identifier_value)
            for identifier in identifiers
        }
        storable_pairs = [
            pair for pair in dict.fromkeys(pairs.values()) if None not in storable(pair)
        ]
        ids = self._find(workspace.bytes, storable_pairs) if storable_pairs else {}
        return {identifier: ids[pair] for identifier, pair in pairs.items() if pair in ids}

    def add(self, contacts: Sequence[Contact]) -> None:
        self._dialect.insert(
            _ADD,
            [(contact.workspace_id.bytes, contact.id, _document(contact)) for contact in contacts],
        )
        self._dialect.insert(
            _ADD_IDENTIFIERS,
            [
                (contact.workspace_id.bytes, key, value, contact.id)
                for contact in contacts
                for key, value in _pairs(contact)
            ],
        )

    def save(self, contact: Contact) -> None:
        workspace = contact.workspace_id.bytes
        self._free(contact.workspace_id, contact.id)
        self._cursor.execute(_SAVE, (workspace, contact.id, _document(contact)))
        self._dialect.insert(
            _ADD_IDENTIFIERS,
            [(workspace, key, value, contact.id) for key, value in _pairs(contact)],
        )

    def _free(self, workspace: UUID, contact_id: str) -> Contact | None:
        """Free the identifiers of a contact."""
        contact = self.get(workspace, contact_id)
        if contact:
            self._cursor.executemany(
                _FREE_IDENTIFIER,
                [(workspace.bytes, *pair, contact_id) for pair in _pairs(contact)],
            )
        return contact

    def delete(self, workspace: UUID, contact_id: str) -> bool:
        if self._free(workspace, contact_id) is None:
            return False
        row = (workspace.bytes, contact_id)
        self._cursor.execute("DELETE FROM messaging_contacts WHERE workspace = ? AND id = ?", row)
        self._cursor.execute(_LEAVE_ALL, row)
        return True

    def find(self, query: ContactQuery) -> Page[Contact]:
        (after,) = decode_keyset(query, 1) or ("",)
        if query.identifier is not None:
            return Page(results=self._who_has(query.identifier, query, after))
        values: list[object] = [query.workspace.bytes, after, query.limit + 1]
        sql = _FIND_ALL
        if query.list_id is not None:
            sql = _FIND_ON_LIST
            values = [
                query.workspace.bytes,
                query.workspace.bytes,
                query.list_id.bytes,
                *values[1:],
            ]
        rows = self._cursor.execute(sql, values).fetchall()
        results = [load_contact(row) for row in rows[: query.limit]]
        more = len(rows) > query.limit
        token = encode_keyset(query, [results[-1].id]) if more else None
        return Page(results=results, next_page_token=token)

    def _who_has(self, identifier: Identifier, query: ContactQuery, after: str) -> list[Contact]:
        contact_id = self.by_identifiers(query.workspace, [identifier]).get(identifier)
        contact = self.get(query.workspace, contact_id) if contact_id is not None else None
        if contact is None or contact.id <= after:
            return []
        is_listed = query.list_id is None or query.list_id in contact.list_ids
        return [contact] if is_listed else []


def _compared(key: str, value: str) -> Pair:
    return key, address_key(key, value)


def _document(contact: Contact) -> bytes:
    return encode(evolve(contact, list_ids=()) if contact.list_ids else contact)


def _pairs(contact: Contact) -> list[Pair]:
    """Return what leads to a contact, each once."""
    pairs = [
        _compared(identifier.key, identifier.value) for identifier in contact.featured_identifiers
    ]
    return list(dict.fromkeys(pairs))


def load_contact(row: tuple[bytes, str | None]) -> Contact:
    """Return a contact with the lists that it is on now."""
    document, lists = row
    contact = load(Contact, document)
    return evolve(contact, list_ids=_ids(lists.split(","))) if lists else contact


def _ids(texts: Iterable[str]) -> tuple[UUID, ...]:
    return tuple(sorted(UUID(hex=text) for text in texts))
