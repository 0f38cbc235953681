"""Contact lists as documents; who is on them is a key of each contact."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.document_stores.contacts import CONTACT, contact_of, list_key
from messaging_core.document_stores.store import DocumentStore
from messaging_core.models.common.page import Page
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.directory import ContactList, ContactListQuery
from messaging_core.ports.storage.directory import ContactLists
from messaging_core.ports.storage.documents import Document
from messaging_core.wire import encode, load
from messaging_core.wire.stored.page_token import decode_keyset, encode_keyset

_KIND: Final = "list"


class DocumentContactLists(DocumentStore, ContactLists):
    """Keep lists as documents, for storages that keep contacts as `DocumentContacts` does."""

    def save(self, contact_list: ContactList) -> None:
        document = Document(
            str(contact_list.id), encode(contact_list), (f"name/{contact_list.name}",)
        )
        self._documents.put(_KIND, contact_list.workspace_id, document)

    def get(self, workspace: UUID, list_id: UUID) -> ContactList | None:
        document = self._documents.get(_KIND, workspace, str(list_id))
        return load(ContactList, document.body) if document else None

    def by_names(self, workspace: UUID, names: Sequence[str]) -> Mapping[str, UUID]:
        keys = {name: f"name/{name}" for name in names}
        documents = self._documents.by_keys(_KIND, workspace, sorted(keys.values()))
        return {name: UUID(documents[key][0].id) for name, key in keys.items() if key in documents}

    def find(self, query: ContactListQuery) -> Page[ContactList]:
        (after,) = decode_keyset(query, 1) or ("",)
        most = query.limit + 1
        pairs = self._under(_KIND, "name", after=after, workspace=query.workspace, page=most)
        lists = [load(ContactList, document.body) for _, document in islice(pairs, most)]
        results = lists[: query.limit]
        token = encode_keyset(query, [results[-1].name]) if len(lists) > query.limit else None
        return Page(results=results, next_page_token=token)

    def delete(self, workspace: UUID, list_id: UUID) -> bool:
        if not self._documents.delete(_KIND, workspace, str(list_id)):
            return False
        for document in list(self._members(workspace, list_id)):
            self._leave(workspace, list_id, document.id)
        return True

    def add_members(self, workspace: UUID, list_id: UUID, contact_ids: Sequence[str]) -> int:
        if self._documents.get(_KIND, workspace, str(list_id)) is None:
            return 0
        return sum(self._join(workspace, list_id, contact_id) for contact_id in contact_ids)

    def _join(self, workspace: UUID, list_id: UUID, contact_id: str) -> bool:
        key = list_key(list_id, contact_id)
        contact = self._documents.get(CONTACT, workspace, contact_id)
        if contact is None or key in contact.keys:
            return False
        self._documents.put(CONTACT, workspace, evolve(contact, keys=(*contact.keys, key)))
        return True

    def remove_members(self, workspace: UUID, list_id: UUID, contact_ids: Sequence[str]) -> int:
        return sum(self._leave(workspace, list_id, contact_id) for contact_id in contact_ids)

    def _leave(self, workspace: UUID, list_id: UUID, contact_id: str) -> bool:
        key = list_key(list_id, contact_id)
        contact = self._documents.get(CONTACT, workspace, contact_id)
        if contact is None or key not in contact.keys:
            return False
        keys = tuple(other for other in contact.keys if other != key)
        self._documents.put(CONTACT, workspace, evolve(contact, keys=keys))
        return True

    def members(
        self, workspace: UUID, list_ids: Sequence[UUID], *, after: str | None, limit: int
    ) -> list[Contact]:
        members = {
            document.id: document
            # List by list, so that each is read no further than the limit.
            for list_id in set(list_ids)
            for document in islice(self._members(workspace, list_id, after or "", limit), limit)
        }
        return [contact_of(members[contact_id]) for contact_id in sorted(members)[:limit]]

    def _members(
        self, workspace: UUID, list_id: UUID, after: str = "", page: int = 200
    ) -> Iterator[Document]:
        prefix = list_key(list_id, "").removesuffix("/")
        pairs = self._under(CONTACT, prefix, after=after, workspace=workspace, page=page)
        yield from (document for _, document in pairs)
