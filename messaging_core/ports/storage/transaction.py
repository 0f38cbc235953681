"""The storage port: transactions, and the stores inside one."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from messaging_core.models.delivery.health import DiskSpace
from messaging_core.ports.storage.access_keys import AccessKeyStore
from messaging_core.ports.storage.audit import AuditLog, ExpiringRecords
from messaging_core.ports.storage.content import ShortLinks, Templates
from messaging_core.ports.storage.directory import ContactLists, Contacts, Suppressions
from messaging_core.ports.storage.early_outbox import EarlyOutbox
from messaging_core.ports.storage.messages import Messages
from messaging_core.ports.storage.outbox import Outbox
from messaging_core.ports.storage.rates import Rates
from messaging_core.ports.storage.receipts import Receipts
from messaging_core.ports.storage.received_files import ReceivedFiles
from messaging_core.ports.storage.retention import Retention
from messaging_core.ports.storage.rollups import RollupStore
from messaging_core.ports.storage.send_history import SendHistory
from messaging_core.ports.storage.timeline import Timeline
from messaging_core.ports.storage.webhooks import Webhooks
from messaging_core.ports.storage.workers import WorkerStore


class Transaction(Protocol):
    """The stores of one transaction; usable until its `with` block ends.

    Attributes:
        early_outbox: Where the storage can end this transaction with one of its steps.
    """

    messages: Messages
    outbox: Outbox
    contacts: Contacts
    lists: ContactLists
    suppressions: Suppressions
    receipts: Receipts
    timeline: Timeline
    send_history: SendHistory
    retention: Retention
    templates: Templates
    short_links: ShortLinks
    webhooks: Webhooks
    access_keys: AccessKeyStore
    rates: Rates
    workers: WorkerStore
    audit: AuditLog
    records: ExpiringRecords
    rollups: RollupStore
    received_files: ReceivedFiles
    early_outbox: EarlyOutbox | None = None


class Storage(Protocol):
    """Store everything durably; one object serves many threads at once."""

    @abstractmethod
    def begin(
        self, connection: Any = None, *, read_only: bool = False
    ) -> AbstractContextManager[Transaction]:
        """Open a transaction, for a `with` statement.

        It commits when the block ends, and rolls back when the block raises anything. After a
        rollback nothing of it is left, and the caller may repeat it. After a commit everything
        survives a killed process and a power cut. Other transactions see all of it or nothing; the
        block itself sees what it wrote. Pages that were found can be read after the block.

        Several transactions may be open at once. A storage may let those that write take turns.
        One that does not makes them wait for one another where both decide about the same thing,
        so that the second sees what the first did:

        - `Outbox.claim` never gives a message to two callers;
        - a message that a writing transaction has read, settled, marked or changed, its delivery
          and its evidence stay as they are until that transaction ends. So do a contact, a
          template and a webhook subscription that it has read, except with `stays=False`;
        - so do the idempotency keys that `Messages.by_keys` was asked for, whether they are in
          use or not, and a receipt that `Receipts.is_pending` was asked for;
        - so do what `Suppressions.for_addresses` said of an address, except with `stays=False`, and
          `SendHistory.since` of a contact;
        - a contact list that a transaction adds members to is not deleted before it ends, and
          then loses these members, too;
        - of two that add the same identifier, receipt, name or code, the second finds that of the
          first, or raises `StorageConflictError`.

        A transaction that finds itself in the way of another may be rolled back; it raises
        `StorageConflictError`, and the caller repeats all of it (see `repeated`).

        Args:
            connection: The host's own connection, inside the host's own transaction. Then the
                storage neither commits nor rolls back. A block that raises still leaves nothing
                of itself in the host's transaction.
            read_only: The block writes nothing, so it keeps no writer waiting. With the host's
                connection it sees what the host's transaction wrote, and locks nothing in it.

        In a block of `time_limit.reads_until`, a transaction of the storage's own that writes
        nothing does not begin after the deadline, and does not wait for others beyond it. A
        database also interrupts it at the deadline, in the middle of a statement. Afterwards the
        storage is as before.

        Raises:
            StorageBusyError: Another transaction held the storage for too long; nothing was
                written.
            ReadTimeoutError: The deadline for reads has passed.
            StorageConflictError: Two transactions met, and this one gave way; nothing was written.
            CommitUnknownError: The connection was lost during the commit.
            StorageError: The storage failed; nothing was written.
        """


@runtime_checkable
class SupportsDiskSpace(Protocol):
    """A storage that knows how much room its disk has."""

    @abstractmethod
    def disk_space(self) -> DiskSpace | None:
        """Return the room on the disk, or nothing if the storage needs none or cannot tell."""
