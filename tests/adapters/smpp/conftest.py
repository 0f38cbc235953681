"""A message centre of others, and transports that send to it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from messaging_adapters.transports.sms.smpp import SmppTransport
from peers.centre import Centre


@pytest.fixture
def start_centre() -> Iterator[Callable[..., Centre]]:
    with ExitStack() as centres:

        def start(**settings: Any) -> Centre:
            centre = Centre(**settings)
            centres.callback(centre.close)
            return centre

        yield start


@pytest.fixture
def free_port() -> int:
    """Return a port of this machine where no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture
def connect() -> Iterator[Callable[..., SmppTransport]]:
    with ExitStack() as transports:

        def make(centre: Centre | int, **options: Any) -> SmppTransport:
            port = centre if isinstance(centre, int) else centre.port
            given = {"system_id": "shop", "password": "secret", "security": "none"} | options
            return transports.enter_context(SmppTransport("127.0.0.1", port, **given))

        yield make
