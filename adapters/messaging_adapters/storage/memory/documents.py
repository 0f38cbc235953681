"""Documents in the memory of this process."""

from uuid import UUID

from attrs import field

from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.lazy import frozen
from messaging_core.ports.storage.documents import Document, Documents


@frozen
class DocumentTables:
    """The data: documents by kind and workspace, then by id; ids by kind, workspace and key."""

    documents: dict[tuple[str, UUID], dict[str, Document]] = field(factory=dict)
    keys: dict[tuple[str, UUID, str], dict[str, None]] = field(factory=dict)


class MemoryDocuments(Documents):
    """Keep documents inside one transaction."""

    def __init__(self, tables: DocumentTables, undo: Undoable) -> None:
        self._tables = tables
        self._undo = undo

    def put(self, kind: str, workspace: UUID, document: Document) -> None:
        self.delete(kind, workspace, document.id)
        own = self._tables.documents.setdefault((kind, workspace), {})
        self._undo.put(own, document.id, document)
        if document.key is not None:
            ids = self._tables.keys.setdefault((kind, workspace, document.key), {})
            self._undo.put(ids, document.id, None)

    def get(self, kind: str, workspace: UUID, document_id: str) -> Document | None:
        return self._tables.documents.get((kind, workspace), {}).get(document_id)

    def by_key(self, kind: str, workspace: UUID, key: str) -> list[Document]:
        own = self._tables.documents.get((kind, workspace), {})
        ids = self._tables.keys.get((kind, workspace, key), {})
        return [own[document_id] for document_id in sorted(ids)]

    def page(
        self, kind: str, workspace: UUID, *, beyond: str, limit: int, backward: bool = False
    ) -> list[Document]:
        own = self._tables.documents.get((kind, workspace), {})
        ids = [
            document_id
            for document_id in own
            if (document_id < beyond if backward else document_id > beyond)
        ]
        return [own[document_id] for document_id in sorted(ids, reverse=backward)[:limit]]

    def delete(self, kind: str, workspace: UUID, document_id: str) -> bool:
        document = self.get(kind, workspace, document_id)
        if document is None:
            return False
        if document.key is not None:
            ids = self._tables.keys[kind, workspace, document.key]
            self._undo.remove(ids, document_id)
        self._undo.remove(self._tables.documents[kind, workspace], document_id)
        return True
