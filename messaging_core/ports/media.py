"""Where the pictures and files come from that a message names by URL."""

from abc import abstractmethod
from typing import Protocol

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel


@frozen(kw_only=True)
class Media:
    """One picture or file.

    Attributes:
        content_type: Media type without parameters, such as `image/png`.
    """

    content: bytes = field(repr=False)
    content_type: str


class MediaSource(Protocol):
    """Fetch what a media URL points to, for transports that must carry the bytes themselves.

    A URL comes out of a request and is hostile until shown otherwise: a source that opens
    connections refuses every address of a private network.
    """

    @abstractmethod
    def read(self, url: str, limit: int) -> Media:
        """Return what stands at a URL.

        Args:
            url: As it stood in the request.
            limit: The most bytes to read.

        Raises:
            MediaError: The medium is not available; with `permanent` it never will be.
        """


class MediaCheck(Protocol):
    """Tell at `send` whether a channel may send what a media URL names."""

    @abstractmethod
    def check(self, url: str, channel: Channel) -> str | None:
        """Return why the channel may not send it, or nothing if it may.

        It is called for each media URL of a request, before anything is written, also by `plan`.
        It does not fetch the medium, and returns nothing for a URL that it does not know; it may
        ask the store of uploaded files. What cannot be told now is not refused: the transport
        finds out.

        Args:
            url: As it stood in the request.
            channel: Of the message, or of the message that takes over from it.
        """
