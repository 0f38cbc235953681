"""The storage port: one transaction with a store for each topic."""

from messaging_core.ports.storage.access_keys import AccessKeyStore
from messaging_core.ports.storage.audit import AuditLog, ExpiringRecords
from messaging_core.ports.storage.content import ShortLinks, Templates
from messaging_core.ports.storage.directory import ContactLists, Contacts, Suppressions
from messaging_core.ports.storage.messages import Messages
from messaging_core.ports.storage.outbox import Outbox
from messaging_core.ports.storage.rates import Rates
from messaging_core.ports.storage.receipts import Receipts
from messaging_core.ports.storage.received_files import ReceivedFiles
from messaging_core.ports.storage.retention import Retention
from messaging_core.ports.storage.rollups import RollupStore
from messaging_core.ports.storage.send_history import SendHistory
from messaging_core.ports.storage.timeline import Timeline
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.ports.storage.webhooks import Webhooks
from messaging_core.ports.storage.workers import WorkerStore

__all__ = [
    "AccessKeyStore",
    "AuditLog",
    "ContactLists",
    "Contacts",
    "ExpiringRecords",
    "Messages",
    "Outbox",
    "Rates",
    "Receipts",
    "ReceivedFiles",
    "Retention",
    "RollupStore",
    "SendHistory",
    "ShortLinks",
    "Storage",
    "Suppressions",
    "Templates",
    "Timeline",
    "Transaction",
    "Webhooks",
    "WorkerStore",
]
