"""Where the pictures and files are kept that callers upload."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Protocol
from uuid import UUID

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel


@frozen(kw_only=True)
class MediaFile:
    """What is known of a stored file beside its content.

    Attributes:
        content_type: As the caller named it, with parameters.
        workspace: The tenant that it belongs to.
        channel: The only channel that may send it; absent: each channel of the workspace.
        size: In bytes.
    """

    id: UUID
    content_type: str
    workspace: UUID
    channel: UUID | None = None
    size: int = 0

    def serves(self, channel: Channel) -> bool:
        """Return whether a channel may send the file."""
        return self.workspace == channel.workspace and self.channel in {None, channel.id}


class MediaWriter(Protocol):
    """Takes the content of one file, piece by piece."""

    @abstractmethod
    def write(self, chunk: bytes) -> None:
        """Append to the content.

        Raises:
            MediaError: The file is larger than its limit, which is permanent; or the store is not
                available.
        """

    @abstractmethod
    def commit(self) -> bool:
        """Keep the file, and return True when it cannot be lost any more.

        Returns False if there is a file of this id already; that one stays as it is. Of several
        writers of one id exactly one gets True.

        Raises:
            MediaError: The store is not available; the file is not kept.
        """

    @abstractmethod
    def abort(self) -> None:
        """Drop what was written; after `commit` this does nothing."""


class MediaStore(Protocol):
    """Keep files by id. A file is complete or does not exist, and never changes.

    Many threads and processes may use one store.
    """

    @abstractmethod
    def begin(self, file: MediaFile, limit: int) -> MediaWriter:
        """Return what takes the content of a new file; the file does not exist before `commit`.

        Args:
            file: What the store keeps beside the content; its size is counted by the store.
            limit: The most bytes of the content.

        Raises:
            MediaError: The store is not available.
        """

    @abstractmethod
    def find(self, file_id: UUID) -> MediaFile | None:
        """Return what is known of a file, or nothing if there is none.

        Raises:
            MediaError: The store is not available.
        """

    @abstractmethod
    def read(self, file_id: UUID) -> Iterator[bytes]:
        """Yield the content in pieces, so that no large file is in memory.

        Raises:
            MediaError: There is no such file, which is permanent; or the store is not available.
                It is raised with the first piece or before.
        """

    @abstractmethod
    def delete(self, file_id: UUID) -> bool:
        """Remove a file, and return whether there was one.

        Raises:
            MediaError: The store is not available.
        """
