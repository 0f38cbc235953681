"""An HTTP server on this machine that answers as a test says, and keeps what it gets."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum
from http import HTTPStatus
from http.client import parse_headers
from itertools import repeat
from socketserver import StreamRequestHandler, ThreadingTCPServer
from ssl import SSLContext
from time import sleep
from typing import Any, Final, Self

from messaging_core.lazy import frozen
from messaging_core.ports.http import HttpRequest, HttpResponse


class Misbehaviour(Enum):
    """What a peer does instead of answering, after it has read the whole request."""

    SILENT = "never answers"
    RESET = "resets the connection"
    DRIPPING = "answers a byte at a time, without end"
    ENDLESS = "answers with a body that does not end"
    GARBAGE = "answers with bytes that are no HTTP"


Answer = HttpResponse | Misbehaviour

_GARBAGE: Final = b"\x00\xffthis is no HTTP\r\n\r\n"
_ENDLESS: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
_CHUNK: Final = b" " * 65_536
_MOST: Final = 256 * 1024 * 1024  # of an endless body, for a reader without a limit
_NO_LINGER: Final = struct.pack("ii", 1, 0)  # closing sends RST


@frozen
class Exchange:
    """One request that came in full, and what it was answered."""

    request: HttpRequest
    answer: Answer

    @property
    def is_taken(self) -> bool:
        """Whether the peer took what it was sent: it did so before it hung up or fell silent."""
        if isinstance(self.answer, HttpResponse):
            return HTTPStatus.OK <= self.answer.status < HTTPStatus.MULTIPLE_CHOICES
        return True


class HttpPeer:
    """Serve HTTP/1.1 on a free port of this machine until it is closed; keeps connections alive.

    ```python
    with HttpPeer(lambda request: HttpResponse(status=202, body=b'{"id": "r-1"}')) as peer:
        transport = PagerTransport(peer.url)
    ```

    Args:
        answer: Says what to answer a request; called in many threads.
        tls: Encrypts the connections, if given.

    Attributes:
        url: Where it listens, without a path: `http://127.0.0.1:51234`.
        exchanges: What came in full, in order.
        begun: How many requests had a body begin, or came without one.
        sent: How many bytes of answers went out.
    """

    def __init__(
        self, answer: Callable[[HttpRequest], Answer], *, tls: SSLContext | None = None
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.begun = 0
        self.sent = 0
        self.is_closed = threading.Event()
        self._answer = answer
        self._lock = threading.Lock()
        self._server = _Server(self, tls)
        scheme = "http" if tls is None else "https"
        self.port: int = self._server.server_address[1]
        self.url = f"{scheme}://{'127.0.0.1' if tls is None else 'localhost'}:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Self:
        """Return the peer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the peer."""
        self.close()

    def close(self) -> None:
        """Stop listening and hang up."""
        self.is_closed.set()
        self._server.shutdown()
        self._server.server_close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close every connection, as servers do with those that are idle."""
        for connection in list(self._server.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def taken(self) -> list[HttpRequest]:
        """Return the requests that the peer took."""
        return [exchange.request for exchange in self.exchanges if exchange.is_taken]

    def answer(self, request: HttpRequest) -> Answer:
        """Keep a request, and return what it is answered."""
        answer = self._answer(request)
        with self._lock:
            self.exchanges.append(Exchange(request, answer))
        return answer

    def count(self, *, begun: int = 0, sent: int = 0) -> None:
        """Count a body that begins, and bytes that go out."""
        with self._lock:
            self.begun += begun
            self.sent += sent


class _Server(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, peer: HttpPeer, tls: SSLContext | None) -> None:
        self.peer = peer
        self.connections: set[socket.socket] = set()
        self._tls = tls
        super().__init__(("127.0.0.1", 0), _Connection)

    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the thread of the connection, so that a slow handshake holds up no other.
        if self._tls is not None:
            request = self._tls.wrap_socket(request, server_side=True)
        self.connections.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self.connections.discard(request)
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is what many tests are about."""


class _Connection(StreamRequestHandler):
    """Serve one connection."""

    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(OSError):
            while (request := self._read()) is not None:
                if not self._give(self.server.peer.answer(request)):
                    return

    def _read(self) -> HttpRequest | None:
        line = self.rfile.readline().decode("latin-1").split()
        if len(line) < 2:  # noqa: PLR2004 - a request line has a method and a target
            return None
        headers = {name.lower(): value for name, value in parse_headers(self.rfile).items()}
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._body(headers)
        url = self.server.peer.url + line[1]
        return HttpRequest(method=line[0], url=url, headers=headers, body=body)

    def _body(self, headers: dict[str, str]) -> bytes:
        length = int(headers.get("content-length", "0"))
        is_chunked = "chunked" in headers.get("transfer-encoding", "")
        if length or is_chunked:
            self.rfile.peek(1)  # type: ignore[attr-defined] # a BufferedReader: waits for a byte
        self.server.peer.count(begun=1)
        return b"".join(self._chunks()) if is_chunked else self.rfile.read(length)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _give(self, answer: Answer) -> bool:
        """Give an answer, and return whether the connection goes on."""
        match answer:
            case HttpResponse():
                self._write(_head(answer) + answer.body)
                return True
            case Misbehaviour.SILENT:
                self.rfile.read(1)  # returns when the client hangs up
            case Misbehaviour.RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            case Misbehaviour.GARBAGE:
                self._write(_GARBAGE)
            case Misbehaviour.ENDLESS:
                self._write(_ENDLESS)
                for chunk in repeat(_CHUNK, _MOST // len(_CHUNK)):
                    self._write(chunk)
            case Misbehaviour.DRIPPING:
                self._write(_ENDLESS)
                while not self.server.peer.is_closed.is_set():
                    self._write(b" ")
                    sleep(0.01)
        return False

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)
        self.server.peer.count(sent=len(data))


def _head(response: HttpResponse) -> bytes:
    headers = {"content-length": str(len(response.body)), **response.headers}
    lines = [f"HTTP/1.1 {response.status} Answer", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
