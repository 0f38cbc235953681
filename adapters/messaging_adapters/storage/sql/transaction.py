"""One transaction of a storage in an SQL database: a store for each part of the port."""

from messaging_adapters.storage.sql.dialect import Dialect
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

    Attributes:
        dialect: How the database does what the stores share.
    """

    def __init__(self, dialect: Dialect, scan_budget: int) -> None:
        self.dialect = dialect
        self.messages = SqlMessages(dialect, scan_budget)
        self.outbox = SqlOutbox(dialect)
        self.contacts = SqlContacts(dialect)
        self.lists = SqlContactLists(dialect)
        self.suppressions = SqlSuppressions(dialect)
        self.receipts = SqlReceipts(dialect)
        self.timeline = SqlTimeline(dialect)
        self.send_history = SqlSendHistory(dialect)
        self.retention = SqlRetention(dialect)
        self.templates = SqlTemplates(dialect)
        self.short_links = SqlShortLinks(dialect)
        self.webhooks = SqlWebhooks(dialect)
        self.access_keys = SqlAccessKeys(dialect)
        self.audit = SqlAuditLog(dialect)
        self.records = SqlExpiringRecords(dialect)
        self.workers = SqlWorkers(dialect)
        self.rates = SqlRates(dialect)
        self.rollups = SqlRollups(dialect)
        self.received_files = SqlReceivedFiles(dialect)
