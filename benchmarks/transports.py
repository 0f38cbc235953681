"""Measure transports over HTTP against a plain pool of urllib3 that sends the same requests.

The provider is a process of its own that answers each request after 50 ms. It is what a thread
waits for, so the figures say what the transport costs beside that.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import urllib3
from attrs import evolve

from _hosts import QUICK, rate, reaches
from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_adapters.transports.sms.twilio import TwilioTransport
from messaging_core.models import Accepted, SmsContent
from messaging_core.ports.http import HttpRequest
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing.contracts.transport.envelopes import an_envelope

ANSWER = 0.05
THREADS = (64, 256)
LEAST = 0.8
SECONDS = 1.5 if QUICK else 5.0
ROUNDS = 3

SERVER = f"""
import asyncio

BODY = b'{{"sid": "SM' + b"a" * 32 + b'", "status": "queued"}}'
HEAD = "HTTP/1.1 201 Created\\r\\nContent-Type: application/json\\r\\nContent-Length: "
ANSWER = f"{{HEAD}}{{len(BODY)}}\\r\\n\\r\\n".encode() + BODY


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\\r\\n\\r\\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\\r\\n")[0])
            await reader.readexactly(length)
            await asyncio.sleep({ANSWER})
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
"""


@contextmanager
def provider() -> Iterator[str]:
    """Run the server, and return its URL."""
    with subprocess.Popen(  # noqa: S603 - our own text
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def in_threads(threads: int, calls: int, call: Callable[[], None]) -> None:
    """Call something so often in each of so many threads, all at once."""

    def work(_: int) -> None:
        for _ in range(calls):
            call()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))


def leave(*, references: Sequence[str] = ()) -> None:
    """Let every message go."""
    del references


def compare(url: str, threads: int) -> float:
    """Return the rate of the transport as a share of that of a plain pool; the best of each."""
    text = SmsContent(sms=split_sms("Your parcel is here: https://shop.example/p/1234"))
    envelope = evolve(an_envelope("sms", text))
    client = Urllib3Client(max_idle=threads)
    transport = TwilioTransport("AC" + "1" * 32, auth_token="any", base_url=url, client=client)  # noqa: S106
    request = transport.request(envelope, now=envelope.created_at)
    assert isinstance(request, HttpRequest)
    headers, body = dict(request.headers), request.body
    with client, urllib3.PoolManager(maxsize=threads, retries=False) as pool:

        def plain() -> None:
            assert pool.request("POST", request.url, body=body, headers=headers).status == 201

        def ours() -> None:
            assert isinstance(transport.send(envelope, leave), Accepted)

        calls = max(int(SECONDS / ANSWER / 4), 5)
        in_threads(threads, 2, plain)
        in_threads(threads, 2, ours)
        figures = [
            [
                rate(threads * calls, partial(in_threads, threads, calls, call))
                for _ in range(ROUNDS)
            ]
            for call in (plain, ours)
        ]
    print(
        f"{threads} threads: {max(figures[0]):,.0f} requests/s plain, {max(figures[1]):,.0f} ours"
    )
    return max(figures[1]) / max(figures[0])


def main() -> int:
    """Print a line for each number of threads; fail where a figure misses its limit."""
    with provider() as url:
        checks = [
            reaches(f"HTTP, {threads} threads, of a plain pool", compare(url, threads), LEAST)
            for threads in THREADS
        ]
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
