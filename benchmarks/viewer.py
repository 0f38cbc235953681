"""Measure the pages of the viewer over a million messages, and what open tabs cost the engine.

The messages have their events, roll-ups, tags and contacts. Prints the 50th and the 99th
percentile of the time that the reads of each page take, in milliseconds, and how many messages the
engine delivers in a second of processor time beside twenty tabs that ask what changed.

`--file=PATH` names the SQLite file, which is filled only if it is not there; `--dsn=DSN` an empty
database of PostgreSQL instead.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Any, TypeVar
from unittest.mock import patch

import httpx
import orjson

from _hosts import QUICK, Provider, cpu_in_short, stays_below
from _list_data import BATCH, MAIL, OTP, SMS
from _viewer_data import TEMPLATE, add_rest, end, fill
from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.viewer import reads, surface
from messaging_adapters.viewer.access import Right, Visitor
from messaging_adapters.viewer.app import viewer
from messaging_adapters.viewer.pages import replay_job
from messaging_adapters.viewer.pages.replay_job import ReplayJob
from messaging_adapters.viewer.route_table import PAGES
from messaging_core import Messenger, Worker, text
from messaging_core.models import MessageQuery
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.expiring_record import RecordKind
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import ManualClock, a_request

S = TypeVar("S", bound=Storage)

COUNT = 20_000 if QUICK else 1_000_000
ROUNDS = 5 if QUICK else 100
BUDGET_MS, TABS_LIMIT = 50.0, 5.0
TABS, SECONDS_A_TAB, DELIVERIES = 20, 5.0, 300 if QUICK else 5000
EVER = "since=ever"
PLACES = {
    "messages": (
        "/messages",
        f"/messages?{EVER}",
        "/messages?status=sent&status=delivered",
        f"/messages?status=sending_failed&{EVER}",
        f"/messages?status=rejected&{EVER}",
        f"/messages?status=scheduled&tag=rare&{EVER}",
        f"/messages?tag=common&status=sending_failed&{EVER}",
        f"/messages?tag=rare&{EVER}",
        f"/messages?tag=nothing&{EVER}",
        f"/messages?channel=otp&{EVER}",
        f"/messages?platform=email&status=delivered&{EVER}",
        f"/messages?platform=email&countryCode=BE&{EVER}",
        f"/messages?failureCode=15005&{EVER}",
        f"/messages?reference=order-500&{EVER}",
        f"/messages?batchId={BATCH}&{EVER}",
        f"/messages?doubt=open&{EVER}",
        f"/messages?to={{to}}&{EVER}",
        f"/messages?subject={{subject}}&{EVER}",
        f"/messages?subject={{subject}}&status=sending_failed&{EVER}",
        "/messages/changes?after={position}",
        "/messages/latest?tag=rare",
    ),
    "message": ("/messages/{id}", "/messages/{first}", "/messages/{mail}?view=text"),
    "operations": ("/operations", "/operations?range=1h", "/operations?range=7d"),
    "replay": ("/operations/replay?failureCode=15001&since=7d",),
    "replay_job": ("/operations/replays/{job}",),
    "campaigns": ("/campaigns",),
    "campaign": (
        "/campaigns/common",
        "/campaigns/uncommon",
        "/campaigns/rare",
        "/campaigns/nothing",
        "/campaigns/common.csv",
    ),
    "batch": (f"/batches/{BATCH}",),
    "contacts": ("/contacts",),
    "contact": ("/contacts/c47", "/contacts/c9000"),
    "templates": ("/templates",),
    "template": (f"/templates/parcels/{TEMPLATE}",),
    "audit": ("/audit", "/audit?messageId={id}"),
}
"""Paths of every page: the usual ones, and those whose filters hardly ever meet."""


class TimedReads(reads.Reads):
    """The reads of a page, and how long all of them took: by the clock, and of the processor."""

    seconds = cpu = 0.0

    async def __call__(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Read, and add the time that it took."""
        return await timed(super().__call__(call, *args, **kwargs))

    async def act(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Record what is shown, and add the time that it took."""
        return await timed(super().act(call, *args, **kwargs))


async def timed(work: Coroutine[Any, Any, Any]) -> Any:
    """Wait for a read, and add the time that it took."""
    start, cpu = perf_counter(), process_time()
    try:
        return await work
    finally:
        TimedReads.seconds += perf_counter() - start
        TimedReads.cpu += process_time() - cpu


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


def names_in(messenger: Messenger) -> dict[str, str]:
    """Return what stands in the paths: ids, and the keys of searches."""
    newest, oldest = (
        messenger.find(MessageQuery(limit=1, reverse=reverse)).results[0]
        for reverse in (False, True)
    )
    mail = messenger.find(MessageQuery(limit=1, platform="email")).results[0]
    records, day = messenger.page_records, timedelta(days=1)
    for key, words in (("to", "+31612340010"), ("subject", "refund")):
        value = orjson.dumps([key, words]).decode()
        records.put(RecordKind.LOOK_UP, key, value, lifetime=day, workspace=DEFAULT_WORKSPACE)
    job = ReplayJob(key="job", workspace=DEFAULT_WORKSPACE, ids=(newest.id,), reason="a benchmark")
    replay_job.save(messenger, job)
    return {
        "id": str(newest.id),
        "first": str(oldest.id),
        "mail": str(mail.id),
        "to": "~to",
        "subject": "~subject",
        "job": "job",
        "position": str(messenger.changes().position - 100),
    }


def pages(messenger: Messenger) -> bool:
    """Measure the reads of every page."""
    assert set(PLACES) == {page.name for page in PAGES}, "every page is measured"
    print(f"reads of pages in ms, {COUNT:,} messages, {ROUNDS} rounds")
    print(f"{'p50, p99 by the clock, and of the processor':>104}")
    worst = 0.0
    with client_of(messenger) as get:
        names = names_in(messenger)
        for place in (place for places in PLACES.values() for place in places):
            clock, cpu = measured(get, place.format(**names))
            figures = [percentile(own, part) for own in (clock, cpu) for part in (0.5, 0.99)]
            print(f"  {place[:64]:66}" + " ".join(f"{own:8.2f}" for own in figures), flush=True)
            worst = max(worst, figures[2] if QUICK else figures[1])
    # Other programs on the machine make the clock's figures larger, and hardly the processor's.
    part = "p50 of processor" if QUICK else "p99"
    return stays_below(f"the slowest page, {part}", worst, BUDGET_MS, "ms")


def measured(get: Callable[[str], httpx.Response], path: str) -> tuple[list[float], list[float]]:
    """Return how many milliseconds the reads of a page take: by the clock, and of the processor."""
    clock, cpu = [], []
    get(path)  # the first page after a start loads modules
    for _ in range(ROUNDS):
        TimedReads.seconds = TimedReads.cpu = 0.0
        answer = get(path)
        if answer.status_code not in {200, 204, 303}:
            raise SystemExit(f"{path} answered {answer.status_code}")
        clock.append(1000 * TimedReads.seconds)
        cpu.append(1000 * TimedReads.cpu)
    return clock, cpu


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


def option(name: str) -> str | None:
    """Return the value of `--name=value`."""
    values = [text.partition("=")[2] for text in sys.argv if text.startswith(f"--{name}=")]
    return values[0] if values else None


def opened(folder: str) -> SqliteStorage | PostgresStorage:
    """Open the storage that is measured, with all its messages.

    `--file` names a file that is filled only once; `--dsn` an empty database of PostgreSQL.
    """
    if dsn := option("dsn"):
        return filled(PostgresStorage(dsn))
    file = Path(option("file") or Path(folder) / "messages.db")
    if not file.exists():
        # No other process reads it, and it can be made again.
        filled(SqliteStorage(file, exclusive=True, synchronous="NORMAL")).close()
    return SqliteStorage(file)


def filled(storage: S) -> S:
    """Fill a storage, and print how long it took."""
    start = perf_counter()
    fill(storage, COUNT)
    add_rest(messenger_on(storage))
    print(f"filled in {perf_counter() - start:.0f} s")
    return storage


def messenger_on(storage: Storage) -> Messenger:
    """Return a messenger at the time of the last message."""
    channels = dict.fromkeys((SMS, OTP, MAIL), Provider())
    return Messenger(storage=storage, channels=channels, clock=ManualClock(end(COUNT)))


def main() -> bool:
    """Fill a storage, and measure both."""
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(folder) as storage,
        patch.object(surface, "Reads", TimedReads),
    ):
        messenger = messenger_on(storage)
        return all([pages(messenger), tabs(messenger)])


if __name__ == "__main__":
    sys.exit(not main())
