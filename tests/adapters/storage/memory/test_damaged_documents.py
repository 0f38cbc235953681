"""A document whose body is damaged stops no other."""

from datetime import timedelta
from uuid import UUID

import pytest
from attrs import evolve

from messaging_adapters.storage.memory.documents import DocumentTables, MemoryDocuments
from messaging_adapters.storage.memory.tables import Tables
from messaging_core.document_stores import DocumentReceipts, DocumentReceivedFiles, DocumentWebhooks
from messaging_core.document_stores.store import GLOBAL
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.receipt import KeptReceipt, ReceiptState
from messaging_core.models.delivery.webhook import WebhookClaim
from messaging_core.models.messages.received_file import FileState, NewFile
from messaging_core.testing.builders import a_kept_receipt, a_receipt
from messaging_core.testing.clock import MONDAY_MORNING
from messaging_core.testing.contracts.storage.received_files import a_received_file
from messaging_core.testing.contracts.storage.steps import AT
from messaging_core.testing.contracts.storage.webhooks import a_webhook, a_webhook_subscription

HOUR = timedelta(hours=1)
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


def test_a_damaged_webhook_holds_up_no_other_and_is_listed(documents: MemoryDocuments) -> None:
    webhooks, subscription = DocumentWebhooks(documents), a_webhook_subscription(1)
    webhooks.add(subscription, signing_key=None)
    bad = a_webhook(1)
    following = a_webhook(2, message_id=bad.message_id)
    webhooks.add_deliveries([bad, following, a_webhook(3), a_webhook(4, subscription=2)])
    damage(documents, "webhook", str(bad.id))

    assert _due(webhooks) == [subscription.id, UUID(int=2)]
    assert _claimed(webhooks) == [following.id, UUID(int=3), None]
    assert webhooks.damaged(limit=9) == [bad.id]
    assert _due(webhooks) == [UUID(int=2)]
    assert webhooks.delete(DEFAULT_WORKSPACE, subscription.id)
    assert webhooks.damaged(limit=9) == []


def test_a_webhook_that_is_damaged_while_it_is_leased_lets_the_next_one_go(
    documents: MemoryDocuments,
) -> None:
    webhooks, first = DocumentWebhooks(documents), a_webhook(1)
    webhooks.add_deliveries([first, a_webhook(2, message_id=first.message_id)])
    claim = _claim(webhooks)
    assert claim
    damage(documents, "webhook", str(first.id))

    assert not webhooks.settle(claim, None)

    assert _claimed(webhooks)[0] == UUID(int=2)
    assert webhooks.damaged(limit=9) == [first.id]


def test_a_damaged_webhook_that_was_given_up_hides_no_other(documents: MemoryDocuments) -> None:
    webhooks = DocumentWebhooks(documents)
    webhooks.add_deliveries([a_webhook(number, is_dead=True) for number in (1, 2)])
    damage(documents, "webhook")

    assert webhooks.dead(DEFAULT_WORKSPACE, limit=9) == [a_webhook(2, is_dead=True)]
    assert webhooks.restart(DEFAULT_WORKSPACE, now=AT, expires_at=LATER, limit=9) == 1
    assert webhooks.forget_dead(before=LATER, limit=9) == 1


def _due(webhooks: DocumentWebhooks) -> list[UUID]:
    return [own.id for own in webhooks.due(AT, longest=HOUR, after=None, limit=9)]


def _claim(webhooks: DocumentWebhooks) -> WebhookClaim | None:
    return webhooks.claim(DEFAULT_WORKSPACE, UUID(int=1), now=AT, lease=HOUR, longest=HOUR)


def _claimed(webhooks: DocumentWebhooks) -> list[UUID | None]:
    claims = [_claim(webhooks) for _ in range(3)]
    return [claim.delivery.id if claim else None for claim in claims]


def test_a_damaged_file_holds_up_no_other_and_loses_its_content_with_its_message(
    documents: MemoryDocuments,
) -> None:
    store, files = DocumentReceivedFiles(documents), [a_received_file(1), a_received_file(2)]
    store.add([NewFile(file=file, content=b"photo") for file in files])
    damage(documents, "received_file")
    whose = (files[0].workspace_id, files[0].message_id)

    assert store.of_message(*whose) == [files[1]]
    (claim,) = store.claim(FileState.WAITING, now=AT, lease=HOUR, limit=9)
    assert claim.file == files[1]
    assert store.settle(claim, evolve(claim.file, state=FileState.FAILED))
    assert not store.has_due(FileState.WAITING, LATER)
    assert store.restart(DEFAULT_WORKSPACE, now=AT, limit=9) == 1
    store.remove(*whose)
    assert documents.page("received_file_content", GLOBAL, beyond="", limit=9) == []
    assert store.has_due(FileState.REMOVED, LATER)


def test_a_file_that_is_damaged_while_it_is_leased_is_not_settled(
    documents: MemoryDocuments,
) -> None:
    store = DocumentReceivedFiles(documents)
    store.add([NewFile(file=a_received_file(1), content=b"photo")])
    (claim,) = store.claim(FileState.WAITING, now=AT, lease=HOUR, limit=9)
    damage(documents, "received_file")

    assert store.content(claim) is None
    assert not store.settle(claim, None)


def test_a_damaged_file_that_failed_holds_up_no_other(documents: MemoryDocuments) -> None:
    store = DocumentReceivedFiles(documents)
    failed = [a_received_file(number, state=FileState.FAILED) for number in (1, 2)]
    store.add([NewFile(file=file) for file in failed])
    damage(documents, "received_file")

    assert [store.restart(DEFAULT_WORKSPACE, now=AT, limit=1) for _ in range(2)] == [0, 1]


def _two_receipts() -> list[KeptReceipt]:
    receipt = a_receipt(reference="p-1")
    return [a_kept_receipt(receipt, key=key) for key in ("a/b", "c")]


def _delete_old(receipts: DocumentReceipts, state: ReceiptState) -> int:
    return receipts.delete_old({state: LATER}, limit=9, workspace=DEFAULT_WORKSPACE)
