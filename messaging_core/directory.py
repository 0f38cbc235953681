"""The contacts of a host: make, change, find and list them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from attrs import evolve, frozen

from messaging_core.errors import (
    ContactConflictError,
    InvalidRequestError,
    UnknownContactError,
    UnknownListError,
)
from messaging_core.looking import checked_query
from messaging_core.models.channel import DEFAULT_WORKSPACE
from messaging_core.models.contact import Contact, ContactIdentifier, Identifier
from messaging_core.models.directory import (
    ContactChanges,
    ContactList,
    ContactListQuery,
    ContactQuery,
    NewContact,
    Strategy,
)
from messaging_core.models.query import Page
from messaging_core.models.violation import Violation
from messaging_core.ports.clock import Clock, Ids
from messaging_core.ports.storage import Storage, Transaction
from messaging_core.rules.contact import (
    check_contact_changes,
    check_contact_list,
    check_identifier,
    check_new_contact,
    check_number_of_attributes,
    check_number_of_identifiers,
)
from messaging_core.rules.query import check_page
from messaging_core.wire import dump, load

MEMBERS_AT_ONCE = 1000
"""How many members of a list are read in one transaction, and are in memory at once."""

T = TypeVar("T")


@frozen(kw_only=True)
class Directory:
    """Know the people whom messages go to; `Messenger.contacts` is one.

    Identifiers are compared exactly, as they are when a message is sent. `connection` is the
    host's own database connection, as for `Messenger.send`; then nothing is durable before the
    host commits.
    """

    storage: Storage
    clock: Clock
    ids: Ids

    def create(
        self,
        new: NewContact | Mapping[str, Any],
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> Contact:
        """Make a contact.

        Raises:
            ContactConflictError: Somebody else has one of its identifiers, or its id.
            InvalidRequestError: It breaks rules, or names a list that is not there; with all
                violations. Nothing was written.
        """
        new = _well_formed(NewContact, new)
        _refuse(check_new_contact(new))
        now = self.clock.now()
        with self.storage.begin(connection) as tx:
            return _Changing(tx, workspace, now).create(new, self._id(new, now))

    def update(
        self,
        contact_id: str,
        changes: ContactChanges | Mapping[str, Any],
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> Contact:
        """Change a contact: its identifiers, attributes, lists, subscriptions and settings.

        Raises:
            ContactConflictError: Somebody else has an identifier that is to be added.
            InvalidRequestError: The changes break rules; nothing was written.
            UnknownContactError: This workspace has no such contact.
        """
        changes = _well_formed(ContactChanges, changes)
        _refuse(check_contact_changes(changes))
        now = self.clock.now()
        with self.storage.begin(connection) as tx:
            contact = _known(tx, workspace, contact_id)
            return _Changing(tx, workspace, now).update(contact, changes)

    def update_or_create(  # noqa: PLR0913 - by keyword beyond the third
        self,
        key: str,
        value: str,
        changes: ContactChanges | Mapping[str, Any] | None = None,
        *,
        strategy: Strategy | str = Strategy.STRICT_ALIAS,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> Contact:
        """Change the contact that has an identifier, or make one that has it.

        Args:
            key: Kind of the identifier, such as `emailaddress`.
            value: The identifier; it stands before those that `changes` adds.
            changes: What is to be different, or all that is known of a new contact.
            strategy: Whom the identifiers mean where several contacts have some of them.
            workspace: Its tenant.
            connection: As for `create`.

        Raises:
            ContactConflictError: By the strategy, the identifiers are of several contacts.
            InvalidRequestError: Something breaks rules; nothing was written.
            ValueError: There is no such strategy.
        """
        strategy = Strategy(strategy)
        own = ContactIdentifier(key=key, value=value)
        changes = _well_formed(ContactChanges, changes or ContactChanges())
        _refuse(check_identifier(own, "") + check_contact_changes(changes))
        now = self.clock.now()
        identifiers = tuple(
            {(one.key, one.value): one for one in (own, *changes.add_identifiers)}.values()
        )
        with self.storage.begin(connection) as tx:
            changing = _Changing(tx, workspace, now)
            contact, added = changing.choose(identifiers, strategy)
            if contact is None:
                return changing.make(evolve(changes, add_identifiers=added), str(self.ids.new(now)))
            return changing.update(contact, evolve(changes, add_identifiers=added))

    def get(self, contact_id: str, *, workspace: UUID = DEFAULT_WORKSPACE) -> Contact:
        """Return a contact as it is now.

        Raises:
            UnknownContactError: This workspace has no such contact.
        """
        with self.storage.begin(read_only=True) as tx:
            return _known(tx, workspace, contact_id)

    def find(self, query: ContactQuery | None = None) -> Page[Contact]:
        """Return one page of contacts, in the order of their ids.

        Raises:
            InvalidQueryError: A filter, the limit or the page token is wrong.
        """
        query = checked_query(query or ContactQuery(), _check)
        with self.storage.begin(read_only=True) as tx:
            return tx.contacts.find(query)

    def delete(
        self, contact_id: str, *, workspace: UUID = DEFAULT_WORKSPACE, connection: Any = None
    ) -> None:
        """Forget a contact; messages to it, and what its addresses are suppressed for, stay.

        Raises:
            UnknownContactError: This workspace has no such contact.
        """
        with self.storage.begin(connection) as tx:
            if not tx.contacts.delete(workspace, contact_id):
                raise UnknownContactError(contact_id)

    def create_list(
        self,
        name: str,
        *,
        description: str | None = None,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> ContactList:
        """Make a list of contacts.

        Raises:
            InvalidRequestError: The name is not 2 to 256 characters, or is taken.
        """
        now = self.clock.now()
        made = ContactList(
            id=self.ids.new(now),
            workspace_id=workspace,
            name=name,
            description=description,
            created_at=now,
            updated_at=now,
        )
        _refuse(check_contact_list(_well_formed(ContactList, made)))
        with self.storage.begin(connection) as tx:
            if tx.lists.by_names(workspace, [name]):
                message = "another list of this workspace has this name"
                raise InvalidRequestError([Violation("/name", "list.name_taken", message)])
            tx.lists.save(made)
        return made

    def get_list(self, list_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> ContactList:
        """Return a list.

        Raises:
            UnknownListError: This workspace has no such list.
        """
        with self.storage.begin(read_only=True) as tx:
            return _known_list(tx, workspace, list_id)

    def lists(self, query: ContactListQuery | None = None) -> Page[ContactList]:
        """Return one page of lists, in the order of their names.

        Raises:
            InvalidQueryError: The limit or the page token is wrong.
        """
        query = checked_query(query or ContactListQuery(), _check)
        with self.storage.begin(read_only=True) as tx:
            return tx.lists.find(query)

    def delete_list(
        self, list_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE, connection: Any = None
    ) -> None:
        """Forget a list; the contacts on it stay.

        Raises:
            UnknownListError: This workspace has no such list.
        """
        with self.storage.begin(connection) as tx:
            if not tx.lists.delete(workspace, list_id):
                raise UnknownListError(list_id)

    def add_to_list(
        self,
        list_id: UUID,
        contact_ids: Sequence[str] = (),
        *,
        identifiers: Sequence[Identifier] = (),
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> int:
        """Put contacts on a list, by id or identifier, and return how many are new on it.

        Whoever is on it already, or is no contact, is passed over.

        Raises:
            UnknownListError: This workspace has no such list.
        """
        with self.storage.begin(connection) as tx:
            _known_list(tx, workspace, list_id)
            return tx.lists.join(workspace, list_id, _ids(tx, workspace, contact_ids, identifiers))

    def remove_from_list(
        self,
        list_id: UUID,
        contact_ids: Sequence[str] = (),
        *,
        identifiers: Sequence[Identifier] = (),
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> int:
        """Take contacts off a list, by id or identifier, and return how many were on it.

        Raises:
            UnknownListError: This workspace has no such list.
        """
        with self.storage.begin(connection) as tx:
            _known_list(tx, workspace, list_id)
            return tx.lists.leave(workspace, list_id, _ids(tx, workspace, contact_ids, identifiers))

    def members(self, list_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> Iterator[Contact]:
        """Walk the contacts on a list, a thousand in memory at once, in the order of their ids.

        Nobody is locked out meanwhile: whoever comes or goes during the walk may be met or not.

        Raises:
            UnknownListError: This workspace has no such list.
        """
        self.get_list(list_id, workspace=workspace)
        return walk_members(self.storage, workspace, [list_id])

    def _id(self, new: NewContact, now: datetime) -> str:
        return new.id if new.id is not None else str(self.ids.new(now))


class _Changing:
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
        _refuse(
            check_number_of_identifiers(count, "/addIdentifiers")
            + check_number_of_attributes(len(changed.attributes or {}), "/attributes")
        )
        self._tx.contacts.save(changed)
        for list_id in changes.remove_from_lists:
            self._tx.lists.leave(self._workspace, list_id, [contact.id])
        for list_id in changes.add_to_lists:
            self._tx.lists.join(self._workspace, list_id, [contact.id])
        return _known(self._tx, self._workspace, contact.id)

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
        return _known(self._tx, self._workspace, found[0]), added

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
        _refuse(
            [
                Violation(f"{path}/{place}", "contact.unknown_list", "there is no such list")
                for place, list_id in enumerate(list_ids)
                if self._tx.lists.get(self._workspace, list_id) is None
            ]
        )


def walk_members(storage: Storage, workspace: UUID, list_ids: Sequence[UUID]) -> Iterator[Contact]:
    """Walk the contacts on any of these lists, each once, a thousand in memory at once."""
    after: str | None = None
    while True:
        with storage.begin(read_only=True) as tx:
            page = tx.lists.members(workspace, list_ids, after=after, limit=MEMBERS_AT_ONCE)
        yield from page
        if len(page) < MEMBERS_AT_ONCE:
            return
        after = page[-1].id


def _changed(contact: Contact, changes: ContactChanges, now: datetime) -> Contact:
    removed = set(changes.remove_identifiers)
    identifiers = {
        _plain(one): one for one in contact.featured_identifiers if _plain(one) not in removed
    }
    identifiers |= {_plain(one): one for one in changes.add_identifiers}
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


def _plain(one: ContactIdentifier) -> Identifier:
    return Identifier(identifier_key=one.key, identifier_value=one.value)


def _ids(
    tx: Transaction, workspace: UUID, contact_ids: Sequence[str], identifiers: Sequence[Identifier]
) -> list[str]:
    found = tx.contacts.by_identifiers(workspace, identifiers) if identifiers else {}
    return list(dict.fromkeys([*contact_ids, *found.values()]))


def _known(tx: Transaction, workspace: UUID, contact_id: str) -> Contact:
    contact = tx.contacts.get(workspace, contact_id)
    if contact is None:
        raise UnknownContactError(contact_id)
    return contact


def _known_list(tx: Transaction, workspace: UUID, list_id: UUID) -> ContactList:
    found = tx.lists.get(workspace, list_id)
    if found is None:
        raise UnknownListError(list_id)
    return found


def _well_formed(kind: type[T], value: T | Mapping[str, Any]) -> T:
    """Hold what was built in code to the types that JSON is held to."""
    return load(kind, dump(value))


def _refuse(violations: Sequence[Violation]) -> None:
    if violations:
        raise InvalidRequestError(violations)


def _check(query: ContactQuery | ContactListQuery) -> list[Violation]:
    return check_page(query.limit, query.page_token)
