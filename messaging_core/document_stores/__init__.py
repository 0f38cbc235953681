"""Stores of the storage port over documents, for storages that have no tables for them."""

from messaging_core.document_stores.access_keys import DocumentAccessKeys
from messaging_core.document_stores.audit import DocumentAuditLog
from messaging_core.document_stores.rates import DocumentRates
from messaging_core.document_stores.records import DocumentRecords
from messaging_core.document_stores.send_history import DocumentSendHistory
from messaging_core.document_stores.templates import DocumentTemplates
from messaging_core.document_stores.workers import DocumentWorkers

__all__ = [
    "DocumentAccessKeys",
    "DocumentAuditLog",
    "DocumentRates",
    "DocumentRecords",
    "DocumentSendHistory",
    "DocumentTemplates",
    "DocumentWorkers",
]
