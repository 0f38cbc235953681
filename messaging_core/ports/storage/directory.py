"""What keeps people: who they are, the lists they are on, and what they must not get."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

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


class Contacts(Protocol):
    """Keep the people whom messages go to.

    Keys of identifiers are compared exactly, values as `rules.addresses.address_key` does: email
    addresses without regard to case, phone numbers in whatever spelling, any other exactly. What a
    contact is saved with comes back as it was spelt.
    """

    @abstractmethod
    def ensure(
        self,
        workspace: UUID,
        identifiers: Sequence[Identifier],
        *,
        now: datetime,
        new_id: Callable[[], str],
    ) -> list[str]:
        """Return the contact id for each identifier, and create contacts for new identifiers.

        Identifiers are compared within their workspace; the same one twice, in whatever spelling,
        gives the same contact. A new contact has its identifier as it is given first, and was
        created `now`.
        """

    @abstractmethod
    def get(self, workspace: UUID, contact_id: str, *, stays: bool = True) -> Contact | None:
        """Return a contact of this workspace, or nothing.

        Its `list_ids` are the lists that it is on now, in ascending order.

        Args:
            workspace: Its tenant.
            contact_id: Its id.
            stays: As for `Suppressions.for_addresses`.
        """

    @abstractmethod
    def by_identifiers(
        self, workspace: UUID, identifiers: Sequence[Identifier]
    ) -> Mapping[Identifier, str]:
        """Return the contact id for each identifier, as it is given, that a contact has."""

    @abstractmethod
    def add(self, contacts: Sequence[Contact]) -> None:
        """Keep new contacts, all with one write.

        No contact of their workspace has the id of any of them, or one of its identifiers.
        `list_ids` are ignored, as by `save`.
        """

    @abstractmethod
    def save(self, contact: Contact) -> None:
        """Keep a contact, in place of what was kept under its id.

        No other contact has any of its identifiers; those that it had and has no more are free
        from then on. `list_ids` are ignored: lists say who is on them.
        """

    @abstractmethod
    def delete(self, workspace: UUID, contact_id: str) -> bool:
        """Forget a contact, its identifiers, and that it was on lists; false where there is none.

        What its addresses are suppressed for stays, and so do messages.
        """

    @abstractmethod
    def find(self, query: ContactQuery) -> Page[Contact]:
        """Return one page of contacts, in ascending order of their ids.

        The cost of a page does not grow with the number of contacts or the place of the page. Ids
        are compared by their code points. A walk shows every contact once that was there when it
        began and still matches.

        Raises:
            InvalidQueryError: The page token is not one of this listing.
        """


class ContactLists(Protocol):
    """Keep lists of contacts, and who is on them."""

    @abstractmethod
    def save(self, contact_list: ContactList) -> None:
        """Keep a list, in place of what was kept under its id; no other has its name."""

    @abstractmethod
    def get(self, workspace: UUID, list_id: UUID) -> ContactList | None:
        """Return a list of this workspace, or nothing."""

    @abstractmethod
    def by_names(self, workspace: UUID, names: Sequence[str]) -> Mapping[str, UUID]:
        """Return the id of each list whose name is given; names are compared exactly."""

    @abstractmethod
    def find(self, query: ContactListQuery) -> Page[ContactList]:
        """Return one page of lists, in ascending order of their names.

        Raises:
            InvalidQueryError: The page token is not one of this listing.
        """

    @abstractmethod
    def delete(self, workspace: UUID, list_id: UUID) -> bool:
        """Forget a list; its contacts stay. False where there is none."""

    @abstractmethod
    def add_members(self, workspace: UUID, list_id: UUID, contact_ids: Sequence[str]) -> int:
        """Put contacts on a list, and return how many were not on it before.

        A list or contact that the workspace does not have is passed over.
        """

    @abstractmethod
    def remove_members(self, workspace: UUID, list_id: UUID, contact_ids: Sequence[str]) -> int:
        """Take contacts off a list, and return how many were on it."""

    @abstractmethod
    def members(
        self, workspace: UUID, list_ids: Sequence[UUID], *, after: str | None, limit: int
    ) -> list[Contact]:
        """Return the first contacts beyond an id that are on any of these lists, each once.

        They come in ascending order of their ids, compared by code points. The cost grows with
        `limit` and the number of lists, not with how many contacts are on them.
        """


class Suppressions(Protocol):
    """Keep what addresses must not get, whether or not a contact has them.

    Addresses are compared as `rules.addresses.address_key` does: email without regard to case,
    phone numbers without punctuation; senders as `rules.consent.sender_key` does.
    """

    @abstractmethod
    def add(self, workspace: UUID, suppressions: Sequence[Suppression]) -> None:
        """Keep suppressions; of the same address, scope, sender and cause the first one stays."""

    @abstractmethod
    def has_any(self) -> bool:
        """Return whether any workspace has a suppression; this must be cheap."""

    @abstractmethod
    def lift(
        self,
        workspace: UUID,
        identifier: Identifier,
        *,
        scope: SuppressionScope,
        sender: str | None = None,
        causes: Collection[SuppressionCause] = (),
    ) -> int:
        """Forget suppressions of an address in one scope, and return how many there were.

        Args:
            workspace: Their tenant.
            identifier: The address.
            scope: Only this one.
            sender: In scope `sender`, from whom.
            causes: Only those; without any, whatever the cause.
        """

    @abstractmethod
    def record_opt_in(
        self, workspace: UUID, identifier: Identifier, *, sender: str, at: datetime
    ) -> None:
        """Remember when a person asked a sender for messages; the latest such moment stays."""

    @abstractmethod
    def opted_in_at(
        self, workspace: UUID, identifier: Identifier, *, sender: str
    ) -> datetime | None:
        """Return when a person last asked a sender for messages, or nothing."""

    @abstractmethod
    def for_addresses(
        self, workspace: UUID, identifiers: Sequence[Identifier], *, stays: bool = True
    ) -> Mapping[Identifier, Sequence[Suppression]]:
        """Return the suppressions of each address as it is given; those without are left out.

        They come by scope, sender and cause.

        Args:
            workspace: The tenant of the addresses.
            identifiers: The addresses.
            stays: Whether it must still be so when this transaction ends, see `Storage.begin`. Who
                looks again before anything is sent needs no such promise, and delays no other.
        """

    @abstractmethod
    def find(self, query: SuppressionQuery) -> Page[Suppression]:
        """Return one page of suppressions, by key, address, scope, sender and cause.

        The cost of a page is bounded: it may be short, or empty, and still have a next one.

        Raises:
            InvalidQueryError: The page token is not one of this listing.
        """
