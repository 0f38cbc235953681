"""Contact lists, and who is on them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson

from messaging_adapters.storage.sql.rows.columns import storable
from messaging_adapters.storage.sql.stores.contacts import SELECT_CONTACTS, load_contact
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.models.common.page import Page
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.directory import ContactList, ContactListQuery
from messaging_core.ports.storage.directory import ContactLists
from messaging_core.wire import encode, load
from messaging_core.wire.stored.page_token import decode_keyset, encode_keyset

_SAVE = (
    "INSERT INTO messaging_contact_lists VALUES (?, ?, ?, ?)"
    " ON CONFLICT (workspace, id) DO UPDATE SET name = excluded.name, document = excluded.document"
)
_GET = "SELECT document FROM messaging_contact_lists WHERE workspace = ? AND id = ?"
_BY_NAMES = (
    "SELECT name, id FROM messaging_contact_lists"
    " WHERE workspace = ? AND name IN (SELECT value FROM json_each(?))"
)
_FIND = (
    "SELECT document FROM messaging_contact_lists"
    " WHERE workspace = ? AND name > ? ORDER BY name LIMIT ?"
)
# The two tables decide themselves whether list and contact are there.
_ADD_MEMBER = (
    "INSERT OR IGNORE INTO messaging_list_members"
    " SELECT l.workspace, l.id, c.id FROM messaging_contact_lists AS l"
    " JOIN messaging_contacts AS c ON c.workspace = l.workspace AND c.id = ?"
    " WHERE l.workspace = ? AND l.id = ?"
)
_REMOVE_MEMBER = (
    "DELETE FROM messaging_list_members WHERE contact_id = ? AND workspace = ? AND list_id = ?"
)
_MEMBERS = (
    "SELECT contact_id FROM messaging_list_members"
    " WHERE workspace = ? AND list_id = ? AND contact_id > ? ORDER BY contact_id LIMIT ?"
)
_CONTACTS = (
    f"{SELECT_CONTACTS} WHERE c.workspace = ?"  # noqa: S608 - no input
    " AND c.id IN (SELECT value FROM json_each(?)) ORDER BY c.id"
)
_BEFORE_ALL = ""  # no name and no id of a contact on a list is empty


class SqlContactLists(SqlStore, ContactLists):
    """Keep lists through one cursor, inside one transaction."""

    def save(self, contact_list: ContactList) -> None:
        workspace, document = contact_list.workspace_id, encode(contact_list).decode()
        row = (workspace.bytes, contact_list.id.bytes, contact_list.name, document)
        self._cursor.execute(_SAVE, row)

    def get(self, workspace: UUID, list_id: UUID) -> ContactList | None:
        row = self._cursor.execute(_GET, (workspace.bytes, list_id.bytes)).fetchone()
        return load(ContactList, row[0]) if row else None

    def by_names(self, workspace: UUID, names: Sequence[str]) -> Mapping[str, UUID]:
        searched = orjson.dumps([name for name in storable(names) if name is not None]).decode()
        rows = self._cursor.execute(_BY_NAMES, (workspace.bytes, searched))
        return {name: UUID(bytes=list_id) for name, list_id in rows}

    def find(self, query: ContactListQuery) -> Page[ContactList]:
        (after,) = decode_keyset(query, 1) or (_BEFORE_ALL,)
        rows = self._cursor.execute(
            _FIND, (query.workspace.bytes, after, query.limit + 1)
        ).fetchall()
        results = [load(ContactList, document) for (document,) in rows[: query.limit]]
        more = len(rows) > query.limit
        token = encode_keyset(query, [results[-1].name]) if more else None
        return Page(results=results, next_page_token=token)

    def delete(self, workspace: UUID, list_id: UUID) -> bool:
        row = (workspace.bytes, list_id.bytes)
        # The list first: this waits for transactions that add members, and then sees those.
        lists = "DELETE FROM messaging_contact_lists WHERE workspace = ? AND id = ?"
        is_deleted = self._cursor.execute(lists, row).rowcount > 0
        members = "DELETE FROM messaging_list_members WHERE workspace = ? AND list_id = ?"
        self._cursor.execute(members, row)
        return is_deleted

    def add_members(self, workspace: UUID, list_id: UUID, contact_ids: Sequence[str]) -> int:
        return self._each(_ADD_MEMBER, workspace, list_id, contact_ids)

    def remove_members(self, workspace: UUID, list_id: UUID, contact_ids: Sequence[str]) -> int:
        return self._each(_REMOVE_MEMBER, workspace, list_id, contact_ids)

    def _each(self, sql: str, workspace: UUID, list_id: UUID, contact_ids: Sequence[str]) -> int:
        where = (workspace.bytes, list_id.bytes)
        self._cursor.executemany(
            sql, [(contact_id, *where) for contact_id in storable(contact_ids)]
        )
        return max(self._cursor.rowcount, 0)

    def members(
        self, workspace: UUID, list_ids: Sequence[UUID], *, after: str | None, limit: int
    ) -> list[Contact]:
        ids: set[str] = set()
        # List by list, so that each is read no further than the limit.
        for list_id in set(list_ids):
            row = (workspace.bytes, list_id.bytes, after or _BEFORE_ALL, limit)
            ids.update(contact_id for (contact_id,) in self._cursor.execute(_MEMBERS, row))
        page = orjson.dumps(sorted(ids)[:limit]).decode()
        rows = self._cursor.execute(_CONTACTS, (workspace.bytes, page))
        return [load_contact(row) for row in rows]
