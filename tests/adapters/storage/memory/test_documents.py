"""Stores over documents, where the contract of storages does not reach."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from messaging_adapters.storage.memory.documents import DocumentTables, MemoryDocuments
from messaging_adapters.storage.memory.tables import Tables
from messaging_core.document_stores import DocumentReceivedFiles, DocumentWorkers
from messaging_core.document_stores.store import GLOBAL
from messaging_core.ports.storage.documents import Document
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.contracts.storage.documents import DocumentsContract
from messaging_core.testing.storage_conformance import STORES

WORKSPACE = UUID(int=7)


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments(DocumentTables(), Tables())


def test_a_worker_that_cannot_be_read_is_left_out(
    documents: MemoryDocuments, caplog: pytest.LogCaptureFixture
) -> None:
    documents.put("worker", GLOBAL, Document("w1", b"no JSON"))

    assert DocumentWorkers(documents).find(limit=9) == []
    assert "worker w1 cannot be read" in caplog.text
    assert "no JSON" not in caplog.text


def test_a_document_is_found_by_its_present_key_only(documents: MemoryDocuments) -> None:
    documents.put("kind", WORKSPACE, Document("b", b"1", ("old",)))
    documents.put("kind", WORKSPACE, Document("a", b"2", ("new",)))
    documents.put("kind", WORKSPACE, Document("b", b"3", ("new",)))

    keys = [document.body for document in documents.by_keys("kind", WORKSPACE, ["new"])["new"]]
    backward = documents.page("kind", WORKSPACE, beyond="b", limit=9, backward=True)

    assert documents.by_keys("kind", WORKSPACE, ["old"]) == {}
    assert keys == [b"2", b"3"]
    assert [document.id for document in backward] == ["a"]
    assert documents.page("other", WORKSPACE, beyond="", limit=9) == []
    assert documents.delete("kind", WORKSPACE, "a")
    assert not documents.delete("kind", WORKSPACE, "a")


def test_a_document_shows_nothing_of_its_content() -> None:
    assert repr(Document("a-person", b"what they wrote", ("an address",))) == "Document()"


class _Unlimited(MemoryDocuments):
    def between(
        self, kind: str, workspace: UUID, *, beyond: str, below: str, limit: int
    ) -> list[tuple[str, Document]]:
        return super().between(kind, workspace, beyond=beyond, below=below, limit=limit + 9)


class _Unordered(MemoryDocuments):
    def between(
        self, kind: str, workspace: UUID, *, beyond: str, below: str, limit: int
    ) -> list[tuple[str, Document]]:
        return super().between(kind, workspace, beyond=beyond, below=below, limit=limit)[::-1]


@pytest.mark.parametrize("wrong", [_Unlimited, _Unordered])
def test_the_first_step_finds_documents_that_come_wrong(wrong: type[MemoryDocuments]) -> None:
    class Files(Storage):
        """Has received files only."""

        def __init__(self) -> None:
            self._documents = wrong(DocumentTables(), Tables())

        @contextmanager
        def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Any]:
            del connection, read_only
            yield SimpleNamespace(received_files=DocumentReceivedFiles(self._documents))

    class Contract(DocumentsContract):
        def make_storage(self) -> Storage:
            return Files()

    with pytest.raises(AssertionError):
        Contract().test_what_is_due_comes_in_its_order_and_no_more_than_asked_for()
    assert DocumentsContract in STORES["documents"]
