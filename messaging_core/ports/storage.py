"""What keeps messages: one transaction at a time, and a few domain verbs inside it."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from messaging_core.models.contact import Contact, Identifier
from messaging_core.models.delivery import (
    Claim,
    Delivery,
    IdempotencyKey,
    NewMessage,
    Settlement,
)
from messaging_core.models.message import Message
from messaging_core.models.query import MessageQuery, Page


class Messages(Protocol):
    """Keep messages and find them again."""

    @abstractmethod
    def add(self, messages: Sequence[NewMessage]) -> None:
        """Keep new messages in the order given, which is the order of listings.

        A message with a `delivery` can be claimed once the transaction is committed.
        All message ids are new, and so are all idempotency keys of a workspace.
        """

    @abstractmethod
    def get(self, workspace: UUID, message_id: UUID) -> Message | None:
        """Return a message of this workspace, or nothing."""

    @abstractmethod
    def find(self, query: MessageQuery) -> Page[Message]:
        """Return one page of a listing.

        The cost of a page is bounded whatever the filters and however many messages there are:
        a page may be short, or empty, and still have a next one. A walk along
        `next_page_token` shows every message once that was there when it began and still
        matches, also while others arrive.

        Raises:
            InvalidQueryError: The page token is not one of this listing.
        """

    @abstractmethod
    def by_keys(
        self, workspace: UUID, keys: Sequence[str]
    ) -> Mapping[str, tuple[UUID, IdempotencyKey]]:
        """Return the message and the stored key for each idempotency key that is in use."""


class Outbox(Protocol):
    """Give out what is to be delivered, to one worker at a time."""

    @abstractmethod
    def claim(self, *, now: datetime, lease: timedelta, limit: int) -> list[Claim]:
        """Lease up to `limit` messages that are due, most urgent first.

        A claimed message has status `processing`, counts one more attempt and is given to nobody
        else before `now + lease`; when the lease ends unsettled it is due again by itself.
        Less urgent lanes get a share of every claim, so that none starves. Messages past their
        expiry are given out too: only the caller decides what becomes of them.
        """

    @abstractmethod
    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Record what became of claimed messages; false where the lease was no longer valid.

        A settlement under a stale fence changes nothing; one under a lease that has ended, but that
        nobody else claimed since, still counts.
        """

    @abstractmethod
    def cancel(self, workspace: UUID, message_id: UUID, *, now: datetime) -> bool:
        """Withdraw a message that waits; its status becomes `deleted`.

        Returns false for a message that is leased, finished, or not there: it is or was sent.
        """

    @abstractmethod
    def delivery(self, workspace: UUID, message_id: UUID) -> Delivery | None:
        """Return how far the delivery of a message has come, or nothing once it is finished."""

    @abstractmethod
    def reschedule(
        self, workspace: UUID, message: Message, *, due_at: datetime, expires_at: datetime
    ) -> bool:
        """Move a message that waits to another time, and keep it as it is given.

        Returns false for a message that is leased, finished, or not there.
        """

    @abstractmethod
    def next_due(self) -> datetime | None:
        """Return when the next message is due, or nothing when none waits."""


class Contacts(Protocol):
    """Keep the people whom messages go to."""

    @abstractmethod
    def ensure(
        self,
        workspace: UUID,
        identifiers: Sequence[Identifier],
        *,
        now: datetime,
        new_id: Callable[[], str],
    ) -> list[str]:
        """Return the contact id for each identifier, creating contacts for those nobody has.

        Identifiers are compared exactly; the same one twice gives the same contact.
        """

    @abstractmethod
    def get(self, workspace: UUID, contact_id: str) -> Contact | None:
        """Return a contact of this workspace, or nothing."""


class Transaction(Protocol):
    """Everything one transaction can do; usable until its `with` block ends."""

    messages: Messages
    outbox: Outbox
    contacts: Contacts


class Storage(Protocol):
    """Keep everything durably; one object serves many threads at once."""

    @abstractmethod
    def begin(
        self, connection: Any = None, *, read_only: bool = False
    ) -> AbstractContextManager[Transaction]:
        """Open a transaction, for a `with` statement.

        It commits when the block ends and rolls back when the block raises. When the block has
        ended without an error, everything in it is durable: it survives a killed process and a
        power cut. Others see all of it or nothing. Transactions that write exclude one another.

        Args:
            connection: The host's own connection, inside the host's own transaction; then the
                storage neither commits nor rolls back.
            read_only: Promise to write nothing, so that nobody has to wait.

        Raises:
            StorageBusyError: Somebody else held the storage for too long; nothing was written.
            StorageError: The storage failed; nothing was written.
        """
