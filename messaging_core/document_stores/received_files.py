"""The files of incoming messages as documents: found by message, and when they are due."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final
from uuid import UUID

from attrs import evolve, field

from messaging_core.decisions.acceptance.received_files import restarted
from messaging_core.decisions.status.redaction import removed_file
from messaging_core.document_stores.store import GLOBAL, DocumentStore, instant_key, number_key
from messaging_core.lazy import frozen
from messaging_core.models.messages.received_file import (
    FileClaim,
    FileState,
    NewFile,
    ReceivedFile,
)
from messaging_core.ports.storage.documents import Document
from messaging_core.ports.storage.received_files import ReceivedFiles
from messaging_core.wire import encode, load
from messaging_core.wire.stored.damage import read_stored

_KIND: Final = "received_file"
_CONTENT: Final = "received_file_content"
_WITH_CONTENT: Final = frozenset({FileState.WAITING, FileState.FAILED})
_DUE_STATES: Final = frozenset({FileState.WAITING, FileState.REMOVED})


@frozen(kw_only=True)
class _StoredFile:
    """A file as it is stored.

    Attributes:
        message: Workspace and message, as they stand in its key.
        fence: How often it was leased.
        encoded: The file, but for when it is due.
    """

    id: UUID
    workspace_id: UUID
    message: str
    number: int
    state: FileState
    due_at: datetime
    fence: int = 0
    encoded: str = field(repr=False)

    def load(self) -> ReceivedFile | None:
        """Return the file, or nothing if it cannot be read."""
        read = partial(load, ReceivedFile)
        file = read_stored(read, self.encoded.encode(), "received file", self.id)
        return evolve(file, due_at=self.due_at) if file else None

    def document(self) -> Document:
        """Return the document."""
        return Document(str(self.id), encode(self), tuple(self._keys()))

    def _keys(self) -> Iterator[str]:
        yield f"of/{self.message}/{number_key(self.number)}/{self.id}"
        if self.state in _DUE_STATES:
            yield f"due/{self.state}/{instant_key(self.due_at)}/{self.id}"
        if self.state is FileState.FAILED:
            yield f"failed/{self.workspace_id}/{self.id}"


class DocumentReceivedFiles(DocumentStore, ReceivedFiles):
    """Keep files as documents, and their content in documents of its own."""

    def add(self, files: Sequence[NewFile]) -> None:
        for new in files:
            self._documents.put(_KIND, GLOBAL, _stored(new.file, fence=0).document())
            if new.content is not None:
                content = Document(str(new.file.id), new.content)
                self._documents.put(_CONTENT, GLOBAL, content)

    def of_message(self, workspace: UUID, message_id: UUID) -> list[ReceivedFile]:
        files = (_file(document) for document in self._of_message(workspace, message_id))
        return [file for file in files if file and file.state is not FileState.REMOVED]

    def _of_message(self, workspace: UUID, message_id: UUID) -> list[Document]:
        return [document for _, document in self._under(_KIND, f"of/{workspace}/{message_id}")]

    def has_due(self, state: FileState, now: datetime) -> bool:
        return bool(self._due(state, now, limit=1))

    def _due(self, state: FileState, now: datetime, *, limit: int) -> list[tuple[str, Document]]:
        beyond, below = f"due/{state}/", f"due/{state}/{instant_key(now)}0"
        return self._documents.between(_KIND, GLOBAL, beyond=beyond, below=below, limit=limit)

    def claim(
        self, state: FileState, *, now: datetime, lease: timedelta, limit: int
    ) -> list[FileClaim]:
        claims: list[FileClaim] = []
        for key, seen in self._due(state, now, limit=limit):
            document = self._still(_KIND, key, seen.id)
            if document is None:
                continue  # another transaction was quicker
            stored = _read(document)
            if stored is None:
                self._documents.put(_KIND, GLOBAL, _put_aside(document))
                continue
            leased = evolve(stored, due_at=now + lease, fence=stored.fence + 1)
            self._documents.put(_KIND, GLOBAL, leased.document())
            file = stored.load()
            if file is not None:
                claims.append(FileClaim(file=file, fence=leased.fence))
        return claims

    def content(self, claim: FileClaim) -> bytes | None:
        if not self._is_claimed(claim):
            return None
        document = self._documents.get(_CONTENT, GLOBAL, str(claim.file.id))
        return document.body if document else None

    def _is_claimed(self, claim: FileClaim) -> bool:
        """Return whether a claim still counts."""
        document = self._documents.get(_KIND, GLOBAL, str(claim.file.id))
        stored = _read(document) if document else None
        if stored is None:
            return False
        return (stored.fence, stored.state) == (claim.fence, claim.file.state)

    def settle(self, claim: FileClaim, after: ReceivedFile | None) -> bool:
        if not self._is_claimed(claim):
            return False
        if after is None:
            self._documents.delete(_KIND, GLOBAL, str(claim.file.id))
        else:
            self._documents.put(_KIND, GLOBAL, _stored(after, fence=claim.fence).document())
        if after is None or after.state not in _WITH_CONTENT:
            self._documents.delete(_CONTENT, GLOBAL, str(claim.file.id))
        return True

    def restart(self, workspace: UUID, *, now: datetime, limit: int) -> int:
        failed = list(islice(self._under(_KIND, f"failed/{workspace}", page=limit), limit))
        return sum(self._restart(key, document.id, now) for key, document in failed)

    def _restart(self, key: str, file_id: str, now: datetime) -> bool:
        document = self._still(_KIND, key, file_id)
        stored = _read(document) if document else None
        if document and stored is None:
            self._documents.put(_KIND, GLOBAL, _put_aside(document))
        file = stored.load() if stored else None
        if stored is None or file is None:
            return False
        again = _stored(restarted(file, stored.fence, now), fence=stored.fence)
        self._documents.put(_KIND, GLOBAL, again.document())
        return True

    def remove(self, workspace: UUID, message_id: UUID) -> None:
        """Mark the files of a message: a worker deletes them from the media store."""
        for seen in self._of_message(workspace, message_id):
            document = self._documents.get(_KIND, GLOBAL, seen.id)
            stored = _read(document) if document else None
            file = stored.load() if stored else None
            if stored and file:
                removed = _stored(removed_file(file), fence=stored.fence)
                self._documents.put(_KIND, GLOBAL, removed.document())
            self._documents.delete(_CONTENT, GLOBAL, seen.id)


def _read(document: Document) -> _StoredFile | None:
    return read_stored(partial(load, _StoredFile), document.body, "received file", document.id)


def _file(document: Document) -> ReceivedFile | None:
    stored = _read(document)
    return stored.load() if stored else None


def _put_aside(document: Document) -> Document:
    """Return a document that cannot be read so that it is never due again."""
    return evolve(document, keys=tuple(key for key in document.keys if key.startswith("of/")))


def _stored(file: ReceivedFile, *, fence: int) -> _StoredFile:
    return _StoredFile(
        id=file.id,
        workspace_id=file.workspace_id,
        message=f"{file.workspace_id}/{file.message_id}",
        number=file.number,
        state=file.state,
        due_at=file.due_at,
        fence=fence,
        encoded=encode(file).decode(),
    )
