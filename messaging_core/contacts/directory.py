"""Create, change, find and list contacts, and keep contact lists."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from attrs import evolve

from messaging_core.arguments import a, a_text, checked, choice, id_of, optional, uuid
from messaging_core.contacts.editor import ContactEditor, raise_if_invalid, require_contact
from messaging_core.contacts.identifiers import comparison_key
from messaging_core.errors import (
    InvalidRequestError,
    UnknownContactError,
    UnknownListError,
)
from messaging_core.lazy import frozen
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
from messaging_core.ports.storage.repetition import repeated
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.rules.requests.contact import (
    check_contact_changes,
    check_contact_list,
    check_identifier,
    check_new_contact,
)
from messaging_core.rules.requests.query import check_listing
from messaging_core.wire import dump, load
from messaging_core.wire.queries import checked_query

MEMBERS_AT_ONCE = 1000
"""How many members of a list one transaction reads; no more are in memory at once."""

_checked_members: Final = checked(
    list_id=id_of("contact list"),
    contact_ids=contact_ids,
    identifiers=identifiers_of,
    workspace=uuid,
)


@frozen(kw_only=True)
class ContactDirectory:
    """Stores the people whom messages go to; `Messenger.contacts` is one.

    Identifiers are compared as `send` compares them: email addresses ignore case, phone numbers
    ignore punctuation, and identifiers of any other key must be equal. `connection` is the host's
    own database connection, as for `Messenger.send`; then nothing is durable before the host
    commits.
    """

    storage: Storage
    clock: Clock
    ids: Ids
    allow_unassigned_numbers: bool = False

    @checked(workspace=uuid)
    @repeated
    def create(
        self,
        new: NewContact | Mapping[str, Any],
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> Contact:
        """Create a contact.

        Raises:
            ContactConflictError: Another contact has its id or one of its identifiers.
            InvalidRequestError: It breaks rules, or names a list that does not exist; with all
                violations. Nothing was written.
        """
        new = load(NewContact, dump(new))
        raise_if_invalid(check_new_contact(new, allow_unassigned=self.allow_unassigned_numbers))
        now = self.clock.now()
        contact_id = str(self.ids.new(now)) if new.id is None else new.id
        with self.storage.begin(connection) as tx:
            return ContactEditor(tx, workspace, now).create_new(new, contact_id)

    @checked(contact_id=contact_id, workspace=uuid)
    @repeated
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
            ContactConflictError: Another contact has an identifier that the changes add.
            InvalidRequestError: The changes break rules; nothing was written.
            UnknownContactError: This workspace has no such contact.
        """
        changes = load(ContactChanges, dump(changes))
        raise_if_invalid(
            check_contact_changes(changes, allow_unassigned=self.allow_unassigned_numbers)
        )
        now = self.clock.now()
        with self.storage.begin(connection) as tx:
            contact = require_contact(tx, workspace, contact_id)
            return ContactEditor(tx, workspace, now).update(contact, changes)

    @checked(key=a_text, value=a_text, strategy=choice(*Strategy, case=str.lower), workspace=uuid)
    @repeated
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
        """Change the contact that has an identifier, or create one.

        Args:
            key: Kind of the identifier, such as `emailaddress`.
            value: The identifier; it is searched before those that `changes` adds.
            changes: What to change, or the data of a new contact.
            strategy: Which contact is meant if the identifiers belong to several.
            workspace: Its tenant.
            connection: As for `create`.

        Raises:
            ContactConflictError: The identifiers belong to several contacts, which the strategy
                does not allow.
            InvalidRequestError: The identifier or a change breaks rules; nothing was written.
            ArgumentError: The strategy does not exist.
        """
        own = ContactIdentifier(key=key, value=value)
        changes = load(ContactChanges, dump(changes or ContactChanges()))
        allowed = self.allow_unassigned_numbers
        raise_if_invalid(
            check_identifier(own, "", allow_unassigned=allowed)
            + check_contact_changes(changes, allow_unassigned=allowed)
        )
        now = self.clock.now()
        identifiers = {
            comparison_key(identifier): identifier for identifier in (own, *changes.add_identifiers)
        }
        with self.storage.begin(connection) as tx:
            editor = ContactEditor(tx, workspace, now)
            contact, added = editor.choose(tuple(identifiers.values()), Strategy(strategy))
            changes = evolve(changes, add_identifiers=added)
            if contact is None:
                return editor.create(changes, str(self.ids.new(now)))
            return editor.update(contact, changes)

    @checked(contact_id=contact_id, workspace=uuid)
    def get(self, contact_id: str, *, workspace: UUID = DEFAULT_WORKSPACE) -> Contact:
        """Return a contact.

        Raises:
            UnknownContactError: This workspace has no such contact.
        """
        with self.storage.begin(read_only=True) as tx:
            return require_contact(tx, workspace, contact_id)

    @checked(contact_ids=contact_ids, workspace=uuid)
    def names(
        self, contact_ids: Sequence[str], *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> Mapping[str, str]:
        """Return the names to show of contacts, by id; those without a name are left out.

        All are read in one transaction, one look-up each.
        """
        with self.storage.begin(read_only=True) as tx:
            contacts = [tx.contacts.get(workspace, own) for own in dict.fromkeys(contact_ids)]
        return {
            own.id: own.computed_display_name
            for own in contacts
            if own and own.computed_display_name
        }

    @checked(
        query=optional(a(ContactQuery, "a ContactQuery", "write find(ContactQuery(limit=100))"))
    )
    def find(self, query: ContactQuery | None = None) -> Page[Contact]:
        """Return one page of contacts, in the order of their ids.

        Raises:
            InvalidQueryError: A filter, the limit or the page token is invalid.
        """
        query = checked_query(query or ContactQuery(), check_listing)
        with self.storage.begin(read_only=True) as tx:
            return tx.contacts.find(query)

    @checked(contact_id=contact_id, workspace=uuid)
    @repeated
    def delete(
        self, contact_id: str, *, workspace: UUID = DEFAULT_WORKSPACE, connection: Any = None
    ) -> None:
        """Delete a contact; its messages and the suppressions of its addresses stay.

        Raises:
            UnknownContactError: This workspace has no such contact.
        """
        with self.storage.begin(connection) as tx:
            if not tx.contacts.delete(workspace, contact_id):
                raise UnknownContactError(contact_id)

    @checked(workspace=uuid)
    @repeated
    def create_list(
        self,
        name: str,
        *,
        description: str | None = None,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> ContactList:
        """Create a contact list.

        Raises:
            InvalidRequestError: The name is not 2 to 256 characters, or another list has it.
        """
        now = self.clock.now()
        contact_list = ContactList(
            id=self.ids.new(now),
            workspace_id=workspace,
            name=name,
            description=description,
            created_at=now,
            updated_at=now,
        )
        raise_if_invalid(check_contact_list(load(ContactList, dump(contact_list))))
        with self.storage.begin(connection) as tx:
            if tx.lists.by_names(workspace, [name]):
                message = "another list of this workspace has this name; choose another name"
                raise InvalidRequestError([Violation("/name", "list.name_taken", message)])
            tx.lists.save(contact_list)
        return contact_list

    @checked(list_id=id_of("contact list"), workspace=uuid)
    def get_list(self, list_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> ContactList:
        """Return a contact list.

        Raises:
            UnknownListError: This workspace has no such list.
        """
        with self.storage.begin(read_only=True) as tx:
            return _require_list(tx, workspace, list_id)

    @checked(
        query=optional(
            a(ContactListQuery, "a ContactListQuery", "write lists(ContactListQuery(limit=100))")
        )
    )
    def lists(self, query: ContactListQuery | None = None) -> Page[ContactList]:
        """Return one page of contact lists, in the order of their names.

        Raises:
            InvalidQueryError: The limit or the page token is invalid.
        """
        query = checked_query(query or ContactListQuery(), check_listing)
        with self.storage.begin(read_only=True) as tx:
            return tx.lists.find(query)

    @checked(list_id=id_of("contact list"), workspace=uuid)
    @repeated
    def delete_list(
        self, list_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE, connection: Any = None
    ) -> None:
        """Delete a contact list; its members stay contacts.

        Raises:
            UnknownListError: This workspace has no such list.
        """
        with self.storage.begin(connection) as tx:
            if not tx.lists.delete(workspace, list_id):
                raise UnknownListError(list_id)

    @_checked_members
    @repeated
    def add_to_list(
        self,
        list_id: UUID,
        contact_ids: Sequence[str] = (),
        *,
        identifiers: Sequence[Identifier] = (),
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> int:
        """Add contacts to a list, by id or identifier, and return how many were added.

        Members of the list and unknown contacts are ignored.

        Raises:
            UnknownListError: This workspace has no such list.
        """
        with self.storage.begin(connection) as tx:
            _require_list(tx, workspace, list_id)
            return tx.lists.add_members(
                workspace, list_id, _ids(tx, workspace, contact_ids, identifiers)
            )

    @_checked_members
    @repeated
    def remove_from_list(
        self,
        list_id: UUID,
        contact_ids: Sequence[str] = (),
        *,
        identifiers: Sequence[Identifier] = (),
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> int:
        """Remove contacts from a list, by id or identifier, and return how many were on it.

        Raises:
            UnknownListError: This workspace has no such list.
        """
        with self.storage.begin(connection) as tx:
            _require_list(tx, workspace, list_id)
            return tx.lists.remove_members(
                workspace, list_id, _ids(tx, workspace, contact_ids, identifiers)
            )

    @checked(list_id=id_of("contact list"), workspace=uuid)
    def members(self, list_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> Iterator[Contact]:
        """Yield the members of a list, in the order of their ids.

        A thousand are in memory at once, and no transaction stays open between two thousands.
        Members that are added or removed meanwhile may be yielded or not.

        Raises:
            UnknownListError: This workspace has no such list.
        """
        self.get_list(list_id, workspace=workspace)
        return walk_members(self.storage, workspace, [list_id])


def walk_members(storage: Storage, workspace: UUID, list_ids: Sequence[UUID]) -> Iterator[Contact]:
    """Yield each contact that is on any of these lists once, a thousand in memory at once."""
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
    owners = tx.contacts.by_identifiers(workspace, identifiers) if identifiers else {}
    return list(dict.fromkeys([*contact_ids, *owners.values()]))


def _require_list(tx: Transaction, workspace: UUID, list_id: UUID) -> ContactList:
    contact_list = tx.lists.get(workspace, list_id)
    if contact_list is None:
        raise UnknownListError(list_id)
    return contact_list
