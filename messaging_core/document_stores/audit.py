"""The audit log as documents: listed by id, and found by message."""

from datetime import datetime
from itertools import takewhile
from typing import Final
from uuid import UUID

from messaging_core.document_stores.store import DocumentStore
from messaging_core.models.common.audit import AuditEntry
from messaging_core.ports.storage.audit import AuditLog
from messaging_core.ports.storage.documents import Document
from messaging_core.wire import encode, load

_KIND: Final = "audit"
_HIGHEST: Final = "~"
"""Beyond every id."""


class DocumentAuditLog(DocumentStore, AuditLog):
    """Keep the audit log as documents."""

    def append(self, entry: AuditEntry) -> None:
        key = None if entry.message_id is None else str(entry.message_id)
        document = Document(str(entry.id), encode(entry), key)
        self._documents.put(_KIND, entry.workspace_id, document)

    def find(
        self,
        workspace: UUID,
        *,
        limit: int,
        message_id: UUID | None = None,
        before: UUID | None = None,
    ) -> list[AuditEntry]:
        beyond = _HIGHEST if before is None else str(before)
        if message_id is None:
            documents = self._documents.page(
                _KIND, workspace, beyond=beyond, limit=limit, backward=True
            )
        else:
            of_message = self._documents.by_key(_KIND, workspace, str(message_id))
            documents = [document for document in reversed(of_message) if document.id < beyond]
        return [load(AuditEntry, document.body) for document in documents[:limit]]

    def delete(self, workspace: UUID, *, before: datetime, limit: int) -> int:
        first = self._documents.page(_KIND, workspace, beyond="", limit=limit)
        entries = (load(AuditEntry, document.body) for document in first)
        old = list(takewhile(lambda entry: entry.at < before, entries))
        for entry in old:
            self._documents.delete(_KIND, workspace, str(entry.id))
        return len(old)
