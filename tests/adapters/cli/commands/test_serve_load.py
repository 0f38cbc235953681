"""`messaging serve` among idle, slow and broken clients: working ones go on, and nothing grows.

`MESSAGING_LOAD=1` makes it a thousand idle connections and many more requests.
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import Final
from urllib.parse import urlsplit

import pytest
from attrs import frozen

from messaging_adapters.asgi.access import hash_of_key
from tests.adapters.cli.conftest import CONFIG

LONG: Final = bool(os.environ.get("MESSAGING_LOAD"))
IDLE: Final = 1000 if LONG else 200
BROKEN: Final = 1000 if LONG else 60
BAD: Final = 10_000 if LONG else 400
GOOD: Final = 500 if LONG else 40
FLOODING: Final = 4

MOST_BESIDE_IDLE: Final = 3
"""How many times as long a request may take beside connections that do nothing."""

MOST_IN_FLOOD: Final = 3 * (1 + FLOODING)
"""The same beside clients that send bad requests without a pause: each may have its turn."""

TOKEN: Final = "a token for the tests only"
WORKSPACE: Final = "/workspaces/00000000-0000-0000-0000-000000000000"
HEADERS: Final = {"Authorization": f"AccessKey {TOKEN}", "Content-Type": "application/json"}
SMS: Final = {
    "receiver": {"contacts": [{"identifierValue": "+31612345678"}]},
    "body": {"type": "text", "text": {"text": "hi"}},
}


@frozen(kw_only=True)
class Figures:
    """What a process holds."""

    threads: int
    descriptors: int
    memory: float
    """In MiB."""


@frozen(kw_only=True)
class Server:
    """A running `messaging serve`."""

    pid: int
    host: str
    port: int
    path: str
    """Where messages are sent."""

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=60)

    def client(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def figures(self) -> Figures:
        process = Path(f"/proc/{self.pid}")
        pages = int((process / "statm").read_text().split()[1])
        return Figures(
            threads=len(list((process / "task").iterdir())),
            descriptors=len(list((process / "fd").iterdir())),
            memory=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        )

    def seconds(self) -> float:
        """Return how long a good request takes, by the median."""
        times = []
        client = self.client()
        for _ in range(GOOD):
            begun = perf_counter()
            assert answer_of(client, self.path, SMS) == 202
            times.append(perf_counter() - begun)
        client.close()
        return median(times)


def answer_of(
    client: http.client.HTTPConnection,
    path: str,
    body: object,
    headers: dict[str, str] = HEADERS,
) -> int:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    client.request("POST", path, data, headers)
    answer = client.getresponse()
    answer.read()
    return answer.status


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run the command without a worker, so that only requests are measured."""
    folder = tmp_path_factory.mktemp("shop")
    key = f"[access_keys.shop]\nsha256 = '{hash_of_key(TOKEN)}'\n"
    (folder / "messaging.toml").write_text(f"{CONFIG}\n{key}")
    command = [sys.executable, "-m", "messaging_adapters.cli", "serve"]
    command += ["--port", "0", "--no-worker"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, cwd=folder, stderr=log) as process,  # noqa: S603 - our own
    ):
        try:
            yield started(process.pid, folder / "log")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert "Traceback" not in (folder / "log").read_text()


def started(pid: int, log: Path) -> Server:
    until = monotonic() + 60
    while not (urls := re.findall("http://[^;]*", log.read_text())):
        assert monotonic() < until, log.read_text()
        sleep(0.05)
    parts = urlsplit(urls[0])
    assert parts.hostname
    assert parts.port
    client = http.client.HTTPConnection(parts.hostname, parts.port)
    client.request("GET", f"{WORKSPACE}/channels", headers=HEADERS)
    channels = json.loads(client.getresponse().read())["results"]
    client.close()
    channel = next(channel["id"] for channel in channels if channel["name"] == "parcels")
    path = f"{WORKSPACE}/channels/{channel}/messages"
    server = Server(pid=pid, host=parts.hostname, port=parts.port, path=path)
    server.seconds()  # warm
    return server


def show(text: str) -> None:
    """Print a figure of the long form: `pytest -s` shows it."""
    print(f"\n{text}")  # noqa: T201 - see there


@contextmanager
def nothing_left(server: Server) -> Iterator[None]:
    """Fail where the server has more threads, descriptors or memory after a block than before."""
    before = server.figures()
    yield
    until = monotonic() + 30
    while (now := server.figures()).descriptors > before.descriptors + 4:
        assert monotonic() < until, f"{before} became {now}"
        sleep(0.1)
    # The pool of asyncio takes threads as it needs them, and has at most 32 with few processors.
    assert now.threads <= before.threads + 32
    assert now.memory < before.memory + 20
    show(f"before {before}, after {now}")


