"""Measure the pages of the viewer over a million messages, and what open tabs cost the engine.

Prints the 50th and the 99th percentile of the time that the reads of each page take, in
milliseconds, and how many messages the engine delivers in a second of processor time beside twenty
tabs that ask what changed.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from unittest.mock import patch

import httpx

from _hosts import QUICK, Provider, cpu_in_short, stays_below
from list import MAIL, OTP, SMS, START, fill
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.viewer import reads, surface
from messaging_adapters.viewer.access import Right, Visitor
from messaging_adapters.viewer.app import viewer
from messaging_core import Messenger, Worker, text
from messaging_core.models import MessageQuery
from messaging_core.testing import ManualClock, a_request

COUNT = 20_000 if QUICK else 1_000_000
ROUNDS = 5 if QUICK else 100
BUDGET_MS, TABS_LIMIT = 50.0, 5.0
TABS, SECONDS_A_TAB, DELIVERIES = 20, 5.0, 300 if QUICK else 5000
PLACES = (
    "/messages",
    "/messages?since=30d",
    "/messages?status=sending_failed&since=30d",
    "/messages?tag=rare&since=30d",
    "/messages?platform=email&status=delivered&since=30d",
    "/messages?batchId=00000000-0000-0000-0000-00000000004d&since=30d",
    "/messages?doubt=open",
    "/messages/{id}",
    "/operations?range=7d",
    "/contacts",
    "/templates",
    "/audit",
)


class TimedReads(reads.Reads):
    """The reads of a page, and how long all of them took."""

    seconds = 0.0

    async def __call__(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Read, and add the time that it took."""
        start = cpu_in_short()
        try:
            return await super().__call__(call, *args, **kwargs)
        finally:
            TimedReads.seconds += cpu_in_short() - start


@contextmanager
def client_of(messenger: Messenger) -> Iterator[Callable[[str], httpx.Response]]:
    """Return what asks a viewer for a page; each request is that of another visitor."""
    numbers = iter(range(10**9))

    def admit(_: object) -> Visitor:
        return Visitor(name=f"tab {next(numbers)}", may=frozenset(Right))

    transport = httpx.ASGITransport(viewer(messenger, access=admit))
    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(transport=transport, base_url="http://shop.example")
        yield lambda path: runner.run(client.get(path))
        runner.run(client.aclose())


def percentile(values: list[float], part: float) -> float:
    """Return the value below which a part of all lies."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def pages(messenger: Messenger) -> bool:
    """Measure the reads of every page."""
    print(f"reads of pages, {COUNT:,} messages, {ROUNDS} rounds   p50 and p99 in ms")
    message = messenger.find(MessageQuery(limit=1)).results[0]
    worst = 0.0
    with client_of(messenger) as get:
        for place in PLACES:
            figures = []
            for _ in range(ROUNDS):
                TimedReads.seconds = 0.0
                answer = get(place.format(id=message.id))
                if answer.status_code != 200:
                    raise SystemExit(f"{place} answered {answer.status_code}")
                figures.append(1000 * TimedReads.seconds)
            half, most = percentile(figures, 0.5), percentile(figures, 0.99)
            print(f"  {place[:58]:60}{half:8.2f} {most:8.2f}", flush=True)
            worst = max(worst, half if QUICK else most)
    part = "p50" if QUICK else "p99"  # in a short run one pause of the machine is the p99
    return stays_below(f"the slowest page, {part}", worst, BUDGET_MS, "ms")


def deliver(messenger: Messenger) -> float:
    """Return how many messages a second are delivered."""
    for number in range(DELIVERIES):
        messenger.send(SMS, a_request(text(f"beside tabs {number}")))
    start = cpu_in_short()
    Worker(messenger).drain()
    return DELIVERIES / (cpu_in_short() - start)


def tabs(messenger: Messenger) -> bool:
    """Measure the engine alone and beside tabs that poll, in turns."""
    alone, beside = [], []
    for _ in range(3 if QUICK else 7):
        alone.append(deliver(messenger))
        over = Event()
        thread = Thread(target=poll, args=(messenger, over))
        thread.start()
        beside.append(deliver(messenger))
        over.set()
        thread.join()
    cost = 100 * (1 - max(beside) / max(alone))
    print(f"the engine alone: {max(alone):.0f} a second, beside {TABS} tabs: {max(beside):.0f}")
    return stays_below(f"what {TABS} tabs cost the engine", max(cost, 0.0), TABS_LIMIT, "percent")


def poll(messenger: Messenger, over: Event) -> None:
    """Ask as often as so many tabs do, each at its own time."""
    with client_of(messenger) as get:
        position = messenger.changes().position
        while not over.wait(SECONDS_A_TAB / TABS):
            answer = get(f"/messages/changes?after={position}")
            if answer.status_code == 200:
                position = answer.json()["position"]


def main() -> bool:
    """Fill a file, and measure both."""
    with (
        tempfile.TemporaryDirectory() as folder,
        SqliteStorage(Path(folder) / "messages.db") as storage,
        patch.object(surface, "Reads", TimedReads),
    ):
        fill(storage, COUNT)
        clock = ManualClock(START + timedelta(milliseconds=100 * COUNT))
        messenger = Messenger(
            storage=storage, channels=dict.fromkeys((SMS, OTP, MAIL), Provider()), clock=clock
        )
        return all([pages(messenger), tabs(messenger)])


if __name__ == "__main__":
    sys.exit(not main())
