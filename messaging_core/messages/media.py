"""Find the pictures and files of messages that people sent."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from attrs import field

from messaging_core.errors import ConfigurationError, MediaError, StateError, UnknownMediaError
from messaging_core.lazy import frozen
from messaging_core.messages.lookup import message_of
from messaging_core.models.messages.received_file import FileState, ReceivedFile
from messaging_core.ports.media_store import MediaStore
from messaging_core.ports.storage.transaction import Storage

_PAGE: Final = 100  # files of one transaction


@frozen(kw_only=True)
class MessageMedia:
    """A picture or file of an incoming message, to be read from the media store.

    Attributes:
        content_type: Such as `image/png`; the sender chose it.
        size: In bytes.
        name: The file name, if the sender gave one; never use it as a path.
    """

    id: UUID
    message_id: UUID
    content_type: str
    size: int
    name: str | None = field(default=None, repr=False)
    store: MediaStore = field(repr=False, eq=False)

    def read(self) -> Iterator[bytes]:
        """Yield the content in pieces, so that no large file is in memory.

        Raises:
            MediaError: The store is not available, or the file was deleted from it.
        """
        return self.store.read(self.id)


@frozen(kw_only=True)
class MediaLookup:
    """Answers questions about the files of incoming messages."""

    storage: Storage
    store: MediaStore | None

    def files(self, message_id: UUID, workspace: UUID) -> list[ReceivedFile]:
        """Return the files of a message, in the order of its body."""
        with self.storage.begin(read_only=True) as tx:
            message_of(tx, workspace, message_id)
            return tx.received_files.of_message(workspace, message_id)

    def retry(self, workspace: UUID, now: datetime) -> int:
        """Let a worker fetch all files again that were given up, and return their number."""
        number = 0
        while True:
            with self.storage.begin() as tx:
                restarted = tx.received_files.restart(workspace, now=now, limit=_PAGE)
            number += restarted
            if restarted < _PAGE:
                return number

    def get(self, message_id: UUID, file_id: UUID, workspace: UUID) -> MessageMedia:
        """Return one file of a message."""
        for file in self.files(message_id, workspace):
            if file.id == file_id:
                return self._media_of(file)
        raise UnknownMediaError(file_id)

    def _media_of(self, file: ReceivedFile) -> MessageMedia:
        if file.state is FileState.FAILED:
            raise MediaError(f"the file was given up: {file.reason}", permanent=True)
        if file.state is not FileState.STORED:
            raise StateError(f"file {file.id} is not fetched yet: a worker will, try again later")
        if self.store is None:
            raise ConfigurationError(
                "the messenger has no media store: write incoming_media=IncomingMedia(…)"
            )
        return MessageMedia(
            id=file.id,
            message_id=file.message_id,
            content_type=file.content_type or "application/octet-stream",
            size=file.size,
            name=file.name,
            store=self.store,
        )
