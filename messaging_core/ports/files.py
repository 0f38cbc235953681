"""Where the files come from that a notification attaches by name."""

from abc import abstractmethod
from typing import Protocol
from urllib.parse import quote, unquote

from messaging_core.errors import MediaError
from messaging_core.lazy import frozen
from messaging_core.ports.media import Media, MediaSource

NOWHERE = "https://files.invalid/"
"""What the URLs of files begin with that only their own store can open (RFC 2606 §2)."""


class Files(Protocol):
    """Keep files under names, as the Files Service of Mia-Platform does.

    A name comes out of a request and is hostile until shown otherwise: nothing but the store's own
    files can be reached by any name.

    Attributes:
        base_url: What the URLs of these files begin with; a message names them so, and a transport
            opens them with `StoredMedia`.
    """

    base_url: str

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Return how many bytes a file has, or nothing if there is none of this name.

        Raises:
            MediaError: It cannot be told now.
        """

    @abstractmethod
    def read(self, name: str, limit: int) -> Media:
        """Return a file.

        Args:
            name: As it stood in the request.
            limit: The most bytes to read.

        Raises:
            MediaError: The file is not available; with `permanent` it never will be.
        """


@frozen
class StoredMedia(MediaSource):
    """Let a transport read the files of a store by the URLs that messages name them with."""

    files: Files

    def read(self, url: str, limit: int) -> Media:  # noqa: D102 - the port's
        name = name_of(self.files, url)
        if name is None:
            raise MediaError("the URL is not one of this store", permanent=True)
        return self.files.read(name, limit)


def url_of(files: Files, name: str) -> str:
    """Return the URL that a message names a file by."""
    return files.base_url + quote(name, safe="/")


def name_of(files: Files, url: str) -> str | None:
    """Return the name of the file that a URL means, or nothing if it is none of this store."""
    if not url.startswith(files.base_url):
        return None
    return unquote(url.removeprefix(files.base_url))
