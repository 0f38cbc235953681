"""Contacts as documents: found by id, by each of their identifiers, and by list."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.document_stores.store import SEPARATOR, DocumentStore
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.page import Page
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.directory import ContactQuery
from messaging_core.ports.storage.directory import Contacts
from messaging_core.ports.storage.documents import Document
from messaging_core.rules.addressing.addresses import address_key
from messaging_core.wire import encode, load
from messaging_core.wire.stored.message import encode_contact
from messaging_core.wire.stored.page_token import decode_keyset, encode_keyset

CONTACT: Final = "contact"
_ON: Final = "on/"
"""What the keys of a contact begin with that say which lists it is on."""


class DocumentContacts(DocumentStore, Contacts):
    """Keep contacts as documents.

    Each identifier is a key, so that of two transactions that look for the same new identifier the
    second waits, and finds the contact of the first.
    """

    def ensure(
        self,
        workspace: UUID,
        identifiers: Sequence[Identifier],
        *,
        now: datetime,
        new_id: Callable[[], str],
    ) -> list[str]:
        keys = [_key_of(identifier) for identifier in identifiers]
        contacts = self._ids(workspace, keys)
        for identifier, key in zip(identifiers, keys, strict=True):
            if key not in contacts:
                contact_id = contacts[key] = new_id()
                pair = (identifier.identifier_key, identifier.identifier_value)
                body = encode_contact(workspace, contact_id, pair, now)
                self._documents.put(CONTACT, workspace, Document(contact_id, body, (key,)))
        return [contacts[key] for key in keys]

    def _ids(self, workspace: UUID, keys: Iterable[str]) -> dict[str, str]:
        documents = self._documents.by_keys(CONTACT, workspace, sorted(set(keys)))
        return {key: its[0].id for key, its in documents.items()}

    def get(self, workspace: UUID, contact_id: str, *, stays: bool = True) -> Contact | None:
        del stays  # a storage with one writer, or what locks for this store, knows
        document = self._documents.get(CONTACT, workspace, contact_id)
        return contact_of(document) if document else None

    def by_identifiers(
        self, workspace: UUID, identifiers: Sequence[Identifier]
    ) -> Mapping[Identifier, str]:
        keys = {identifier: _key_of(identifier) for identifier in identifiers}
        contacts = self._ids(workspace, keys.values())
        return {identifier: contacts[key] for identifier, key in keys.items() if key in contacts}

    def add(self, contacts: Sequence[Contact]) -> None:
        for contact in contacts:
            self._put(contact, ())

    def save(self, contact: Contact) -> None:
        earlier = self._documents.get(CONTACT, contact.workspace_id, contact.id)
        self._put(contact, tuple(filter(_is_list, earlier.keys)) if earlier else ())

    def _put(self, contact: Contact, lists: tuple[str, ...]) -> None:
        identifiers = dict.fromkeys(
            _key(identifier.key, identifier.value) for identifier in contact.featured_identifiers
        )
        body = encode(evolve(contact, list_ids=()))
        document = Document(contact.id, body, (*identifiers, *lists))
        self._documents.put(CONTACT, contact.workspace_id, document)

    def delete(self, workspace: UUID, contact_id: str) -> bool:
        return self._documents.delete(CONTACT, workspace, contact_id)

    def find(self, query: ContactQuery) -> Page[Contact]:
        (after,) = decode_keyset(query, 1) or ("",)
        documents = list(islice(self._chosen(query, after), query.limit + 1))
        results = [contact_of(document) for document in documents[: query.limit]]
        more = len(documents) > query.limit
        token = encode_keyset(query, [results[-1].id]) if more else None
        return Page(results=results, next_page_token=token)

    def _chosen(self, query: ContactQuery, after: str) -> Iterator[Document]:
        workspace, list_id, most = query.workspace, query.list_id, query.limit + 1
        if query.identifier is not None:
            for document in self._by_key(CONTACT, workspace, _key_of(query.identifier)):
                is_chosen = list_id is None or list_key(list_id, document.id) in document.keys
                if is_chosen and document.id > after:
                    yield document
        elif list_id is not None:
            prefix = f"{_ON}{list_id}"
            pairs = self._under(CONTACT, prefix, after=after, workspace=workspace, page=most)
            yield from (document for _, document in pairs)
        else:
            yield from self._documents.page(CONTACT, workspace, beyond=after, limit=most)


def contact_of(document: Document) -> Contact:
    """Return a contact with the lists that it is on."""
    lists = [UUID(key.split("/", 2)[1]) for key in document.keys if _is_list(key)]
    return evolve(load(Contact, document.body), list_ids=tuple(sorted(lists)))


def list_key(list_id: UUID, contact_id: str) -> str:
    """Return the key of a contact that is on a list."""
    return f"{_ON}{list_id}/{contact_id}"


def _is_list(key: str) -> bool:
    return key.startswith(_ON)


def _key_of(identifier: Identifier) -> str:
    return _key(identifier.identifier_key, identifier.identifier_value)


def _key(key: str, value: str) -> str:
    return f"is/{key}{SEPARATOR}{address_key(key, value)}"
