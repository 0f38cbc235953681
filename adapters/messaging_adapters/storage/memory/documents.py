"""Documents in the memory of this process."""

from collections.abc import Collection, Mapping, Sequence
from heapq import nlargest, nsmallest
from uuid import UUID

from attrs import field

from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.lazy import frozen
from messaging_core.ports.storage.documents import Document, Documents

Place = tuple[str, UUID]
"""A kind and a workspace."""


@frozen
class DocumentTables:
    """The data: documents by place, then by id; ids by place, then by key."""

    documents: dict[Place, dict[str, Document]] = field(factory=dict)
    keys: dict[Place, dict[str, tuple[str, ...]]] = field(factory=dict)


class MemoryDocuments(Documents):
    """Keep documents inside one transaction."""

    def __init__(self, tables: DocumentTables, undo: Undoable) -> None:
        self._tables = tables
        self._undo = undo

    def put(self, kind: str, workspace: UUID, document: Document) -> None:
        place = (kind, workspace)
        own = self._tables.documents.setdefault(place, {})
        before = own.get(document.id)
        self._undo.put(own, document.id, document)
        keys_before = before.keys if before else ()
        if keys_before != document.keys:
            self._change_keys(place, document.id, keys_before, document.keys)

    def _change_keys(
        self, place: Place, document_id: str, before: Sequence[str], after: Sequence[str]
    ) -> None:
        table = self._tables.keys.setdefault(place, {})
        for key in frozenset(before).difference(after):
            others = tuple(other for other in table[key] if other != document_id)
            if others:
                self._undo.put(table, key, others)
            else:
                self._undo.remove(table, key)
        for key in frozenset(after).difference(before):
            ids = (*table.get(key, ()), document_id)
            self._undo.put(table, key, tuple(sorted(ids)))

    def get(self, kind: str, workspace: UUID, document_id: str) -> Document | None:
        return self._tables.documents.get((kind, workspace), {}).get(document_id)

    def by_keys(
        self, kind: str, workspace: UUID, keys: Collection[str]
    ) -> Mapping[str, Sequence[Document]]:
        place = (kind, workspace)
        own, table = self._tables.documents.get(place, {}), self._tables.keys.get(place, {})
        return {
            key: [own[document_id] for document_id in table[key]] for key in keys if key in table
        }

    def page(
        self, kind: str, workspace: UUID, *, beyond: str, limit: int, backward: bool = False
    ) -> list[Document]:
        own = self._tables.documents.get((kind, workspace), {})
        if backward:
            ids = nlargest(limit, (document_id for document_id in own if document_id < beyond))
        else:
            ids = nsmallest(limit, (document_id for document_id in own if document_id > beyond))
        return [own[document_id] for document_id in ids]

    def between(
        self, kind: str, workspace: UUID, *, beyond: str, below: str, limit: int
    ) -> list[tuple[str, Document]]:
        place = (kind, workspace)
        own, table = self._tables.documents.get(place, {}), self._tables.keys.get(place, {})
        keys = nsmallest(limit, (key for key in table if beyond < key < below))
        return [(key, own[document_id]) for key in keys for document_id in table[key]][:limit]

    def delete(self, kind: str, workspace: UUID, document_id: str) -> bool:
        document = self.get(kind, workspace, document_id)
        if document is None:
            return False
        self._change_keys((kind, workspace), document_id, document.keys, ())
        self._undo.remove(self._tables.documents[kind, workspace], document_id)
        return True
