"""What is no page: the document of a mail, a download, what changed since a while ago."""

from collections.abc import Awaitable, Callable, Mapping

from attrs import field, frozen

from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.headers import PRIVATE
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.reads import Reads


@frozen(kw_only=True)
class Document:
    """What a resource answers with.

    Attributes:
        media_type: Of the body; nothing for an answer without one.
        headers: All of them, but the media type.
    """

    body: bytes = field(default=b"", repr=False)
    media_type: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(factory=lambda: PRIVATE)


@frozen(kw_only=True)
class Resource:
    """Something that `GET` of a path answers with.

    Attributes:
        path: A path of Starlette.
        right: What a visitor needs to get it.
        answer: Asks the engine, and returns the document.
    """

    path: str
    right: Right
    answer: Callable[[PageRequest, Reads], Awaitable[Document]]
