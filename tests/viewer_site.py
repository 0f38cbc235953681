"""The viewer as a browser sees it: the application, a visitor, and messages to look at."""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property, partial
from html.parser import HTMLParser
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

import httpx
from attrs import define, field
from starlette.types import ASGIApp

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.viewer import app
from messaging_adapters.viewer.access import Admission, Right, Visitor
from messaging_adapters.viewer.app import viewer
from messaging_adapters.viewer.reads import Readers
from messaging_core import Channel, Messenger, Worker
from messaging_core.models import Message
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import ManualClock, RecordingTransport, a_request

OTHER: Final = UUID("11111111-1111-4111-8111-111111111111")
TEXTS: Final = Channel(name="orders-sms", platform="sms", sender="Northmill")
MAIL: Final = Channel(name="orders-mail", platform="email", sender="orders@shop.example")
CODES: Final = Channel(name="codes", platform="sms", sender="Northmill", message_type="2fa")
PUSH: Final = Channel(name="app", platform="push", sender="northmill")
NEWS: Final = Channel(
    name="newsletter",
    platform="email",
    sender="news@shop.example",
    message_type="promotional",
    unsubscribe_url="https://shop.example/unsubscribe/{messageId}",
)
FOREIGN: Final = Channel(name="foreign", platform="sms", sender="Other", workspace=OTHER)
CHANNELS: Final = (TEXTS, MAIL, CODES, PUSH, NEWS, FOREIGN)
EVERY_RIGHT: Final = frozenset(Right)
READER: Final = Visitor(name="Rina", may=frozenset({Right.CONTENT}))


class _Text(HTMLParser):
    """Collects the words of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def words(page: httpx.Response | str) -> str:
    """Return the words of a page, with single spaces."""
    parser = _Text()
    parser.feed(page if isinstance(page, str) else page.text)
    return " ".join(" ".join(parser.words).split())


@define(slots=False)
class Site:
    """A viewer, the engine behind it, and a visitor.

    Attributes:
        visitor: Who is admitted; tests set it.
        seconds: How long a read may take; much longer than on a busy machine.
    """

    messenger: Messenger
    transport: RecordingTransport
    clock: ManualClock
    visitor: Admission = READER
    root: str = ""
    seconds: float = 60
    options: dict[str, Any] = field(factory=dict)

    @cached_property
    def app(self) -> ASGIApp:
        options = {"access": lambda _request: self.visitor, **self.options}
        with patch.object(app, "Readers", partial(Readers, seconds=self.seconds)):
            return viewer(self.messenger, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask for a page; one event loop for each request is what tests can afford."""
        return self.request("GET", path, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, root_path=self.root)
            async with httpx.AsyncClient(
                transport=transport, base_url="https://shop.example"
            ) as client:
                return await client.request(method, self.root + path, **options)

        return asyncio.run(ask())

    def send(self, body: Any = "hi", channel: Channel = TEXTS, **fields: Any) -> Message:
        """Send a message; a second passes, so that messages have an order."""
        if channel.platform == "email":
            fields.setdefault("to", "ada@receiver.example")
        message = self.messenger.send(channel, a_request(body, **fields))
        self.clock.advance(timedelta(seconds=1))
        return message

    def deliver(self) -> None:
        Worker(self.messenger).drain()


MakeSite = Callable[..., Site]
"""Makes a site whose provider gives these answers."""


def make_site(*answers: Any, storage: Storage | None = None, **options: Any) -> Site:
    """Make a site whose provider gives these answers, or those of one function.

    Options are those of `viewer`.
    """
    given = answers[0] if len(answers) == 1 and callable(answers[0]) else answers
    transport, clock = RecordingTransport(given), ManualClock()
    messenger = Messenger(
        storage=storage or MemoryStorage(), channels=dict.fromkeys(CHANNELS, transport), clock=clock
    )
    return Site(messenger=messenger, transport=transport, clock=clock, options=options)


def csrf_of(page: httpx.Response) -> str:
    """Return the token that the forms of a page carry."""
    match = re.search('name="csrf" value="([0-9a-f]+)"', page.text)
    assert match, "the page has no form"
    return match[1]


def submit(site: Site, page: str, form: str, **fields: str) -> httpx.Response:
    """Open a page, and send one of its forms as a browser does."""
    token = csrf_of(site.get(page))
    headers = {"sec-fetch-site": "same-origin", "origin": "null"}
    return site.request("POST", form, data={"csrf": token, **fields}, headers=headers)
