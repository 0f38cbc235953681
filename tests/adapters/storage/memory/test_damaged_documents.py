"""A document whose body is damaged stops no other."""

from datetime import timedelta

import pytest
from attrs import evolve

from messaging_adapters.storage.memory.documents import DocumentTables, MemoryDocuments
from messaging_adapters.storage.memory.tables import Tables
from messaging_core.document_stores import DocumentReceipts
from messaging_core.document_stores.store import GLOBAL
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.receipt import KeptReceipt, ReceiptState
from messaging_core.testing.builders import a_kept_receipt, a_receipt
from messaging_core.testing.clock import MONDAY_MORNING

LATER = MONDAY_MORNING + timedelta(days=1)


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments(DocumentTables(), Tables())


def damage(documents: MemoryDocuments, kind: str, document_id: str = "") -> None:
    """Damage the body of a document, or of the first one of its kind."""
    first = documents.page(kind, GLOBAL, beyond="", limit=1)[0].id
    document = documents.get(kind, GLOBAL, document_id or first)
    assert document is not None
    documents.put(kind, GLOBAL, evolve(document, body=b"x"))


def test_a_damaged_receipt_comes_without_its_content_and_is_put_aside(
    documents: MemoryDocuments,
) -> None:
    receipts = DocumentReceipts(documents)
    bad, good = receipts.keep(_two_receipts())
    assert bad
    assert good
    damage(documents, "receipt")

    first, second = receipts.pending(limit=9, due=LATER)

    assert (first.position, first.key, first.receipt) == (bad, "a/b", None)
    assert (second.position, second.receipt) == (good, a_receipt(reference="p-1"))
    receipts.mark(DEFAULT_WORKSPACE, [bad], ReceiptState.UNREADABLE)
    assert [entry.position for entry in receipts.pending(limit=9)] == [good]
    assert receipts.keep(_two_receipts()) == [None, None]
    assert _delete_old(receipts, ReceiptState.UNREADABLE) == 1


@pytest.mark.parametrize("state", [ReceiptState.UNMATCHED, ReceiptState.FAILED])
def test_a_damaged_receipt_keeps_its_state(documents: MemoryDocuments, state: ReceiptState) -> None:
    receipts = DocumentReceipts(documents)
    positions = [position for position in receipts.keep(_two_receipts()) if position]
    receipts.mark(DEFAULT_WORKSPACE, positions, state)
    damage(documents, "receipt")

    if state is ReceiptState.UNMATCHED:
        listed = receipts.unmatched(DEFAULT_WORKSPACE, ["p-1"])
    else:
        listed = receipts.failed(DEFAULT_WORKSPACE, limit=9)

    assert [entry.receipt for entry in listed] == [None, a_receipt(reference="p-1")]
    assert {entry.received_at for entry in listed} == {MONDAY_MORNING}
    may_apply = receipts.is_pending(DEFAULT_WORKSPACE, positions[0])
    assert may_apply == (state is ReceiptState.UNMATCHED)
    assert _delete_old(receipts, state) == 2


def _two_receipts() -> list[KeptReceipt]:
    receipt = a_receipt(reference="p-1")
    return [a_kept_receipt(receipt, key=key) for key in ("a/b", "c")]


def _delete_old(receipts: DocumentReceipts, state: ReceiptState) -> int:
    return receipts.delete_old({state: LATER}, limit=9, workspace=DEFAULT_WORKSPACE)
