"""An HTTP/2 server that takes every push message after some seconds; prints its port."""

import asyncio
import sys
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded

ANSWER = float(sys.argv[1])
HEADERS = [(":status", "200"), ("apns-id", "eabeae54-14a8-11e5-b60b-1697f925ec7b")]


class Connection(asyncio.Protocol):
    """One connection of a client."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.h2 = H2Connection(H2Configuration(client_side=False))
        self.h2.initiate_connection()
        self.flush()

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                asyncio.get_running_loop().call_later(ANSWER, self.answer, event.stream_id)
        self.flush()

    def answer(self, stream: int) -> None:
        if not self.transport.is_closing():
            self.h2.send_headers(stream, HEADERS, end_stream=True)
            self.flush()

    def flush(self) -> None:
        self.transport.write(self.h2.data_to_send())


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
