"""Access keys, and how much of each rate limit is used, in the memory of this process."""

from datetime import datetime
from uuid import UUID

from attrs import evolve, field

from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.lazy import frozen
from messaging_core.models.common.access_key import AccessKey
from messaging_core.models.common.rate import RateLog
from messaging_core.ports.storage.access_keys import AccessKeyStore
from messaging_core.ports.storage.rates import Rates
from messaging_core.wire import encode, load
from messaging_core.wire.stored.rates import encode_rates, load_rates


@frozen
class AccessTables:
    """The data: keys as bytes with their digests, and logs as bytes."""

    keys: dict[UUID, tuple[bytes, str]] = field(factory=dict)
    rates: dict[tuple[UUID, str], bytes] = field(factory=dict)


class MemoryAccessKeys(AccessKeyStore):
    """Keep access keys inside one transaction."""

    def __init__(self, tables: AccessTables, undo: Undoable) -> None:
        self._tables = tables
        self._undo = undo

    def add(self, key: AccessKey, *, digest: str) -> None:
        self._undo.put(self._tables.keys, key.id, (encode(key), digest))

    def find(self, key_id: UUID) -> tuple[AccessKey, str] | None:
        document, digest = self._tables.keys.get(key_id, (b"", ""))
        return (load(AccessKey, document), digest) if document else None

    def of_workspace(self, workspace: UUID | None) -> list[AccessKey]:
        keys = [load(AccessKey, document) for document, _ in self._tables.keys.values()]
        return sorted(
            (key for key in keys if workspace in {None, key.workspace_id}),
            key=lambda key: (key.created_at, key.id),
        )

    def mark_used(self, workspace: UUID, key_id: UUID, *, at: datetime) -> None:
        key, digest = self.find(key_id) or (None, "")
        if key and key.workspace_id == workspace:
            self.add(evolve(key, used_at=at), digest=digest)

    def delete(self, workspace: UUID, key_id: UUID) -> bool:
        key, _ = self.find(key_id) or (None, "")
        if key is None or key.workspace_id != workspace:
            return False
        self._undo.remove(self._tables.keys, key_id)
        return True


class MemoryRates(Rates):
    """Keep rate limits inside one transaction."""

    def __init__(self, tables: AccessTables, undo: Undoable) -> None:
        self._tables = tables
        self._undo = undo

    def lock(self, workspace: UUID, key: str) -> RateLog:
        document = self._tables.rates.get((workspace, key))
        return load_rates(document) if document else RateLog()

    def put(self, workspace: UUID, key: str, log: RateLog) -> None:
        self._undo.put(self._tables.rates, (workspace, key), encode_rates(log))
