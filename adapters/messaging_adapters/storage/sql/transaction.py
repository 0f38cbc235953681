"""One transaction of a storage in an SQL database: a store for each part of the port."""

from sqlite3 import Cursor

from messaging_adapters.storage.sql.stores.access_keys import SqlAccessKeys
from messaging_adapters.storage.sql.stores.audit import SqlAuditLog, SqlExpiringRecords
from messaging_adapters.storage.sql.stores.contacts import SqlContacts
from messaging_adapters.storage.sql.stores.lists import SqlContactLists
from messaging_adapters.storage.sql.stores.messages import SqlMessages
from messaging_adapters.storage.sql.stores.outbox import SqlOutbox
from messaging_adapters.storage.sql.stores.rates import SqlRates
from messaging_adapters.storage.sql.stores.receipts import SqlReceipts
from messaging_adapters.storage.sql.stores.received_files import SqlReceivedFiles
from messaging_adapters.storage.sql.stores.retention import SqlRetention
from messaging_adapters.storage.sql.stores.rollups import SqlRollups
from messaging_adapters.storage.sql.stores.send_history import SqlSendHistory
from messaging_adapters.storage.sql.stores.short_links import SqlShortLinks
from messaging_adapters.storage.sql.stores.suppressions import SqlSuppressions
from messaging_adapters.storage.sql.stores.templates import SqlTemplates
from messaging_adapters.storage.sql.stores.timeline import SqlTimeline
from messaging_adapters.storage.sql.stores.webhooks import SqlWebhooks
from messaging_adapters.storage.sql.stores.workers import SqlWorkers
from messaging_core.ports.storage.transaction import Transaction


class SqlTransaction(Transaction):
    """Everything one transaction can do, through one cursor.

    A database replaces those stores that need statements of its own.
    """

    def __init__(self, cursor: Cursor, scan_budget: int) -> None:
        self.messages = SqlMessages(cursor, scan_budget)
        self.outbox = SqlOutbox(cursor)
        self.contacts = SqlContacts(cursor)
        self.lists = SqlContactLists(cursor)
        self.suppressions = SqlSuppressions(cursor)
        self.receipts = SqlReceipts(cursor)
        self.timeline = SqlTimeline(cursor)
        self.send_history = SqlSendHistory(cursor)
        self.retention = SqlRetention(cursor)
        self.templates = SqlTemplates(cursor)
        self.short_links = SqlShortLinks(cursor)
        self.webhooks = SqlWebhooks(cursor)
        self.access_keys = SqlAccessKeys(cursor)
        self.audit = SqlAuditLog(cursor)
        self.records = SqlExpiringRecords(cursor)
        self.workers = SqlWorkers(cursor)
        self.rates = SqlRates(cursor)
        self.rollups = SqlRollups(cursor)
        self.received_files = SqlReceivedFiles(cursor)
