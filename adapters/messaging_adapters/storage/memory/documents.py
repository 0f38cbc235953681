"""Documents in the memory of this process."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from attrs import field

from messaging_adapters.storage.memory.sorted_table import SortedTable
from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.lazy import frozen
from messaging_core.ports.storage.documents import Document, Documents

Place = tuple[str, UUID]
"""A kind and a workspace."""


def _tables() -> defaultdict[Place, SortedTable[str, Any]]:
    return defaultdict(SortedTable)


@frozen
class DocumentTables:
    """The data: documents by place, then by id; ids by place, then by key."""

    documents: defaultdict[Place, SortedTable[str, Document]] = field(factory=_tables)
    keys: defaultdict[Place, SortedTable[str, tuple[str, ...]]] = field(factory=_tables)


class MemoryDocuments(Documents):
    """Keep documents inside one transaction."""

    def __init__(self, tables: DocumentTables, undo: Undoable) -> None:
        self._tables = tables
        self._undo = undo

    def put(self, kind: str, workspace: UUID, document: Document) -> None:
        place = (kind, workspace)
        own = self._tables.documents[place]
        before = own.get(document.id)
        self._undo.put(own, document.id, document)
        keys_before = before.keys if before else ()
        if keys_before != document.keys:
            self._change_keys(place, document.id, keys_before, document.keys)

    def _change_keys(
        self, place: Place, document_id: str, before: Sequence[str], after: Sequence[str]
    ) -> None:
        table = self._tables.keys[place]
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
        return self._tables.documents[kind, workspace].get(document_id)

    def by_keys(
        self, kind: str, workspace: UUID, keys: Collection[str]
    ) -> Mapping[str, Sequence[Document]]:
        place = (kind, workspace)
        own, table = self._tables.documents[place], self._tables.keys[place]
        return {
            key: [own[document_id] for document_id in table[key]] for key in keys if key in table
        }

    def page(
        self, kind: str, workspace: UUID, *, beyond: str, limit: int, backward: bool = False
    ) -> list[Document]:
        own = self._tables.documents[kind, workspace]
        ids = own.before(beyond, limit) if backward else own.between(beyond, None, limit)
        return [own[document_id] for document_id in ids]

    def between(
        self, kind: str, workspace: UUID, *, beyond: str, below: str, limit: int
    ) -> list[tuple[str, Document]]:
        own, table = self._tables.documents[kind, workspace], self._tables.keys[kind, workspace]
        keys = table.between(beyond, below, limit)
        return [(key, own[document_id]) for key in keys for document_id in table[key]][:limit]

    def delete(self, kind: str, workspace: UUID, document_id: str) -> bool:
        document = self.get(kind, workspace, document_id)
        if document is None:
            return False
        self._change_keys((kind, workspace), document_id, document.keys, ())
        self._undo.remove(self._tables.documents[kind, workspace], document_id)
        return True
