"""The records of pages that expire, as documents."""

from datetime import datetime
from uuid import UUID

from messaging_core.document_stores.store import GLOBAL, DocumentStore
from messaging_core.models.common.expiring_record import ExpiringRecord, RecordKind
from messaging_core.ports.storage.audit import ExpiringRecords
from messaging_core.ports.storage.documents import Document


class DocumentRecords(DocumentStore, ExpiringRecords):
    """Keep records as documents, each with a kind of documents for its own kind."""

    def put(self, record: ExpiringRecord, *, now: datetime, most: int) -> None:
        place = _place(record.kind, record.workspace)
        others = {document.id: _instant(document) for document in self._all(*place)}
        others.pop(record.key, None)
        left = sorted(
            (key for key, expires_at in others.items() if expires_at > now),
            key=lambda key: (others[key], key),
            reverse=True,
        )[: most - 1]
        for key in others.keys() - set(left):
            self._documents.delete(*place, key)
        body = f"{record.expires_at.isoformat()}\n{record.value}".encode()
        self._documents.put(*place, Document(record.key, body))

    def get(
        self, kind: RecordKind, key: str, *, now: datetime, workspace: UUID | None = None
    ) -> ExpiringRecord | None:
        document = self._documents.get(*_place(kind, workspace), key)
        if document is None or _instant(document) <= now:
            return None
        return ExpiringRecord(
            kind=kind,
            key=key,
            value=document.body.partition(b"\n")[2].decode(),
            expires_at=_instant(document),
            workspace=workspace,
        )

    def delete(self, kind: RecordKind, key: str, *, workspace: UUID | None = None) -> None:
        self._documents.delete(*_place(kind, workspace), key)


def _place(kind: RecordKind, workspace: UUID | None) -> tuple[str, UUID]:
    """Return the kind and the workspace of the documents that are counted together."""
    if workspace is None:
        return f"record.{kind}", GLOBAL
    return f"record.{kind}.of_workspace", workspace


def _instant(document: Document) -> datetime:
    return datetime.fromisoformat(document.body.partition(b"\n")[0].decode())
