"""What it takes to change a contact: free identifiers, lists that exist, and limits."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from attrs import evolve

from messaging_core.errors import ContactConflictError, InvalidRequestError, UnknownContactError
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.violation import Violation
from messaging_core.models.people.contact import Contact, ContactIdentifier
from messaging_core.models.people.directory import ContactChanges, NewContact, Strategy
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.addressing.addresses import address_key
from messaging_core.rules.requests.contact import (
    check_number_of_attributes,
    check_number_of_identifiers,
)

T = TypeVar("T")


class ContactEditor:
    """Change contacts inside one transaction."""

    def __init__(self, tx: Transaction, workspace: UUID, now: datetime) -> None:
        self._tx = tx
        self._workspace = workspace
        self._now = now

    def create(self, new: NewContact, contact_id: str) -> Contact:
        """Make a contact as it is described."""
        if new.id is not None and self._tx.contacts.get(self._workspace, new.id):
            violation = Violation("/id", "contact.id_taken", "another contact has this id")
            raise ContactConflictError([violation], [], [new.id])
        self._check_free(new.identifiers, contact_id, "/identifiers")
        self._check_lists(new.list_ids, "/listIds")
        changes = ContactChanges(
            display_name=new.display_name,
            add_identifiers=new.identifiers,
            add_to_lists=new.list_ids,
            attributes=new.attributes,
            time_zone=new.time_zone,
            locale=new.locale,
            subscriptions=new.subscriptions,
        )
        return self.make(changes, contact_id)

    def make(self, changes: ContactChanges, contact_id: str) -> Contact:
        """Make a contact of which only what is to be said about it is known."""
        blank = Contact(
            id=contact_id,
            workspace_id=self._workspace,
            created_at=self._now,
            updated_at=self._now,
        )
        return self.update(blank, changes)

    def update(self, contact: Contact, changes: ContactChanges) -> Contact:
        """Let a contact be different, and return it as it is then."""
        self._check_free(changes.add_identifiers, contact.id, "/addIdentifiers")
        self._check_lists(changes.add_to_lists, "/addToLists")
        changed = _changed(contact, changes, self._now)
        count = changed.identifier_count
        refuse(
            check_number_of_identifiers(count, "/addIdentifiers")
            + check_number_of_attributes(len(changed.attributes or {}), "/attributes")
        )
        self._tx.contacts.save(changed)
        for list_id in changes.remove_from_lists:
            self._tx.lists.leave(self._workspace, list_id, [contact.id])
        for list_id in changes.add_to_lists:
            self._tx.lists.join(self._workspace, list_id, [contact.id])
        return known_contact(self._tx, self._workspace, contact.id)

    def choose(
        self, identifiers: Sequence[ContactIdentifier], strategy: Strategy
    ) -> tuple[Contact | None, tuple[ContactIdentifier, ...]]:
        """Return whom identifiers mean, if anybody, and those of them that are to be added."""
        owners = self._owners(identifiers)
        found = [owners[one] for one in map(_plain, identifiers) if one in owners]
        if not found:
            return None, tuple(identifiers)
        if strategy is Strategy.STRICT_ALIAS:
            self._check_free(identifiers, found[0], "/addIdentifiers", offset=1)
        free = tuple(one for one in identifiers if _plain(one) not in owners)
        added = () if strategy is Strategy.FIRST else free
        return known_contact(self._tx, self._workspace, found[0]), added

    def _owners(self, identifiers: Sequence[ContactIdentifier]) -> Mapping[Identifier, str]:
        return self._tx.contacts.by_identifiers(
            self._workspace, [_plain(one) for one in identifiers]
        )

    def _check_free(
        self,
        identifiers: Sequence[ContactIdentifier],
        contact_id: str,
        path: str,
        *,
        offset: int = 0,
    ) -> None:
        """Refuse identifiers that somebody else has."""
        owners = self._owners(identifiers)
        taken = {
            place: _plain(one)
            for place, one in enumerate(identifiers)
            if owners.get(_plain(one), contact_id) != contact_id
        }
        if taken:
            violations = [
                Violation(
                    f"{path}/{place - offset}" if place >= offset else "",
                    "contact.identifier_taken",
                    f"contact {owners[one]!r} has this identifier",
                )
                for place, one in taken.items()
            ]
            owned_by = [owners[one] for one in taken.values()]
            raise ContactConflictError(violations, list(taken.values()), owned_by)

    def _check_lists(self, list_ids: Sequence[UUID], path: str) -> None:
        refuse(
            [
                Violation(f"{path}/{place}", "contact.unknown_list", "there is no such list")
                for place, list_id in enumerate(list_ids)
                if self._tx.lists.get(self._workspace, list_id) is None
            ]
        )


def known_contact(tx: Transaction, workspace: UUID, contact_id: str) -> Contact:
    """Return a contact, or raise `UnknownContactError`."""
    contact = tx.contacts.get(workspace, contact_id)
    if contact is None:
        raise UnknownContactError(contact_id)
    return contact


def refuse(violations: Sequence[Violation]) -> None:
    """Raise what is wrong with a request, if anything is."""
    if violations:
        raise InvalidRequestError(violations)


def _changed(contact: Contact, changes: ContactChanges, now: datetime) -> Contact:
    removed = {compared(one) for one in changes.remove_identifiers}
    identifiers = {
        compared(_plain(one)): one
        for one in contact.featured_identifiers
        if compared(_plain(one)) not in removed
    }
    identifiers |= {compared(_plain(one)): one for one in changes.add_identifiers}
    return evolve(
        contact,
        updated_at=now,
        computed_display_name=_set(contact.computed_display_name, changes.display_name),
        featured_identifiers=tuple(identifiers.values()),
        attributes=_merged(contact.attributes or {}, changes.attributes) or None,
        time_zone=_set(contact.time_zone, changes.time_zone),
        locale=_set(contact.locale, changes.locale),
        subscriptions=_merged(contact.subscriptions, changes.subscriptions),
    )


def _set(before: str | None, now: str | None) -> str | None:
    return before if now is None else now or None


def _merged(before: Mapping[str, T], changes: Mapping[str, T | None]) -> dict[str, T]:
    merged = {name: value for name, value in before.items() if name not in changes}
    return merged | {name: value for name, value in changes.items() if value is not None}


def compared(identifier: Identifier) -> tuple[str, str]:
    """Return what two spellings of an identifier have in common."""
    key = identifier.identifier_key
    return key, address_key(key, identifier.identifier_value)


def _plain(one: ContactIdentifier) -> Identifier:
    return Identifier(identifier_key=one.key, identifier_value=one.value)
