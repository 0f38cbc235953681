"""The audit log as documents: listed by id, and found by message."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from itertools import islice, takewhile
from typing import Final
from uuid import UUID

from messaging_core.document_stores.store import DocumentStore
from messaging_core.models.common.audit import AuditEntry
from messaging_core.ports.storage.audit import AuditLog
from messaging_core.ports.storage.documents import Document
from messaging_core.wire import encode, load
from messaging_core.wire.stored.damage import read_stored

_KIND: Final = "audit"
_HIGHEST: Final = "~"
"""Beyond every id."""
_BELOW_MILLISECONDS: Final = 80
"""The bits of a UUIDv7 that follow its time."""


class DocumentAuditLog(DocumentStore, AuditLog):
    """Keep the audit log as documents."""

    def append(self, entry: AuditEntry) -> None:
        keys = () if entry.message_id is None else (str(entry.message_id),)
        document = Document(str(entry.id), encode(entry), keys)
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
            documents = self._before(workspace, beyond, limit)
        else:
            of_message = self._by_key(_KIND, workspace, str(message_id))
            documents = (document for document in reversed(of_message) if document.id < beyond)
        entries = (entry_of(UUID(document.id), document.body) for document in documents)
        return list(islice((entry for entry in entries if entry is not None), limit))

    def _before(self, workspace: UUID, beyond: str, limit: int) -> Iterator[Document]:
        """Go through the entries from the last one, a page at a time."""
        while documents := self._documents.page(
            _KIND, workspace, beyond=beyond, limit=limit, backward=True
        ):
            yield from documents
            beyond = documents[-1].id

    def delete(self, workspace: UUID, *, before: datetime, limit: int) -> int:
        first = self._documents.page(_KIND, workspace, beyond="", limit=limit)
        old = list(takewhile(lambda own: is_older(UUID(own.id), own.body, before), first))
        for document in old:
            self._documents.delete(_KIND, workspace, document.id)
        return len(old)


def entry_of(entry_id: UUID, document: bytes) -> AuditEntry | None:
    """Return a stored entry; a damaged one is logged, so that the others are found."""
    return read_stored(partial(load, AuditEntry), document, "audit entry", entry_id)


def is_older(entry_id: UUID, document: bytes, before: datetime) -> bool:
    """Return whether an entry is from before an instant; of a damaged one the id tells it."""
    entry = entry_of(entry_id, document)
    if entry is not None:
        return entry.at < before
    return entry_id.int >> _BELOW_MILLISECONDS < before.timestamp() * 1000
