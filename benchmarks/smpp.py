"""Compare `SmppTransport` with the most that the window of a message centre allows.

A centre on this machine answers each request after 50 ms and drops it. The peer is one socket that
keeps the window full with requests written beforehand: no client can be faster. The transport
composes each message, waits for its place in the window, and gives each answer to its thread.
"""

import asyncio
import multiprocessing
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from _hosts import QUICK, rate, reaches
from messaging_adapters.smpp.codec import PduStream, encode
from messaging_adapters.smpp.pdu import (
    Bind,
    Command,
    MessageAnswer,
    Pdu,
    PduError,
    ShortMessage,
)
from messaging_adapters.transports.sms.smpp import SmppTransport
from messaging_core.models.common.channel import SMS
from messaging_core.models.delivery.outcome import Accepted
from messaging_core.models.messages.envelope import SmsContent
from messaging_core.rules import split_sms
from messaging_core.testing.contracts.transport import Leave, an_envelope

DELAY = 0.05
WINDOWS = (10, 64)
ROUNDS, SECONDS = (1, 1.0) if QUICK else (5, 2.0)
CONTENT = SmsContent(sms=split_sms("Your parcel is here: locker 12, code 4711."))
LEAST = 0.8
"""Of the rate that the window allows."""


class Centre(asyncio.Protocol):
    """Take every message and keep none."""

    def __init__(self) -> None:
        self._stream = PduStream()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a message after a while, and all else at once."""
        loop = asyncio.get_running_loop()
        for pdu in self._stream.feed(data):
            assert not isinstance(pdu, PduError)
            if pdu.command == Command.SUBMIT_SM:
                loop.call_later(DELAY, self._accept, pdu.sequence)
            else:
                self._transport.write(encode(pdu.answer()))

    def _accept(self, sequence: int) -> None:
        body = MessageAnswer(message_id=b"%d" % sequence)
        answer = Pdu(command=Command.SUBMIT_SM_RESP, sequence=sequence, body=body)
        self._transport.write(encode(answer))


def serve(port: "multiprocessing.Queue[int]") -> None:
    """Run the centre in a process of its own, so that it shares no interpreter with a client."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Centre, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with suppress(KeyboardInterrupt):
        asyncio.run(run())


def at_the_limit(port: int, window: int, count: int) -> None:
    """Keep the window full with requests that are written already."""
    body = ShortMessage(destination_addr=b"31612345678", short_message=b"Your parcel is here.")
    submit = Pdu(command=Command.SUBMIT_SM, body=body)
    requests = [encode(submit, number) for number in range(2, count + 2)]
    stream, sent, answered = PduStream(), window, 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bind = Pdu(command=Command.BIND_TRANSMITTER, sequence=1, body=Bind(system_id=b"bench"))
        connection.sendall(encode(bind))
        connection.recv(1 << 16)
        connection.sendall(b"".join(requests[:window]))
        while answered < count:
            arrived = len(stream.feed(connection.recv(1 << 16)))
            answered += arrived
            connection.sendall(b"".join(requests[sent : sent + arrived]))
            sent += arrived


def through(transport: SmppTransport, window: int, count: int) -> None:
    """Send as many messages with a few more threads than the window has places."""

    def send(_: int) -> bool:
        return isinstance(transport.send(an_envelope(SMS, CONTENT), Leave()), Accepted)

    with ThreadPoolExecutor(window + 8) as pool:
        assert all(pool.map(send, range(count)))


def compare(port: int, window: int) -> bool:
    """Let both take turns, and print the best ratio: a busy machine slows the peer less."""
    count = int(window / DELAY * SECONDS)
    options = {"security": "none", "system_id": "bench", "password": "", "receipts": False}
    ratios = []
    with SmppTransport("127.0.0.1", port, window=window, **options) as transport:
        transport.check()
        for _ in range(ROUNDS):
            limit = rate(count, lambda: at_the_limit(port, window, count))
            ours = rate(count, lambda: through(transport, window, count))
            ratios.append(ours / limit)
        print(f"window {window}: {ours:,.0f} of {limit:,.0f} messages a second")
    return reaches(f"of the limit of a window of {window}", max(ratios), LEAST)


def with_centre(work: Callable[[int], bool]) -> bool:
    """Call `work` with the port of a message centre."""
    context = multiprocessing.get_context("spawn")
    port = context.Queue()
    centre = context.Process(target=serve, args=(port,), daemon=True)
    centre.start()
    try:
        return work(port.get(timeout=30))
    finally:
        centre.terminate()
        centre.join()


if __name__ == "__main__":
    good = with_centre(lambda port: all(tuple(compare(port, window) for window in WINDOWS)))
    sys.exit(0 if good else 1)