def test_idle_connections_hold_up_no_client(server: Server) -> None:
    alone = server.seconds()
    with nothing_left(server), ExitStack() as stack:
        for _ in range(IDLE):
            stack.enter_context(server.connect())
        beside = server.seconds()
    show(f"{alone * 1000:.1f} ms alone, {beside * 1000:.1f} ms beside {IDLE} idle connections")
    assert beside < alone * MOST_BESIDE_IDLE + 0.02


def request(*lines: str, body: bytes = b"") -> bytes:
    head = [*lines, "Host: x", f"Authorization: AccessKey {TOKEN}"]
    return "\r\n".join([*head, "Content-Type: application/json", "", ""]).encode() + body


def broken_requests(path: str) -> dict[str, bytes]:
    post = f"POST {path} HTTP/1.1"
    body = json.dumps(SMS).encode()
    return {
        "nothing": b"",
        "half a head": request(post)[:40],
        "no body": request(post, f"Content-Length: {len(body)}"),
        "half a body": request(post, f"Content-Length: {len(body)}", body=body[:20]),
        "too short a length": request(post, "Content-Length: 5", body=body),
        "too long a length": request(post, f"Content-Length: {len(body) + 9}", body=body),
        "two lengths": request(post, "Content-Length: 5", "Content-Length: 6", body=body),
        "a negative length": request(post, "Content-Length: -5", body=body),
        "a length and chunks": request(
            post, "Content-Length: 5", "Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"
        ),
        "a wrong chunk": request(post, "Transfer-Encoding: chunked", body=b"zz\r\nhello"),
        "half a chunk": request(post, "Transfer-Encoding: chunked", body=b"ff\r\nhello"),
        "a large head": request(post, f"X-Large: {'a' * 100_000}"),
        "a control character": request(post, "X-Odd: a\x00b"),
        "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    }


def test_slow_and_broken_clients_hold_up_no_client(server: Server) -> None:
    requests = broken_requests(server.path)
    alone = server.seconds()
    with nothing_left(server), ExitStack() as stack:
        for number in range(BROKEN):
            connection = stack.enter_context(server.connect())
            connection.sendall(list(requests.values())[number % len(requests)])
            if number % 3 == 0:  # closed with a reset, not with an end
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        beside = server.seconds()
    show(f"{alone * 1000:.1f} ms alone, {beside * 1000:.1f} ms beside {BROKEN} broken clients")
    assert beside < alone * MOST_BESIDE_IDLE + 0.02


@pytest.mark.parametrize("name", broken_requests(""))
def test_a_broken_request_is_refused_or_waits_and_is_never_accepted(
    server: Server, name: str
) -> None:
    with server.connect() as connection:
        connection.sendall(broken_requests(server.path)[name])
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert b" 202 " not in answer
    assert b" 500 " not in answer


def bad_requests(path: str) -> list[tuple[int, Callable[[http.client.HTTPConnection], int]]]:
    """Return requests that are wrong, each with the status of its answer."""
    unknown = {**HEADERS, "Authorization": "AccessKey guess"}
    deep = b"[" * 100_000
    return [
        (401, lambda client: answer_of(client, path, SMS, unknown)),
        (400, lambda client: answer_of(client, path, b'{"receiver": ')),
        (422, lambda client: answer_of(client, path, deep)),
        (404, lambda client: answer_of(client, path.replace("/workspaces/0", "/workspaces/1"), {})),
        (413, lambda client: answer_of(client, path, b" " * 2_000_000)),
        (415, lambda client: answer_of(client, path, SMS, {**HEADERS, "Content-Type": "text/x"})),
        (422, lambda client: answer_of(client, path, {**SMS, "tags": ["x" * 100] * 1000})),
    ]


def test_a_flood_of_bad_requests_leaves_the_good_ones_their_turn(server: Server) -> None:
    alone, wrong = server.seconds(), list[str]()
    requests = bad_requests(server.path)

    def flood() -> None:
        for number in range(BAD // FLOODING):
            expected, send = requests[number % len(requests)]
            client = server.client()  # the answer to a large body may end the connection
            try:
                status = send(client)
            except OSError:
                status = expected if expected == 413 else 0
            finally:
                client.close()
            if status != expected:
                wrong.append(f"{status} instead of {expected}")

    floods = [threading.Thread(target=flood) for _ in range(FLOODING)]
    with nothing_left(server):
        for thread in floods:
            thread.start()
        beside = server.seconds()
        for thread in floods:
            thread.join()
    show(f"{alone * 1000:.1f} ms alone, {beside * 1000:.1f} ms in a flood of {BAD} bad requests")
    assert not wrong
    assert beside < alone * MOST_IN_FLOOD + 0.05
