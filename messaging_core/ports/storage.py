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
    Lease,
    NewMessage,
    Settlement,
    Withdrawal,
)
from messaging_core.models.message import Message
from messaging_core.models.query import MessageQuery, Page


class Messages(Protocol):
    """Keep messages and find them again."""

    @abstractmethod
    def add(self, messages: Sequence[NewMessage]) -> None:
        """Keep new messages in the order given, which is the order of listings.

        The order is that of commits and of this call, whatever `created_at` and the ids say. A
        message with a `delivery` can be claimed once the transaction is committed; it has one
        exactly when its status is one that waits. All message ids are new, and so are all
        idempotency keys of a workspace. Everything is kept as it is given, but for
        `Failure.retry`, which nobody needs once it was acted on.
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
        matches, also while others arrive and while statuses change. No filter looks into another
        workspace, and a value that no message can have finds nothing.

        Args:
            query: A listing that the rules allow: the limit is 1 to 1000, and so are the values
                of each filter. Tags and email addresses are compared without regard to case, and
                words of a subject without regard to case and accents. A word in which punctuation
                joins several stands for them next to one another; a search without a word finds
                nothing.

        Raises:
            InvalidQueryError: The page token is not one of this listing.
        """

    @abstractmethod
    def by_keys(
        self, workspace: UUID, keys: Sequence[str]
    ) -> Mapping[str, tuple[UUID, IdempotencyKey]]:
        """Return the message and the stored key for each idempotency key that is in use.

        Keys belong to their workspace; those of this transaction are found too.
        """


class Outbox(Protocol):
    """Give out what is to be delivered, to one worker at a time."""

    @abstractmethod
    def claim(
        self, *, now: datetime, lease: timedelta, limit: int, suspects: bool = True
    ) -> list[Claim]:
        """Lease up to `limit` messages of all workspaces that are due, most urgent first.

        A claimed message has status `processing`, counts one more attempt and is given to nobody
        else before `now + lease`, whatever `now` they say; when the lease ends unsettled it is due
        again by itself, and its fence grows with every claim. Within a lane, what is due longest
        goes first, and then what was added first. Less urgent lanes get a share of every claim of
        four or more, so that none starves. Messages past their expiry are given out too: only the
        caller decides what becomes of them.

        A claim of a message whose lease has ended unsettled counts a crash. Messages that have
        crashed before are suspects: a claim holds at most one, the one due longest, as its last,
        so that a message that kills workers does not take others along. One that cannot be read
        any more is never given out and stops no other: it ends as `sending_failed`, its reason
        `poisoned`.

        Args:
            now: The present.
            lease: How long nobody else gets them.
            limit: How many at most, a suspect among them.
            suspects: False when the caller still works on a suspect: then there is none.
        """

    @abstractmethod
    def hand_over(self, leases: Sequence[Lease], *, now: datetime) -> list[Withdrawal | None]:
        """Mark leased messages as passing the point of no return; all marks share one commit.

        The mark is made for a lease whose fence is the latest, that has not ended at `now` and was
        not marked before, on a message that has not expired. Nothing is returned for it; from then
        on the message cannot be cancelled, and when its lease ends unsettled the next claim finds
        it in doubt: its `details` are `in_doubt`. For every other lease the reason comes back why
        its message may not go, and nothing has changed.
        """

    @abstractmethod
    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Record what became of claimed messages; false where the lease was no longer valid.

        A settlement under a stale fence changes nothing, and spoils no other beside it; one under a
        lease that has ended, but that nobody else claimed since, still counts. A lease is settled
        once: of two settlements only the first counts. The message shows what the settlement
        says, and what it leaves out is gone; filters find it as it is from then on. With
        `next_due_at` it waits on, with a status that waits, and keeps `accepted` and `refused` for
        the next claim, and counts a crash when it
        says so; without, it is finished and never given out again.
        """

    @abstractmethod
    def cancel(self, workspace: UUID, message_id: UUID, *, now: datetime) -> bool:
        """Withdraw a message that waits; its status becomes `deleted`.

        It may be between two attempts, or leased and not handed over yet: then handing it over
        fails. Returns false for a message that was handed over under a lease not settled since,
        that is finished, or not in this workspace: it is or was sent.
        """

    @abstractmethod
    def delivery(self, workspace: UUID, message_id: UUID) -> Delivery | None:
        """Return how far the delivery of a message has come, or nothing once it is finished.

        While a message is leased, it is due when its lease ends.
        """

    @abstractmethod
    def reschedule(
        self, workspace: UUID, message: Message, *, due_at: datetime, expires_at: datetime
    ) -> bool:
        """Move a message that waits to another time, and keep it as it is given.

        Only its status, the reasons for it and its times may differ from what was added.
        Attempts, progress and lane stay, and a lease that has ended can no longer be settled.
        Returns false for a message that is leased at `message.updated_at`, finished, or not in
        this workspace; then nothing has changed.
        """

    @abstractmethod
    def next_due(self) -> datetime | None:
        """Return when the next message is due, or nothing when none waits.

        That may be in the past, and for leased messages is when their lease ends.
        """


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

        Identifiers are compared exactly, and within their workspace; the same one twice gives the
        same contact. A new contact has its identifier, and was created `now`.
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

        It commits when the block ends and rolls back when the block raises, whatever it raises:
        then nothing of it is left, and it can be done again. When the block has ended without an
        error, everything in it is durable: it survives a killed process and a power cut. Others
        see all of it or nothing, and the block sees what it wrote. Transactions that write exclude
        one another. Pages that were found can be read after the block.

        Args:
            connection: The host's own connection, inside the host's own transaction; then the
                storage neither commits nor rolls back. A block that raises still leaves nothing
                of itself in the host's transaction.
            read_only: Promise to write nothing, so that nobody has to wait.

        Raises:
            StorageBusyError: Somebody else held the storage for too long; nothing was written.
            StorageError: The storage failed; nothing was written.
        """
