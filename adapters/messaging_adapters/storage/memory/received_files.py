"""The files of incoming messages in the memory of this process."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from attrs import evolve

from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.decisions.acceptance.received_files import restarted
from messaging_core.lazy import frozen
from messaging_core.models.messages.received_file import (
    FileClaim,
    FileState,
    NewFile,
    ReceivedFile,
)
from messaging_core.ports.storage.received_files import ReceivedFiles
from messaging_core.wire import encode, load

_WITH_CONTENT = frozenset({FileState.WAITING, FileState.FAILED})
_DUE_STATES = frozenset({FileState.WAITING, FileState.REMOVED})


@frozen(kw_only=True)
class StoredFile:
    """One file as bytes, with how it is found."""

    workspace: UUID
    message_id: UUID
    state: FileState
    due_at: datetime
    fence: int
    document: bytes
    content: bytes | None

    def load(self) -> ReceivedFile:
        """Return the file."""
        return evolve(load(ReceivedFile, self.document), due_at=self.due_at)


FileTable = dict[UUID, StoredFile]
"""The data, by the ids of the files."""


class MemoryReceivedFiles(ReceivedFiles):
    """Keep files inside one transaction."""

    def __init__(self, table: FileTable, undo: Undoable) -> None:
        self._table = table
        self._undo = undo

    def add(self, files: Sequence[NewFile]) -> None:
        for new in files:
            self._put(new.file, fence=0, content=new.content)

    def _put(self, file: ReceivedFile, *, fence: int, content: bytes | None) -> None:
        self._undo.put(self._table, file.id, stored_file(file, fence=fence, content=content))

    def of_message(self, workspace: UUID, message_id: UUID) -> list[ReceivedFile]:
        files = [
            stored.load()
            for stored in self._table.values()
            if (stored.workspace, stored.message_id) == (workspace, message_id)
            and stored.state is not FileState.REMOVED
        ]
        return sorted(files, key=lambda file: file.number)

    def has_due(self, state: FileState, now: datetime) -> bool:
        return bool(self._due(state, now))

    def _due(self, state: FileState, now: datetime) -> list[tuple[datetime, UUID]]:
        return sorted(
            (stored.due_at, file_id)
            for file_id, stored in self._table.items()
            if stored.state is state and state in _DUE_STATES and stored.due_at <= now
        )

    def claim(
        self, state: FileState, *, now: datetime, lease: timedelta, limit: int
    ) -> list[FileClaim]:
        claims = []
        for _, file_id in self._due(state, now)[:limit]:
            stored = self._table[file_id]
            leased = evolve(stored, due_at=now + lease, fence=stored.fence + 1)
            self._undo.put(self._table, file_id, leased)
            claims.append(FileClaim(file=stored.load(), fence=leased.fence))
        return claims

    def content(self, claim: FileClaim) -> bytes | None:
        stored = self._claimed(claim)
        return stored.content if stored else None

    def settle(self, claim: FileClaim, after: ReceivedFile | None) -> bool:
        stored = self._claimed(claim)
        if stored is None:
            return False
        if after is None:
            self._undo.remove(self._table, claim.file.id)
        else:
            content = stored.content if after.state in _WITH_CONTENT else None
            self._put(after, fence=claim.fence, content=content)
        return True

    def restart(self, workspace: UUID, *, now: datetime, limit: int) -> int:
        failed = [
            stored
            for stored in self._table.values()
            if stored.workspace == workspace and stored.state is FileState.FAILED
        ][:limit]
        for stored in failed:
            again = restarted(stored.load(), stored.fence, now)
            self._put(again, fence=stored.fence, content=stored.content)
        return len(failed)

    def _claimed(self, claim: FileClaim) -> StoredFile | None:
        """Return the row of a claim that still counts."""
        stored = self._table.get(claim.file.id)
        if stored is None or (stored.fence, stored.state) != (claim.fence, claim.file.state):
            return None
        return stored


def stored_file(file: ReceivedFile, *, fence: int, content: bytes | None) -> StoredFile:
    """Return a file as it is kept."""
    return StoredFile(
        workspace=file.workspace_id,
        message_id=file.message_id,
        state=file.state,
        due_at=file.due_at,
        fence=fence,
        document=encode(file),
        content=content,
    )
