"""Stores of the storage port over documents, for storages that have no tables for them."""

from messaging_core.document_stores.access_keys import DocumentAccessKeys
from messaging_core.document_stores.audit import DocumentAuditLog
from messaging_core.document_stores.contacts import DocumentContacts
from messaging_core.document_stores.lists import DocumentContactLists
from messaging_core.document_stores.rates import DocumentRates
from messaging_core.document_stores.receipts import DocumentReceipts
from messaging_core.document_stores.received_files import DocumentReceivedFiles
from messaging_core.document_stores.records import DocumentRecords
from messaging_core.document_stores.retention import DocumentRetention
from messaging_core.document_stores.rollups import DocumentRollups
from messaging_core.document_stores.send_history import DocumentSendHistory
from messaging_core.document_stores.short_links import DocumentShortLinks
from messaging_core.document_stores.suppressions import DocumentSuppressions
from messaging_core.document_stores.templates import DocumentTemplates
from messaging_core.document_stores.timeline import DocumentTimeline
from messaging_core.document_stores.webhooks import DocumentWebhooks
from messaging_core.document_stores.workers import DocumentWorkers

__all__ = [
    "DocumentAccessKeys",
    "DocumentAuditLog",
    "DocumentContactLists",
    "DocumentContacts",
    "DocumentRates",
    "DocumentReceipts",
    "DocumentReceivedFiles",
    "DocumentRecords",
    "DocumentRetention",
    "DocumentRollups",
    "DocumentSendHistory",
    "DocumentShortLinks",
    "DocumentSuppressions",
    "DocumentTemplates",
    "DocumentTimeline",
    "DocumentWebhooks",
    "DocumentWorkers",
]
