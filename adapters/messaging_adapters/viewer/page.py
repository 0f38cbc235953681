"""A page of the viewer: where it is, who may see it, what it reads, and what it shows."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from attrs import frozen

from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.reads import Reads

M = TypeVar("M")


@frozen(kw_only=True)
class Page(Generic[M]):
    """A page; `GET` of its path answers with HTML, and of its path with `.json` with JSON.

    Attributes:
        name: Of its template, without `.html`.
        title: In the title of the window, and in the bar; without data of a message.
        path: A path of Starlette, such as `/messages/{message_id}`.
        read: Asks the engine; raises what the engine raises, and `FilterError`.
        show: Makes the view; a pure function of the request and of what was read.
        right: What a visitor needs to see the page.
        in_bar: Whether the bar has a link to it.
        frame: Returns the URL of the one document that a view embeds, if it embeds one.
        section: The page of the bar to which it belongs; its own name by default.
    """

    name: str
    title: str
    path: str
    read: Callable[[PageRequest, Reads], Awaitable[M]]
    show: Callable[[PageRequest, M], Any]
    right: Right = Right.LOOK
    in_bar: bool = False
    frame: Callable[[Any], str | None] | None = None
    section: str = ""
