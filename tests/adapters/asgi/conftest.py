"""The application as callers see it: a real server on a free port, and a client."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import httpx
import pytest
import uvicorn
from attrs import frozen

from messaging_adapters.asgi.access import (
    Access,
    AccessKeyChain,
    AccessKeyTable,
    Action,
    Policy,
    hash_of_key,
)
from messaging_adapters.asgi.app import make_app
from messaging_adapters.asgi.stored_keys import StoredAccessKeys
from messaging_adapters.media_stores.memory import MemoryMediaStore
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.uploads.presigned import Uploads
from messaging_core import Channel, Messenger, Worker
from messaging_core.testing import ManualClock, RecordingTransport
from tests import plain_http

SECRET: Final = "a secret for the tests only"
PUBLIC: Final = "https://shop.example/messaging"
OTHER: Final = UUID("11111111-1111-4111-8111-111111111111")
ORDERS: Final = Channel(name="orders", platform="sms", sender="Shop")
MAIL: Final = Channel(name="mail", platform="email", sender="shop@shop.example")
NEWS: Final = Channel(
    name="news",
    platform="email",
    sender="news@shop.example",
    message_type="promotional",
    unsubscribe_url=f"{PUBLIC}/unsubscribe/news/{{messageId}}",
)
CLOSED: Final = Channel(name="closed", platform="sms", sender="Shop", active=False)
FOREIGN: Final = Channel(name="orders", platform="sms", sender="Shop", workspace=OTHER)
CHANNELS: Final = (ORDERS, MAIL, CLOSED, FOREIGN, NEWS)
KEYS: Final = {
    "everything": Access(name="everything"),
    "viewer": Access(name="viewer", policies=(Policy(Action.VIEW, "/**"),)),
    "nothing": Access(name="nothing", policies=()),
    "foreign": Access(name="foreign", workspace=OTHER),
}


@frozen(kw_only=True)
class Service:
    """A running server, and what it serves."""

    messenger: Messenger
    transport: RecordingTransport
    clock: ManualClock
    url: str
    uploads: Uploads
    stored: Mapping[str, str]
    """Tokens of stored keys, by the names of `KEYS`."""

    def client(self, token: str | None = next(iter(KEYS))) -> httpx.Client:
        headers = {"Authorization": f"AccessKey {token}"} if token else {}
        return plain_http.Client(base_url=self.url, headers=headers, timeout=30)

    def deliver(self) -> None:
        Worker(self.messenger).drain()


@contextmanager
def serving(app: object) -> Iterator[str]:
    """Run an application on a free port, and yield its URL."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))  # type: ignore[arg-type]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as `messaging serve`
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    transport, clock = RecordingTransport(), ManualClock()
    uploads = Uploads(store=MemoryMediaStore(), secret=SECRET, base_url=PUBLIC, clock=clock)
    storage = MemoryStorage()
    messenger = Messenger(
        storage=storage,
        channels=dict.fromkeys(CHANNELS, transport),
        clock=clock,
        short_link_domain="go.example",
        media_check=uploads,
    )
    table = AccessKeyTable({hash_of_key(token): access for token, access in KEYS.items()})
    stored = StoredAccessKeys(storage)
    tokens = {
        name: stored.create(name, workspace=access.workspace, policies=access.policies).token
        for name, access in KEYS.items()
    }
    keys = AccessKeyChain(table, stored)
    with serving(make_app(messenger, access=keys, public_url=PUBLIC, uploads=uploads)) as url:
        yield Service(
            messenger=messenger,
            transport=transport,
            clock=clock,
            url=url,
            uploads=uploads,
            stored=tokens,
        )


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


def path_of(channel: Channel, rest: str = "") -> str:
    return f"/workspaces/{channel.workspace}/channels/{channel.id}{rest}"


def sms(text: str = "hi", to: str = "+31612345678") -> dict[str, object]:
    return {
        "receiver": {"contacts": [{"identifierValue": to}]},
        "body": {"type": "text", "text": {"text": text}},
    }
