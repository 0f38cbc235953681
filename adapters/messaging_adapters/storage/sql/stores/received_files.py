"""The files of incoming messages: one row each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from attrs import evolve

from messaging_adapters.storage.sql.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sql.rows.skip_corrupt import skip_corrupt
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.decisions.acceptance.received_files import restarted
from messaging_core.models.messages.received_file import (
    FileClaim,
    FileState,
    NewFile,
    ReceivedFile,
)
from messaging_core.ports.storage.received_files import ReceivedFiles
from messaging_core.wire import encode, load

_ADD = (
    "INSERT INTO messaging_received_files"
    " (id, workspace, message_id, state, due_at, document, content) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_OF_MESSAGE = (
    "SELECT id, fence, due_at, document FROM messaging_received_files"
    " WHERE message_id = ? AND workspace = ? AND state <> 'removed'"
)
# The condition of the index stands here again, or SQLite does not use it.
_IS_DUE = "state = ? AND due_at <= ? AND state IN ('waiting', 'removed')"
_HAS_DUE = f"SELECT 1 FROM messaging_received_files WHERE {_IS_DUE} LIMIT 1"  # noqa: S608 - no input
_DUE = (
    f"SELECT id, fence, due_at, document, workspace FROM messaging_received_files WHERE {_IS_DUE}"  # noqa: S608 - no input
    " ORDER BY due_at, id LIMIT ?"
)
_LEASE = (
    "UPDATE messaging_received_files SET fence = fence + 1, due_at = ?"
    " WHERE id = ? AND workspace = ?"
)
_IS_CLAIMED = "id = ? AND workspace = ? AND fence = ? AND state = ?"
_CONTENT = f"SELECT content FROM messaging_received_files WHERE {_IS_CLAIMED}"  # noqa: S608 - no input
_REPLACE = (
    "UPDATE messaging_received_files SET state = ?, due_at = ?, document = ?,"  # noqa: S608 - no input
    f" content = CASE WHEN ? IN ('waiting', 'failed') THEN content END WHERE {_IS_CLAIMED}"
)
_FAILED = (
    "SELECT id, fence, due_at, document FROM messaging_received_files"
    " WHERE state = 'failed' AND workspace = ? LIMIT ?"
)
_RESTART = (
    "UPDATE messaging_received_files SET state = ?, due_at = ?, document = ?"
    " WHERE id = ? AND workspace = ? AND state = 'failed'"
)
_DELETE = f"DELETE FROM messaging_received_files WHERE {_IS_CLAIMED}"  # noqa: S608 - no input


class SqlReceivedFiles(SqlStore, ReceivedFiles):
    """Keep files through one cursor, inside one transaction."""

    def add(self, files: Sequence[NewFile]) -> None:
        self._cursor.executemany(
            _ADD,
            [
                (
                    new.file.id.bytes,
                    new.file.workspace_id.bytes,
                    new.file.message_id.bytes,
                    new.file.state,
                    to_micros(new.file.due_at),
                    encode(new.file),
                    new.content,
                )
                for new in files
            ],
        )

    def of_message(self, workspace: UUID, message_id: UUID) -> list[ReceivedFile]:
        rows = self._cursor.execute(_OF_MESSAGE, (message_id.bytes, workspace.bytes))
        files = skip_corrupt(rows, _file_of, "received file")
        return sorted(files, key=lambda file: file.number)

    def has_due(self, state: FileState, now: datetime) -> bool:
        return self._cursor.execute(_HAS_DUE, (state, to_micros(now))).fetchone() is not None

    def claim(
        self, state: FileState, *, now: datetime, lease: timedelta, limit: int
    ) -> list[FileClaim]:
        rows = self._cursor.execute(_DUE, (state, to_micros(now), limit)).fetchall()
        until = to_micros(now + lease)
        self._cursor.executemany(_LEASE, [(until, row[0], row[4]) for row in rows])
        return list(skip_corrupt(rows, _claim_of, "received file"))

    def content(self, claim: FileClaim) -> bytes | None:
        row = self._cursor.execute(_CONTENT, _claimed(claim)).fetchone()
        return row[0] if row else None

    def settle(self, claim: FileClaim, after: ReceivedFile | None) -> bool:
        if after is None:
            self._cursor.execute(_DELETE, _claimed(claim))
        else:
            row = (after.state, to_micros(after.due_at), encode(after), after.state)
            self._cursor.execute(_REPLACE, (*row, *_claimed(claim)))
        return bool(self._cursor.rowcount)

    def restart(self, workspace: UUID, *, now: datetime, limit: int) -> int:
        rows = self._cursor.execute(_FAILED, (workspace.bytes, limit)).fetchall()
        claims = skip_corrupt(rows, _claim_of, "received file")
        files = [restarted(claim.file, claim.fence - 1, now) for claim in claims]
        self._cursor.executemany(
            _RESTART,
            [
                (file.state, to_micros(now), encode(file), file.id.bytes, workspace.bytes)
                for file in files
            ],
        )
        return self._cursor.rowcount if files else 0


def _claimed(claim: FileClaim) -> tuple[bytes, bytes, int, str]:
    file = claim.file
    return file.id.bytes, file.workspace_id.bytes, claim.fence, file.state


def _claim_of(row: tuple[Any, ...]) -> FileClaim:
    return FileClaim(file=_file_of(row), fence=row[1] + 1)


def _file_of(row: tuple[Any, ...]) -> ReceivedFile:
    _, _, due_at, document, *_ = row
    return evolve(load(ReceivedFile, document), due_at=from_micros(due_at))
