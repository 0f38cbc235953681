"""The contacts of a host: make, change, find and list them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from attrs import evolve, frozen

from messaging_core.arguments import a, a_text, checked, choice, id_of, optional, uuid
from messaging_core.contacts.editor import ContactEditor, known_contact, refuse
from messaging_core.errors import (
    InvalidRequestError,
    UnknownContactError,
    UnknownListError,
)
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.page import Page
from messaging_core.models.common.violation import Violation
from messaging_core.models.people.contact import Contact, ContactIdentifier
from messaging_core.models.people.directory import (
    ContactChanges,
    ContactList,
    ContactListQuery,
    ContactQuery,
    NewContact,
    Strategy,
)
from messaging_core.ports.clock import Clock, Ids
from messaging_core.ports.components import contact_id, contact_ids, identifiers_of
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.rules.addressing.addresses import address_key
from messaging_core.rules.requests.contact import (
    check_contact_changes,
    check_contact_list,
    check_identifier,
    check_new_contact,
)
from messaging_core.rules.requests.query import check_page
from messaging_core.wire import dump, load
from messaging_core.wire.queries import checked_query

MEMBERS_AT_ONCE = 1000
"""How many members of a list are read in one transaction, and are in memory at once."""

T = TypeVar("T")


@frozen(kw_only=True)
class ContactDirectory:
    """Know the people whom messages go to; `Messenger.contacts` is one.

    Identifiers are compared as they are when a message is sent: email addresses without regard to
    case, phone numbers in whatever spelling, those of any other key exactly. `connection` is the
    host's own database connection, as for `Messenger.send`; then nothing is durable before the
    host commits.
    """

    storage: Storage
    clock: Clock
    ids: Ids
    allow_unassigned_numbers: bool = False

    @checked(workspace=uuid)
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
        refuse(check_new_contact(new, allow_unassigned=self.allow_unassigned_numbers))
        now = self.clock.now()
        with self.storage.begin(connection) as tx:
            return ContactEditor(tx, workspace, now).create(new, self._id(new, now))

    @checked(contact_id=contact_id, workspace=uuid)
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
        refuse(check_contact_changes(changes, allow_unassigned=self.allow_unassigned_numbers))
        now = self.clock.now()
        with self.storage.begin(connection) as tx:
            contact = known_contact(tx, workspace, contact_id)
            return ContactEditor(tx, workspace, now).update(contact, changes)

    @checked(key=a_text, value=a_text, strategy=choice(*Strategy, case=str.lower), workspace=uuid)
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
            ArgumentError: There is no such strategy.
        """
        own = ContactIdentifier(key=key, value=value)
        changes = _well_formed(ContactChanges, changes or ContactChanges())
        allowed = self.allow_unassigned_numbers
        refuse(
            check_identifier(own, "", allow_unassigned=allowed)
            + check_contact_changes(changes, allow_unassigned=allowed)
        )
        now = self.clock.now()
        identifiers = tuple(
            {
                (one.key, address_key(one.key, one.value)): one
                for one in (own, *changes.add_identifiers)
            }.values()
        )
        with self.storage.begin(connection) as tx:
            changing = ContactEditor(tx, workspace, now)
            contact, added = changing.choose(identifiers, Strategy(strategy))
            if contact is None:
                return changing.make(evolve(changes, add_identifiers=added), str(self.ids.new(now)))
            return changing.update(contact, evolve(changes, add_identifiers=added))

    @checked(contact_id=contact_id, workspace=uuid)
    def get(self, contact_id: str, *, workspace: UUID = DEFAULT_WORKSPACE) -> Contact:
        """Return a contact as it is now.

        Raises:
            UnknownContactError: This workspace has no such contact.
        """
        with self.storage.begin(read_only=True) as tx:
            return known_contact(tx, workspace, contact_id)

    @checked(
        query=optional(a(ContactQuery, "a ContactQuery", "write find(ContactQuery(limit=100))"))
    )
    def find(self, query: ContactQuery | None = None) -> Page[Contact]:
        """Return one page of contacts, in the order of their ids.

        Raises:
            InvalidQueryError: A filter, the limit or the page token is wrong.
        """
        query = checked_query(query or ContactQuery(), _check)
        with self.storage.begin(read_only=True) as tx:
            return tx.contacts.find(query)

    @checked(contact_id=contact_id, workspace=uuid)
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

    @checked(workspace=uuid)
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
        refuse(check_contact_list(_well_formed(ContactList, made)))
        with self.storage.begin(connection) as tx:
            if tx.lists.by_names(workspace, [name]):
                message = "another list of this workspace has this name"
                raise InvalidRequestError([Violation("/name", "list.name_taken", message)])
            tx.lists.save(made)
        return made

    @checked(list_id=id_of("contact list"), workspace=uuid)
    def get_list(self, list_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> ContactList:
        """Return a list.

        Raises:
            UnknownListError: This workspace has no such list.
        """
        with self.storage.begin(read_only=True) as tx:
            return _known_list(tx, workspace, list_id)

    @checked(
        query=optional(
            a(ContactListQuery, "a ContactListQuery", "write lists(ContactListQuery(limit=100))")
        )
    )
    def lists(self, query: ContactListQuery | None = None) -> Page[ContactList]:
        """Return one page of lists, in the order of their names.

        Raises:
            InvalidQueryError: The limit or the page token is wrong.
        """
        query = checked_query(query or ContactListQuery(), _check)
        with self.storage.begin(read_only=True) as tx:
            return tx.lists.find(query)

    @checked(list_id=id_of("contact list"), workspace=uuid)
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

    @checked(
        list_id=id_of("contact list"),
        contact_ids=contact_ids,
        identifiers=identifiers_of,
        workspace=uuid,
    )
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

    @checked(
        list_id=id_of("contact list"),
        contact_ids=contact_ids,
        identifiers=identifiers_of,
        workspace=uuid,
    )
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

    @checked(list_id=id_of("contact list"), workspace=uuid)
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


def _ids(
    tx: Transaction, workspace: UUID, contact_ids: Sequence[str], identifiers: Sequence[Identifier]
) -> list[str]:
    found = tx.contacts.by_identifiers(workspace, identifiers) if identifiers else {}
    return list(dict.fromkeys([*contact_ids, *found.values()]))


def _known_list(tx: Transaction, workspace: UUID, list_id: UUID) -> ContactList:
    found = tx.lists.get(workspace, list_id)
    if found is None:
        raise UnknownListError(list_id)
    return found


def _well_formed(kind: type[T], value: T | Mapping[str, Any]) -> T:
    """Hold what was built in code to the types that JSON is held to."""
    return load(kind, dump(value))


def _check(query: ContactQuery | ContactListQuery) -> list[Violation]:
    return check_page(query.limit, query.page_token)
