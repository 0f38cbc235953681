"""An HTTP server for tests that controls each byte of its answers, and when they come."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import sleep
from typing import Any

from attrs import define, field


@define
class PeerRequest:
    line: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]


@define(eq=False)
class Wire:
    """One request on its connection."""

    connection: socket.socket
    reader: Any
    request: PeerRequest
    stopped: threading.Event

    def read_body(self) -> bytes:
        length = int(self.request.headers.get("content-length", "0"))
        self.request.body = self.reader.read(length)
        return self.request.body

    def write(self, data: bytes) -> None:
        self.connection.sendall(data)

    def reset(self) -> None:
        """Close so that the other side gets an RST and not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Behaviour = Callable[[Wire], object]


def answering(
    body: bytes = b"", status: int = 201, *, delay: float = 0.0, **headers: str
) -> Behaviour:
    def answer(wire: Wire) -> bool:
        wire.read_body()
        sleep(delay)
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
        head = f"HTTP/1.1 {status} Any\r\n{''.join(lines)}Content-Length: {len(body)}\r\n\r\n"
        wire.write(head.encode() + body)
        return True

    return answer


def writing(*pieces: bytes | float) -> Behaviour:
    """Read the request, write these bytes with pauses between them, and hang up."""

    def write(wire: Wire) -> None:
        wire.read_body()
        for piece in pieces:
            if isinstance(piece, float):
                sleep(piece)
            else:
                wire.write(piece)

    return write


def resetting_after_the_body(wire: Wire) -> None:
    wire.read_body()
    wire.reset()


def hanging_up_after_the_body(wire: Wire) -> None:
    wire.read_body()


def silent(wire: Wire) -> None:
    wire.read_body()
    wire.stopped.wait(30)


def dripping(wire: Wire) -> None:
    """Send one byte of a head after the other, for ever."""
    wire.read_body()
    wire.write(b"HTTP/1.1 201 Created\r\nX: ")
    while not wire.stopped.wait(0.05):
        wire.write(b"x")


def endless(wire: Wire) -> None:
    """Send a body without an end, as fast as it goes."""
    wire.read_body()
    wire.write(b"HTTP/1.1 201 Created\r\n\r\n")
    while not wire.stopped.is_set():
        wire.write(b"x" * 65536)


@define(eq=False)
class WirePeer:
    """Serve requests by the behaviours in their order; the last one serves all that follow.

    Attributes:
        requests: As they came, with what was read of their bodies.
        connections: How many there were.
    """

    behaviours: list[Behaviour]
    tls: ssl.SSLContext | None = None
    host: str = "localhost"
    requests: list[PeerRequest] = field(factory=list)
    connections: int = 0
    port: int = field(init=False)
    _stopped: threading.Event = field(factory=threading.Event)
    _open: list[socket.socket] = field(factory=list)
    _listener: socket.socket = field(init=False)
    _lock: threading.Lock = field(factory=threading.Lock)

    def __attrs_post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def close(self) -> None:
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close every connection there is."""
        with self._lock:
            connections, self._open = self._open, []
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(30)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with self._lock:
                self._open.append(connection)
            with connection, connection.makefile("rb") as reader:
                for request in self._requests(reader):
                    wire = Wire(connection, reader, request, self._stopped)
                    if not self._behaviour()(wire):
                        return
        except (OSError, ValueError):
            connection.close()

    def _behaviour(self) -> Behaviour:
        with self._lock:
            return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]

    def _requests(self, reader: Any) -> Iterator[PeerRequest]:
        while line := reader.readline().decode("latin-1").strip():
            headers = {}
            while header := reader.readline().decode("latin-1").strip():
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            request = PeerRequest(line, headers)
            self.requests.append(request)
            yield request
