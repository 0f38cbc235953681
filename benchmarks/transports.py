"""Measure transports over HTTP against plain clients that send the same requests.

TwilioTransport is compared with a pool of urllib3, ApnsTransport with HTTP/2 clients of httpx.

The provider is a process of its own that answers each request after 50 ms. It is what a thread
waits for, so the figures say what the transport costs beside that.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import httpx
import urllib3
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from _hosts import QUICK, rate, reaches
from messaging_adapters.http_clients.h2_client import H2Client
from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_adapters.transports.push.apns import ApnsTransport
from messaging_adapters.transports.sms.twilio import TwilioTransport
from messaging_core.models import Accepted, PushContent, SmsContent
from messaging_core.ports.http import HttpRequest
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing.contracts.transport.envelopes import an_envelope

ANSWER = 0.05
THREADS = (64, 256)
LEAST = 0.8
PUSH_THREADS = 64
PUSH_LEAST = 0.5  # one connection for all threads, beside one for each
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


FAKE = str(Path(__file__).with_name("_http2_fake.py"))


@contextmanager
def provider(*arguments: str) -> Iterator[str]:
    """Run a server, and return its URL."""
    with subprocess.Popen(  # noqa: S603 - our own text
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True
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

        return share(threads, plain, ours)


def compare_push(url: str, threads: int) -> float:
    """Return the rate of ApnsTransport, on one connection, as a share of that of plain clients."""
    key = generate_private_key(SECP256R1())
    p8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {"key_id": "ABC123DEFG", "team_id": "DEF123GHIJ", "topic": "com.example.shop"}
    content = PushContent(title="Your parcel", text="It is here: https://shop.example/p/1234")
    envelope = an_envelope("push", content)
    client = H2Client()
    transport = ApnsTransport(private_key=p8, base_url=url, client=client, **account)
    request = transport.request(envelope, now=envelope.created_at)
    assert isinstance(request, HttpRequest)
    headers, body = {**request.headers, "authorization": "bearer any"}, request.body
    # One for each thread: httpx 0.28 fails where many threads share an HTTP/2 connection.
    others: SimpleQueue[httpx.Client] = SimpleQueue()
    with client, ExitStack() as stack:
        for _ in range(threads):
            made = httpx.Client(http1=False, http2=True, timeout=30)
            others.put(stack.enter_context(made))

        def plain() -> None:
            other = others.get()
            answer = other.post(request.url, content=body, headers=headers)
            assert answer.status_code == 200
            others.put(other)

        def ours() -> None:
            assert isinstance(transport.send(envelope, leave), Accepted)

        return share(threads, plain, ours)


def share(threads: int, plain: Callable[[], None], ours: Callable[[], None]) -> float:
    """Return how often ours can be called, as a share of the other; the best of each."""
    calls = max(int(SECONDS / ANSWER / 4), 5)
    in_threads(threads, 2, plain)
    in_threads(threads, 2, ours)
    figures = [
        [rate(threads * calls, partial(in_threads, threads, calls, call)) for _ in range(ROUNDS)]
        for call in (plain, ours)
    ]
    print(
        f"{threads} threads: {max(figures[0]):,.0f} requests/s plain, {max(figures[1]):,.0f} ours"
    )
    return max(figures[1]) / max(figures[0])


def main() -> int:
    """Print a line for each number of threads; fail where a figure misses its limit."""
    with provider("-c", SERVER) as url:
        checks = [
            reaches(f"HTTP, {threads} threads, of a plain pool", compare(url, threads), LEAST)
            for threads in THREADS
        ]
    with provider(FAKE, str(ANSWER)) as url:
        name = f"HTTP/2, {PUSH_THREADS} threads, of plain clients"
        checks.append(reaches(name, compare_push(url, PUSH_THREADS), PUSH_LEAST))
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
