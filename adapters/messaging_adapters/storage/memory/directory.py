"""Contacts, their lists and suppressions in the memory of this process."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from heapq import nsmallest
from uuid import UUID

from attrs import evolve, field

from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.lazy import frozen
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.page import Page
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.directory import (
    ContactList,
    ContactListQuery,
    ContactQuery,
    SuppressionQuery,
)
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.ports.storage.directory import ContactLists, Contacts, Suppressions
from messaging_core.rules.addressing.addresses import address_key
from messaging_core.wire import encode, load
from messaging_core.wire.stored.message import encode_contact
from messaging_core.wire.stored.page_token import decode_keyset, encode_keyset
from messaging_core.wire.stored.suppression_key import SCAN, Key, key_of, matches, pair_of, place_of


@frozen
class DirectoryTables:
    """The data.

    Attributes:
        identifiers: Contact ids by key and value, the value as it is compared.
        members: The keys of a dictionary, by list, so that each list is walked alone.
        memberships: The same, by contact.
    """

    contacts: dict[tuple[UUID, str], bytes] = field(factory=dict)
    identifiers: dict[tuple[UUID, str, str], str] = field(factory=dict)
    lists: dict[tuple[UUID, UUID], bytes] = field(factory=dict)
    names: dict[tuple[UUID, str], UUID] = field(factory=dict)
    members: dict[tuple[UUID, UUID], dict[str, None]] = field(factory=dict)
    memberships: dict[tuple[UUID, str], dict[UUID, None]] = field(factory=dict)
    suppressions: dict[tuple[UUID, Key], bytes] = field(factory=dict)
    opt_ins: dict[tuple[UUID, str, str, str], datetime] = field(factory=dict)

    def contact(self, workspace: UUID, contact_id: str) -> Contact | None:
        """Return a contact with the lists that it is on now."""
        encoded = self.contacts.get((workspace, contact_id))
        if encoded is None:
            return None
        on = self.memberships.get((workspace, contact_id), {})
        return evolve(load(Contact, encoded), list_ids=tuple(sorted(on)))


class MemoryContacts(Contacts):
    """Keep contacts inside one transaction."""

    def __init__(self, tables: DirectoryTables, undo: Undoable) -> None:
        self._tables = tables
        self._undo = undo

    def ensure(
        self,
        workspace: UUID,
        identifiers: Sequence[Identifier],
        *,
        now: datetime,
        new_id: Callable[[], str],
    ) -> list[str]:
        tables, put = self._tables, self._undo.put
        for identifier in identifiers:
            place = _place(workspace, identifier)
            if place not in tables.identifiers:
                contact_id = new_id()
                pair = (identifier.identifier_key, identifier.identifier_value)
                encoded = encode_contact(workspace, contact_id, pair, now)
                put(tables.contacts, (workspace, contact_id), encoded)
                put(tables.identifiers, place, contact_id)
        return [tables.identifiers[_place(workspace, identifier)] for identifier in identifiers]

    def get(self, workspace: UUID, contact_id: str) -> Contact | None:
        return self._tables.contact(workspace, contact_id)

    def by_identifiers(
        self, workspace: UUID, identifiers: Sequence[Identifier]
    ) -> Mapping[Identifier, str]:
        ids = {
            identifier: self._tables.identifiers.get(_place(workspace, identifier))
            for identifier in identifiers
        }
        return {
            identifier: contact_id
            for identifier, contact_id in ids.items()
            if contact_id is not None
        }

    def add(self, contacts: Sequence[Contact]) -> None:
        for contact in contacts:
            self.save(contact)

    def save(self, contact: Contact) -> None:
        workspace = contact.workspace_id
        self._free(workspace, contact.id)
        document = encode(evolve(contact, list_ids=()))
        self._undo.put(self._tables.contacts, (workspace, contact.id), document)
        for place in _places(contact):
            self._undo.put(self._tables.identifiers, place, contact.id)

    def _free(self, workspace: UUID, contact_id: str) -> Contact | None:
        """Free the identifiers of a contact."""
        contact = self.get(workspace, contact_id)
        for place in _places(contact) if contact else ():
            if self._tables.identifiers.get(place) == contact_id:
                self._undo.remove(self._tables.identifiers, place)
        return contact

    def delete(self, workspace: UUID, contact_id: str) -> bool:
        contact = self._free(workspace, contact_id)
        if contact is None:
            return False
        for list_id in contact.list_ids:
            self._undo.remove(self._tables.members[workspace, list_id], contact_id)
        if contact.list_ids:
            self._undo.remove(self._tables.memberships, (workspace, contact_id))
        self._undo.remove(self._tables.contacts, (workspace, contact_id))
        return True

    def find(self, query: ContactQuery) -> Page[Contact]:
        (after,) = decode_keyset(query, 1) or ("",)
        ids = nsmallest(
            query.limit + 1,
            (contact_id for contact_id in self._chosen(query) if contact_id > after),
        )
        contacts = [
            self._tables.contact(query.workspace, contact_id) for contact_id in ids[: query.limit]
        ]
        results = [contact for contact in contacts if contact is not None]
        token = encode_keyset(query, [results[-1].id]) if len(ids) > query.limit else None
        return Page(results=results, next_page_token=token)

    def _chosen(self, query: ContactQuery) -> Iterable[str]:
        tables, workspace = self._tables, query.workspace
        on_list = tables.members.get((workspace, query.list_id), {}) if query.list_id else None
        if query.identifier is not None:
            contact_id = tables.identifiers.get(_place(workspace, query.identifier))
            is_chosen = contact_id is not None and (on_list is None or contact_id in on_list)
            return [contact_id] if contact_id is not None and is_chosen else []
        if on_list is not None:
            return on_list
        return (contact_id for where, contact_id in tables.contacts if where == workspace)


class MemoryContactLists(ContactLists):
    """Keep lists inside one transaction."""

    def __init__(self, tables: DirectoryTables, undo: Undoable) -> None:
        self._tables = tables
        self._undo = undo

    def save(self, contact_list: ContactList) -> None:
        workspace, list_id = contact_list.workspace_id, contact_list.id
        earlier = self.get(workspace, list_id)
        if earlier:
            self._undo.remove(self._tables.names, (workspace, earlier.name))
        self._undo.put(self._tables.names, (workspace, contact_list.name), list_id)
        self._undo.put(self._tables.lists, (workspace, list_id), encode(contact_list))

    def get(self, workspace: UUID, list_id: UUID) -> ContactList | None:
        encoded = self._tables.lists.get((workspace, list_id))
        return load(ContactList, encoded) if encoded else None

    def by_names(self, workspace: UUID, names: Sequence[str]) -> Mapping[str, UUID]:
        ids = {name: self._tables.names.get((workspace, name)) for name in names}
        return {name: list_id for name, list_id in ids.items() if list_id is not None}

    def find(self, query: ContactListQuery) -> Page[ContactList]:
        (after,) = decode_keyset(query, 1) or ("",)
        workspace = query.workspace
        beyond = (name for where, name in self._tables.names if where == workspace and name > after)
        names = nsmallest(query.limit + 1, beyond)
        ids = [self._tables.names[workspace, name] for name in names[: query.limit]]
        results = [load(ContactList, self._tables.lists[workspace, list_id]) for list_id in ids]
        token = encode_keyset(query, [results[-1].name]) if len(names) > query.limit else None
        return Page(results=results, next_page_token=token)

    def delete(self, workspace: UUID, list_id: UUID) -> bool:
        contact_list = self.get(workspace, list_id)
        if contact_list is None:
            return False
        self.remove_members(
            workspace, list_id, list(self._tables.members.get((workspace, list_id), {}))
        )
        self._undo.remove(self._tables.names, (workspace, contact_list.name))
        self._undo.remove(self._tables.lists, (workspace, list_id))
        return True

    def add_members(self, workspace: UUID, list_id: UUID, contact_ids: Sequence[str]) -> int:
        tables = self._tables
        if (workspace, list_id) not in tables.lists:
            return 0
        members = tables.members.setdefault((workspace, list_id), {})
        joined = 0
        for contact_id in contact_ids:
            if (workspace, contact_id) in tables.contacts and contact_id not in members:
                self._undo.put(members, contact_id, None)
                on = tables.memberships.get((workspace, contact_id), {})
                self._undo.put(tables.memberships, (workspace, contact_id), {**on, list_id: None})
                joined += 1
        return joined

    def remove_members(self, workspace: UUID, list_id: UUID, contact_ids: Sequence[str]) -> int:
        tables = self._tables
        members = tables.members.get((workspace, list_id), {})
        left = [contact_id for contact_id in dict.fromkeys(contact_ids) if contact_id in members]
        for contact_id in left:
            self._undo.remove(members, contact_id)
            on = tables.memberships[workspace, contact_id]
            others = {other: None for other in on if other != list_id}
            self._undo.put(tables.memberships, (workspace, contact_id), others)
        return len(left)

    def members(
        self, workspace: UUID, list_ids: Sequence[UUID], *, after: str | None, limit: int
    ) -> list[Contact]:
        beyond = {
            contact_id
            for list_id in list_ids
            for contact_id in self._tables.members.get((workspace, list_id), {})
            if after is None or contact_id > after
        }
        contacts = [
            self._tables.contact(workspace, contact_id) for contact_id in nsmallest(limit, beyond)
        ]
        return [contact for contact in contacts if contact is not None]


class MemorySuppressions(Suppressions):
    """Keep suppressions inside one transaction."""

    def __init__(self, tables: DirectoryTables, undo: Undoable) -> None:
        self._table = tables.suppressions
        self._opt_ins = tables.opt_ins
        self._undo = undo

    def add(self, workspace: UUID, suppressions: Sequence[Suppression]) -> None:
        for suppression in suppressions:
            if (workspace, key_of(suppression)) not in self._table:
                self._undo.put(self._table, (workspace, key_of(suppression)), encode(suppression))

    def has_any(self) -> bool:
        return bool(self._table)

    def lift(
        self,
        workspace: UUID,
        identifier: Identifier,
        *,
        scope: SuppressionScope,
        sender: str | None = None,
        causes: Collection[SuppressionCause] = (),
    ) -> int:
        place = place_of(identifier, scope, sender)
        keys = [(*place, str(cause)) for cause in frozenset(causes or SuppressionCause)]
        lifted = [key for key in keys if (workspace, key) in self._table]
        for key in lifted:
            self._undo.remove(self._table, (workspace, key))
        return len(lifted)

    def record_opt_in(
        self, workspace: UUID, identifier: Identifier, *, sender: str, at: datetime
    ) -> None:
        place = (workspace, *pair_of(identifier, sender))
        self._undo.put(self._opt_ins, place, max(at, self._opt_ins.get(place, at)))

    def opted_in_at(
        self, workspace: UUID, identifier: Identifier, *, sender: str
    ) -> datetime | None:
        return self._opt_ins.get((workspace, *pair_of(identifier, sender)))

    def for_addresses(
        self, workspace: UUID, identifiers: Sequence[Identifier]
    ) -> Mapping[Identifier, Sequence[Suppression]]:
        suppressions: dict[Identifier, Sequence[Suppression]] = {}
        for identifier in identifiers:
            address = place_of(identifier, SuppressionScope.MARKETING, None)[:2]
            rows = sorted(
                (key, document)
                for (where, key), document in self._table.items()
                if where == workspace and key[:2] == address
            )
            if rows:
                suppressions[identifier] = [load(Suppression, document) for _, document in rows]
        return suppressions

    def find(self, query: SuppressionQuery) -> Page[Suppression]:
        after = decode_keyset(query, 5)
        rows = [row for row in self._sorted(query.workspace) if after is None or row[0] > after]
        looked_at: list[Key] = []
        results: list[Suppression] = []
        for key, document in rows[:SCAN]:
            looked_at.append(key)
            suppression = load(Suppression, document)
            if matches(query, suppression):
                results.append(suppression)
            if len(results) == query.limit:
                break
        more = len(rows) > len(looked_at)
        token = encode_keyset(query, looked_at[-1]) if more else None
        return Page(results=results, next_page_token=token)

    def _sorted(self, workspace: UUID) -> list[tuple[Key, bytes]]:
        table = self._table.items()
        return sorted((key, document) for (where, key), document in table if where == workspace)


def _place(workspace: UUID, identifier: Identifier) -> tuple[UUID, str, str]:
    key, value = identifier.identifier_key, identifier.identifier_value
    return (workspace, key, address_key(key, value))


def _places(contact: Contact) -> list[tuple[UUID, str, str]]:
    return list(
        dict.fromkeys(
            (contact.workspace_id, identifier.key, address_key(identifier.key, identifier.value))
            for identifier in contact.featured_identifiers
        )
    )
