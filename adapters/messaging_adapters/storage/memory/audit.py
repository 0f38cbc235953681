"""The audit log, and the records of pages that expire, in the memory of this process."""

from datetime import datetime
from uuid import UUID

from attrs import field

from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.lazy import frozen
from messaging_core.models.common.audit import AuditEntry
from messaging_core.models.common.expiring_record import ExpiringRecord, RecordKind
from messaging_core.ports.storage.audit import AuditLog, ExpiringRecords
from messaging_core.wire import encode, load

_Place = tuple[RecordKind, UUID | None, str]


@frozen
class AuditTables:
    """The data: entries as bytes by workspace and id, and records by kind, workspace and key."""

    entries: dict[tuple[UUID, UUID], bytes] = field(factory=dict)
    records: dict[_Place, ExpiringRecord] = field(factory=dict)


class MemoryAuditLog(AuditLog):
    """Keep the audit log inside one transaction."""

    def __init__(self, tables: AuditTables, undo: Undoable) -> None:
        self._entries = tables.entries
        self._undo = undo

    def append(self, entry: AuditEntry) -> None:
        self._undo.put(self._entries, (entry.workspace_id, entry.id), encode(entry))

    def find(
        self,
        workspace: UUID,
        *,
        limit: int,
        message_id: UUID | None = None,
        before: UUID | None = None,
    ) -> list[AuditEntry]:
        keys = sorted((key for key in self._entries if key[0] == workspace), reverse=True)
        entries = [
            load(AuditEntry, self._entries[key])
            for key in keys
            if before is None or key[1] < before
        ]
        return [entry for entry in entries if message_id in {None, entry.message_id}][:limit]

    def delete(self, workspace: UUID, *, before: datetime, limit: int) -> int:
        keys = sorted(key for key in self._entries if key[0] == workspace)[:limit]
        for number, key in enumerate(keys):
            if load(AuditEntry, self._entries[key]).at >= before:
                return number
            self._undo.remove(self._entries, key)
        return len(keys)


class MemoryExpiringRecords(ExpiringRecords):
    """Keep records inside one transaction."""

    def __init__(self, tables: AuditTables, undo: Undoable) -> None:
        self._records = tables.records
        self._undo = undo

    def put(self, record: ExpiringRecord, *, now: datetime, most: int) -> None:
        place = _place(record)
        of_kind = [other for other in self._records.values() if _place(other)[:2] == place[:2]]
        others = [other for other in of_kind if other.key != record.key and other.expires_at > now]
        others.sort(key=lambda other: (other.expires_at, other.key), reverse=True)
        left = {other.key for other in others[: most - 1]}
        for other in of_kind:
            if other.key not in left:
                self._undo.remove(self._records, _place(other))
        self._undo.put(self._records, place, record)

    def get(
        self, kind: RecordKind, key: str, *, now: datetime, workspace: UUID | None = None
    ) -> ExpiringRecord | None:
        record = self._records.get((kind, workspace, key))
        return record if record and record.expires_at > now else None

    def delete(self, kind: RecordKind, key: str, *, workspace: UUID | None = None) -> None:
        if (kind, workspace, key) in self._records:
            self._undo.remove(self._records, (kind, workspace, key))


def _place(record: ExpiringRecord) -> _Place:
    return record.kind, record.workspace, record.key
