"""Measure requests accepted over HTTP beside an application that only parses and writes a row.

Both run under uvicorn with one worker, on a SQLite file of their own. The clients are threads of
another process that send the same requests over kept connections. Listing is measured in pages of
a thousand messages, and memory over many requests. The same requests with a key that is stored, and
counted for a rate, are measured beside those with neither.
"""

import http.client
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from _hosts import QUICK, SMS, messenger, reaches, stays_below
from _requests import minimal
from messaging_adapters.asgi.access import Access
from messaging_adapters.asgi.app import make_app
from messaging_adapters.asgi.request_rates import RequestRate
from messaging_adapters.asgi.stored_keys import StoredAccessKeys
from messaging_core import Messenger

REQUESTS = 300 if QUICK else 3000
MANY = 2000 if QUICK else 100_000
CLIENTS = (1, 64)
_ANY = "any"
PATH = f"/workspaces/{SMS.workspace}/channels/{SMS.id}/messages"


def plain(folder: Path) -> Starlette:
    """Return an application that parses JSON and writes one row, as durably."""
    database = sqlite3.connect(folder / "plain.db", check_same_thread=False, isolation_level=None)
    database.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, document BLOB)")
    lock = threading.Lock()

    def write(body: bytes) -> None:
        document = orjson.dumps(orjson.loads(body))
        with lock:
            database.execute("INSERT INTO messages (document) VALUES (?)", (document,))

    async def accept(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool  # noqa: PLC0415 - beside its use

        await run_in_threadpool(write, await request.body())
        return Response(b"{}", status_code=202, media_type="application/json")

    return Starlette(routes=[Route(PATH, accept, methods=["POST"])])


@contextmanager
def serving(app: Starlette) -> Iterator[int]:
    """Serve an application on a free port of this machine."""
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def rate(port: int, clients: int, requests: int, token: str = _ANY) -> float:
    """Return how many requests a second the clients of another process get accepted."""
    command = [sys.executable, __file__, "--client", token]
    command += [str(port), str(clients), str(requests)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - this file
    return float(printed)


def send(token: str, port: int, clients: int, requests: int) -> None:
    """Send requests on threads, and print how many a second were accepted."""
    body = json.dumps(minimal(7)).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"AccessKey {token}"}

    def run(count: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(count):
            connection.request("POST", PATH, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 202:
                raise SystemExit(f"answered with {answer.status}")
        connection.close()

    threads = [threading.Thread(target=run, args=(requests // clients,)) for _ in range(clients)]
    start = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(requests // clients * clients / (perf_counter() - start))


def counted(host: Messenger, port: int, clients: int) -> bool:
    """Compare requests that a stored key sends and a rate counts with those of neither."""
    keys = StoredAccessKeys(host.context.storage)
    token = keys.create("benchmark").token
    app = make_app(host, access=keys, rate=RequestRate(per_second=10_000))
    with serving(app) as counted_port:
        rate(counted_port, clients, REQUESTS // 10, token)  # warm
        # Turn by turn, so that other programs on the machine disturb both.
        rounds = [
            (rate(counted_port, clients, REQUESTS // 3, token), rate(port, clients, REQUESTS // 3))
            for _ in range(3)
        ]
    ratio = sum(first for first, _ in rounds) / sum(second for _, second in rounds)
    return reaches(f"accepted with keys and a rate, {clients} clients, of without", ratio, 0.8)


def memory_mib() -> float:
    """Return the memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> bool:
    """Print every figure; return whether all are within their limits."""
    results = []
    with tempfile.TemporaryDirectory() as folder, messenger() as host:
        app = make_app(host, access=lambda _: Access(name="any"))
        with serving(app) as port, serving(plain(Path(folder))) as plain_port:
            rate(port, 8, 80), rate(plain_port, 8, 80)  # warm
            for clients in CLIENTS:
                ratio = rate(port, clients, REQUESTS) / rate(plain_port, clients, REQUESTS)
                results.append(
                    reaches(f"accepted over HTTP, {clients} clients, of plain", ratio, 0.6)
                )
            results += [counted(host, port, clients) for clients in CLIENTS]
            before = memory_mib()
            rate(port, 64, MANY)
            grown = memory_mib() - before
            results.append(stays_below(f"memory that {MANY:,} requests leave", grown, 20, "MiB"))
            start = perf_counter()
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request(
                "GET", f"{PATH}?limit=1000", headers={"Authorization": "AccessKey any"}
            )
            size = len(connection.getresponse().read())
            print(f"a page of 1000: {(perf_counter() - start) * 1000:.0f} ms, {size / 1e6:.1f} MB")
    return all(results)


if __name__ == "__main__":
    if "--client" in sys.argv:
        send(sys.argv[-4], *map(int, sys.argv[-3:]))
        os._exit(0)
    sys.exit(0 if main() else 1)
