"""An HTTP/2 server for tests with the interface of `HttpPeer`: it answers as a test says."""

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.testing.http_peer import Exchange, Misbehaviour

CHUNK = b" " * 16_384


class Http2Peer:
    """Serve HTTP/2 on a free port of this machine until it is closed.

    Args:
        answer: Says what to answer a request: a response, a misbehaviour, or what is called with
            the connection and the stream, on the thread of the peer.
        tls: Encrypts the connections, if given.
        max_streams: How many requests a connection may have under way.
        protocols: What it offers in the handshake.
        settings: More settings of HTTP/2.
        connection: Serves a connection in another way.

    Attributes:
        cancelled: Streams that a client reset.
        most_open: The most streams that were open at once on one connection.
    """

    def __init__(  # noqa: PLR0913 - by keyword beyond the first
        self,
        answer: Callable[[HttpRequest], Any],
        *,
        tls: ssl.SSLContext | None = None,
        max_streams: int = 100,
        protocols: Sequence[str] = ("h2",),
        settings: Mapping[int, int] | None = None,
        connection: type["Http2ServerConnection"] | None = None,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.begun = 0
        self.sent = 0
        self.connections = 0
        self.cancelled: list[int] = []
        self.most_open = 0
        self.open: set[Http2ServerConnection] = set()
        self.settings = {SettingCodes.MAX_CONCURRENT_STREAMS: max_streams, **(settings or {})}
        serve = connection or Http2ServerConnection
        self.answer_to = answer
        self.is_closed = False
        if tls is not None:
            tls.set_alpn_protocols(list(protocols))
        self.loop = asyncio.new_event_loop()
        self._server = self.loop.run_until_complete(
            self.loop.create_server(lambda: serve(self), "127.0.0.1", 0, ssl=tls, backlog=512)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        host = "127.0.0.1" if tls is None else "localhost"
        self.url = f"{'http' if tls is None else 'https'}://{host}:{self.port}"
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def taken(self) -> list[HttpRequest]:
        return [exchange.request for exchange in self.exchanges if exchange.is_taken]

    def close(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self.call(self._server.close)
        self.hang_up()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def hang_up(self) -> None:
        """Close every connection, as servers do with those that are idle."""
        self.each_connection(lambda connection: connection.transport.abort())

    def each_connection(self, action: Callable[["Http2ServerConnection"], object]) -> None:
        """Do something with every connection, and wait until it is done."""
        self.call(lambda: [action(connection) for connection in list(self.open)])
        self.call(lambda: None)  # what was scheduled by that

    def call(self, action: Callable[[], object]) -> None:
        async def act() -> None:
            action()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(act(), self.loop).result(10)


class Http2ServerConnection(asyncio.Protocol):
    """One connection of a client."""

    transport: Any

    def __init__(self, peer: Http2Peer) -> None:
        self.peer = peer
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.h2.local_settings = Settings(client=False, initial_values=peer.settings)
        self.requests: dict[int, tuple[dict[str, str], bytearray]] = {}
        self.pending: dict[int, bytes | None] = {}

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.peer.connections += 1
        self.peer.open.add(self)
        self.h2.initiate_connection()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.peer.open.discard(self)
        self.pending.clear()

    def data_received(self, data: bytes) -> None:
        try:
            events = self.h2.receive_data(data)
        except ProtocolError:
            self.flush()
            self.transport.close()
            return
        for event in events:
            self.handle(event)
        self.flush()

    def handle(self, event: Any) -> None:
        match event:
            case RequestReceived():
                self.requests[event.stream_id] = (dict(event.headers), bytearray())
                self.peer.most_open = max(self.peer.most_open, self.h2.open_inbound_streams)
                if event.stream_ended is not None:
                    self.peer.begun += 1
            case DataReceived():
                body = self.requests[event.stream_id][1]
                if not body and event.data:
                    self.peer.begun += 1
                body += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                self.begin_answer(event.stream_id)
            case StreamReset():
                self.peer.cancelled.append(event.stream_id)
                self.pending.pop(event.stream_id, None)
            case WindowUpdated():
                for stream in list(self.pending):
                    self.pump(stream)

    def begin_answer(self, stream: int) -> None:
        headers, body = self.requests.pop(stream)
        request = HttpRequest(
            method=headers[":method"],
            url=self.peer.url + headers[":path"],
            headers=headers,
            body=bytes(body),
        )

        def find() -> None:
            answer = self.peer.answer_to(request)
            with suppress(RuntimeError):  # the loop is closed
                self.peer.loop.call_soon_threadsafe(self.give, stream, request, answer)

        threading.Thread(target=find, daemon=True).start()

    def give(self, stream: int, request: HttpRequest | None, answer: Any) -> None:
        if request is not None:
            self.peer.exchanges.append(Exchange(request, answer))
        if self not in self.peer.open:
            return
        with suppress(ProtocolError):  # the client has reset it
            self.act(stream, answer)
        self.flush()

    def act(self, stream: int, answer: Any) -> None:
        match answer:
            case HttpResponse():
                self.begin(stream, answer.status, answer.headers)
                self.pending[stream] = answer.body
                self.pump(stream)
            case Misbehaviour.SILENT:
                pass
            case Misbehaviour.RESET:
                self.abort_with_rst()
            case Misbehaviour.GARBAGE:
                self.write(b"\x00\xffthis is no HTTP\r\n\r\n" * 10)
                self.flush()
                self.transport.close()
            case Misbehaviour.ENDLESS:
                self.begin(stream, 200)
                self.pending[stream] = None
                self.pump(stream)
            case Misbehaviour.DRIPPING:
                self.begin(stream, 200)
                self.pending[stream] = b""
                self.drip(stream)
            case _:
                answer(self, stream)

    def begin(self, stream: int, status: int, headers: Any = None) -> None:
        given = {} if headers is None else dict(headers)
        self.h2.send_headers(stream, [(":status", str(status)), *given.items()])

    def drip(self, stream: int) -> None:
        if stream in self.pending and self in self.peer.open:
            self.h2.send_data(stream, b" ")
            self.flush()
            self.peer.loop.call_later(0.01, self.drip, stream)

    def pump(self, stream: int) -> None:
        """Send what the client has room for; of a body that is None there is no end."""
        while stream in self.pending:
            rest = self.pending[stream]
            window = self.h2.local_flow_control_window(stream)
            size = min(window, self.h2.max_outbound_frame_size)
            if rest is None:
                if size <= 0:
                    return
                self.h2.send_data(stream, CHUNK[:size])
                self.flush()
            elif len(rest) > size:
                if size <= 0:
                    return
                self.h2.send_data(stream, rest[:size])
                self.pending[stream] = rest[size:]
            else:
                self.h2.send_data(stream, rest, end_stream=True)
                del self.pending[stream]

    def reset(self, stream: int, code: int) -> None:
        self.h2.reset_stream(stream, code)
        self.flush()

    def go_away(self, last: int, code: int = 0, data: bytes = b"") -> None:
        """Send GOAWAY; h2 would send nothing more afterwards, so it goes beside it."""
        payload = struct.pack(">II", last, code) + data
        self.flush()
        self.write(struct.pack(">I", len(payload))[1:] + b"\x07\x00" + b"\0\0\0\0" + payload)

    def abort_with_rst(self) -> None:
        self.flush()
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def flush(self) -> None:
        data = self.h2.data_to_send()
        if data:
            self.write(data)

    def write(self, data: bytes) -> None:
        self.peer.sent += len(data)
        if not self.transport.is_closing():
            self.transport.write(data)
