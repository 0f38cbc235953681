"""Where the pictures and files are kept that callers upload."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Protocol, runtime_checkable
from uuid import UUID

from attrs import field

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


@frozen(kw_only=True)
class DirectUpload:
    """A form with which a caller uploads one file to the store itself, by POST.

    Attributes:
        url: Where the form goes.
        fields: To be sent as they are, before the field `file`.
    """

    url: str
    fields: Mapping[str, str] = field(repr=False)


@runtime_checkable
class DirectMediaStore(MediaStore, Protocol):
    """A store on a server of its own, which callers can reach without the application."""

    @abstractmethod
    def upload_form(self, file: MediaFile, limit: int, lifetime: timedelta) -> DirectUpload:
        """Return a form that uploads one file, so large, of this content type.

        The store refuses the form if a field was changed, left out or added, if the file is
        larger, or if the form is too old. It may take a form several times; but as soon as
        `find` or `read` has returned the file, it never changes.

        Args:
            file: What the store keeps beside the content; its size is counted by the store.
            limit: The most bytes of the content.
            lifetime: How long the form may be used.

        Raises:
            MediaError: The store is not available.
        """

    @abstractmethod
    def signed_url(self, file: MediaFile, lifetime: timedelta) -> str:
        """Return a URL from which a file that `find` returned is fetched without a login.

        The answer has the content type of the file, and `Content-Disposition: attachment`.

        Raises:
            MediaError: The store is not available.
        """
