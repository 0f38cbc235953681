"""`messaging serve` in several processes on one database: they count requests together."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import plain_http
from tests.adapters.cli.conftest import CONFIG, Ran

PROCESSES = 4
CLIENTS_OF_EACH = 2
LIMIT = 20
SECONDS = 2.9
RATES = f"[http]\nrequests_per_second = {LIMIT}\n"

Accepted = tuple[float, float]
"""When a request was sent, and when its answer came."""


@pytest.fixture
def urls(shop: Path) -> Iterator[list[str]]:
    (shop / "messaging.toml").write_text(f"{CONFIG}\n{RATES}", encoding="utf-8")
    command = [sys.executable, "-m", "messaging_adapters.cli", "serve", "--port", "0"]
    command += ["--no-worker"]
    with ExitStack() as stack:
        servers = [
            stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))  # noqa: S603 - our own
            for _ in range(PROCESSES)
        ]
        for server in servers:
            stack.callback(server.terminate)
        yield [
            re.findall("http://[^;]*", server.stderr.readline())[0]
            for server in servers
            if server.stderr
        ]


@pytest.fixture
def token(run: Callable[..., Ran]) -> str:
    made: str = json.loads(run("keys", "create", "shop", "--json").out)["token"]
    return made


def test_servers_on_one_database_accept_no_more_than_the_rate_together(
    token: str, urls: list[str]
) -> None:
    until = time.monotonic() + SECONDS + 1
    with ThreadPoolExecutor(PROCESSES * CLIENTS_OF_EACH) as pool:
        lists = pool.map(lambda url: hammer(url, token, until), urls * CLIENTS_OF_EACH)
        accepted = sorted(request for requests in lists for request in requests)

    # Each was accepted between these two times, so what lies within a second surely was.
    for start, _ in accepted:
        within = [1 for sent, answered in accepted if start <= sent and answered < start + 1]
        assert len(within) <= LIMIT
    first = min(answered for _, answered in accepted)
    used = [1 for _, answered in accepted if answered < first + SECONDS]
    assert len(used) >= 0.9 * LIMIT * SECONDS


def hammer(url: str, token: str, until: float) -> list[Accepted]:
    """Send requests one after another; return those that were not refused."""
    accepted: list[Accepted] = []
    headers = {"Authorization": f"AccessKey {token}"}
    with plain_http.Client(base_url=url, headers=headers, timeout=60) as client:
        while time.monotonic() < until:
            sent = time.monotonic()
            status = client.post("/send", content=b"").status_code  # refused by the first rule
            if status == 429:
                time.sleep(0.01)
            else:
                assert status == 400
                accepted.append((sent, time.monotonic()))
    return accepted
