"""Stores over documents, where the contract of storages does not reach."""

from uuid import UUID

import pytest

from messaging_adapters.storage.memory.documents import DocumentTables, MemoryDocuments
from messaging_adapters.storage.memory.tables import Tables
from messaging_core.document_stores import DocumentWorkers
from messaging_core.document_stores.store import GLOBAL
from messaging_core.ports.storage.documents import Document

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
