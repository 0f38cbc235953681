"""Change one contact: its identifiers must be free, its lists must exist, limits hold."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from attrs import evolve

from messaging_core.contacts.identifiers import comparison_key, plain
from messaging_core.errors import ContactConflictError, InvalidRequestError, UnknownContactError
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.violation import Violation
from messaging_core.models.people.contact import Contact, ContactIdentifier
from messaging_core.models.people.directory import ContactChanges, NewContact, Strategy
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.requests.contact import (
    check_number_of_attributes,
    check_number_of_identifiers,
)

T = TypeVar("T")


class ContactEditor:
    """Creates and changes contacts inside one transaction."""

    def __init__(self, tx: Transaction, workspace: UUID, now: datetime) -> None:
        self._tx = tx
        self._workspace = workspace
        self._now = now

    def create_new(self, new: NewContact, contact_id: str) -> Contact:
        """Create a contact, and name the fields of `new` in violations."""
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
        return self.create(changes, contact_id)

    def create(self, changes: ContactChanges, contact_id: str) -> Contact:
        """Create an empty contact with this id, and change it."""
        blank = Contact(
            id=contact_id,
            workspace_id=self._workspace,
            created_at=self._now,
            updated_at=self._now,
        )
        return self.update(blank, changes)

    def update(self, contact: Contact, changes: ContactChanges) -> Contact:
        """Change a contact, and return it as it was stored."""
        self._check_free(changes.add_identifiers, contact.id, "/addIdentifiers")
        self._check_lists(changes.add_to_lists, "/addToLists")
        changed = _changed(contact, changes, self._now)
        raise_if_invalid(
            check_number_of_identifiers(changed.identifier_count, "/addIdentifiers")
            + check_number_of_attributes(len(changed.attributes or {}), "/attributes")
        )
        self._tx.contacts.save(changed)
        for list_id in changes.remove_from_lists:
            self._tx.lists.remove_members(self._workspace, list_id, [contact.id])
        for list_id in changes.add_to_lists:
            self._tx.lists.add_members(self._workspace, list_id, [contact.id])
        return require_contact(self._tx, self._workspace, contact.id)

    def choose(
        self, identifiers: Sequence[ContactIdentifier], strategy: Strategy
    ) -> tuple[Contact | None, tuple[ContactIdentifier, ...]]:
        """Return the contact that identifiers mean, if any, and the identifiers to add to it."""
        owners = self._owners(identifiers)
        free = tuple(identifier for identifier in identifiers if plain(identifier) not in owners)
        owner = next((owners[own] for own in map(plain, identifiers) if own in owners), None)
        if owner is None:
            return None, free
        if strategy is Strategy.STRICT_ALIAS:
            # The first identifier is the argument of the call, so it has no place in the changes.
            self._check_free(identifiers, owner, "/addIdentifiers", offset=1)
        added = () if strategy is Strategy.FIRST else free
        return require_contact(self._tx, self._workspace, owner), added

    def _owners(self, identifiers: Sequence[ContactIdentifier]) -> Mapping[Identifier, str]:
        return self._tx.contacts.by_identifiers(self._workspace, list(map(plain, identifiers)))

    def _check_free(
        self,
        identifiers: Sequence[ContactIdentifier],
        contact_id: str,
        path: str,
        *,
        offset: int = 0,
    ) -> None:
        """Refuse identifiers that belong to another contact.

        Args:
            identifiers: What the contact is to have.
            contact_id: The contact that may have them.
            path: Where the request names them.
            offset: How many of them the request names elsewhere.
        """
        owners = self._owners(identifiers)
        taken = {
            index: identifier
            for index, identifier in enumerate(map(plain, identifiers))
            if owners.get(identifier, contact_id) != contact_id
        }
        if taken:
            violations = [
                Violation(
                    f"{path}/{index - offset}" if index >= offset else "",
                    "contact.identifier_taken",
                    f"contact {owners[identifier]!r} has this identifier",
                )
                for index, identifier in taken.items()
            ]
            owned_by = [owners[identifier] for identifier in taken.values()]
            raise ContactConflictError(violations, list(taken.values()), owned_by)

    def _check_lists(self, list_ids: Sequence[UUID], path: str) -> None:
        raise_if_invalid(
            [
                Violation(f"{path}/{index}", "contact.unknown_list", "this list does not exist")
                for index, list_id in enumerate(list_ids)
                if self._tx.lists.get(self._workspace, list_id) is None
            ]
        )


def require_contact(tx: Transaction, workspace: UUID, contact_id: str) -> Contact:
    """Return a contact, or raise `UnknownContactError`."""
    contact = tx.contacts.get(workspace, contact_id)
    if contact is None:
        raise UnknownContactError(contact_id)
    return contact


def raise_if_invalid(violations: Sequence[Violation]) -> None:
    """Raise `InvalidRequestError` if there are violations."""
    if violations:
        raise InvalidRequestError(violations)


def _changed(contact: Contact, changes: ContactChanges, now: datetime) -> Contact:
    identifiers = {comparison_key(own): own for own in contact.featured_identifiers}
    for removed in changes.remove_identifiers:
        identifiers.pop(comparison_key(removed), None)
    identifiers |= {comparison_key(added): added for added in changes.add_identifiers}
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
