"""A damaged entry of an audit log that is kept as documents hides no other."""

from datetime import timedelta
from uuid import UUID

from messaging_adapters.storage.memory.documents import DocumentTables, MemoryDocuments
from messaging_adapters.storage.memory.tables import Tables
from messaging_core.document_stores.audit import DocumentAuditLog
from messaging_core.models.common.audit import AuditAction, AuditEntry
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.ports.clock import TimeOrderedIds
from messaging_core.ports.storage.documents import Document
from messaging_core.testing.clock import MONDAY_MORNING


def test_a_damaged_entry_hides_no_other_and_is_deleted_by_its_id() -> None:
    documents = MemoryDocuments(DocumentTables(), Tables())
    log, ids = DocumentAuditLog(documents), TimeOrderedIds()
    first, damaged, last = (_entry(ids.new(MONDAY_MORNING)) for _ in range(3))
    log.append(first)
    documents.put("audit", DEFAULT_WORKSPACE, Document(str(damaged.id), b"{"))
    log.append(last)

    later = MONDAY_MORNING + timedelta(hours=1)

    assert log.find(DEFAULT_WORKSPACE, limit=2) == [last, first]
    assert log.delete(DEFAULT_WORKSPACE, before=MONDAY_MORNING, limit=9) == 0
    assert log.delete(DEFAULT_WORKSPACE, before=later, limit=9) == 3
    assert log.find(DEFAULT_WORKSPACE, limit=2) == []


def _entry(entry_id: UUID) -> AuditEntry:
    return AuditEntry(
        id=entry_id,
        workspace_id=DEFAULT_WORKSPACE,
        at=MONDAY_MORNING,
        actor="ann",
        action=AuditAction.LOOKED_UP,
    )
