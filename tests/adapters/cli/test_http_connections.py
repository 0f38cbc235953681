"""Connections on which no request begins are closed, and the others are not."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic, sleep

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from messaging_adapters.cli.http_connections import ImpatientProtocol

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Hasty(ImpatientProtocol):
    patience = 0.3


async def answer(request: Request) -> PlainTextResponse:
    await request.body()
    return PlainTextResponse("fine")


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])
    config = uvicorn.Config(app, http=Hasty, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield listener.getsockname()
        server.should_exit = True
        thread.join()


@pytest.fixture
def connection(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=10) as connection:
        yield connection


def test_a_connection_without_a_request_is_closed(connection: socket.socket) -> None:
    assert connection.recv(100) == b""


def test_a_head_that_trickles_is_given_up(connection: socket.socket) -> None:
    connection.settimeout(0.02)
    until = monotonic() + 10
    while not is_closed(connection):
        assert monotonic() < until
        with suppress(OSError):  # a reset
            connection.send(b"G")


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(100) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_the_second_head_has_a_time_of_its_own(connection: socket.socket) -> None:
    connection.sendall(GET)
    received = b""
    while not received.endswith(b"fine"):
        received += connection.recv(1000)
    connection.sendall(GET[:10])
    assert connection.recv(1000) == b""


def test_a_body_is_not_the_business_of_the_connection(connection: socket.socket) -> None:
    connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
    sleep(2 * Hasty.patience)
    connection.sendall(b"b")
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
