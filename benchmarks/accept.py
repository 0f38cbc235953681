"""Compare accepting messages with raw sqlite3 that writes the same rows to the same tables.

Engine and raw statements take turns in one run, so that a busy machine slows both alike; every
commit of both is durable (`synchronous=FULL`).
"""

import asyncio
import gc
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import orjson

from _requests import full, minimal
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger
from messaging_core.aio import AsyncMessenger
from messaging_core.testing.recording import RecordingTransport

SMS = Channel(name="orders", platform="sms", sender="+31612345678")
MAIL = Channel(name="support", platform="email", sender="support@shop.example")

TABLES = (
    "messaging_messages",
    "messaging_channels",
    "messaging_tags",
    "messaging_people",
    "messaging_subjects",
    "messaging_outbox",
    "messaging_idempotency_keys",
    "messaging_contacts",
    "messaging_contact_identifiers",
)
ROUNDS, SINGLE, CHUNK = 9, 150, 1000
Rows = dict[str, list[tuple[Any, ...]]]


@contextmanager
def messenger(folder: str, name: str) -> Iterator[Messenger]:
    """Open a database of its own."""
    with SqliteStorage(Path(folder) / f"{name}.db", exclusive=True) as storage:
        transport = RecordingTransport()
        yield Messenger(storage=storage, channels={SMS: transport, MAIL: transport})


class Raw:
    """The same tables, written by plain statements."""

    def __init__(self, folder: str, name: str) -> None:
        path = Path(folder) / f"{name}.db"
        SqliteStorage(path, exclusive=True).close()
        self.connection = sqlite3.connect(path, isolation_level=None, cached_statements=512)
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.execute("PRAGMA cache_size = -16384")

    def write(self, rows: Rows) -> None:
        """Write the rows of one transaction, durably."""
        self.connection.execute("BEGIN IMMEDIATE")
        for table, values in rows.items():
            if values:
                places = ", ".join("?" * len(values[0]))
                self.connection.executemany(f"INSERT INTO {table} VALUES ({places})", values)
        self.connection.execute("COMMIT")


class Recorder:
    """Tells which rows the engine wrote, so that raw statements can write the same."""

    def __init__(self, storage: SqliteStorage) -> None:
        self.connection = storage._connection  # noqa: SLF001 - the file is locked for others
        self.seen: dict[str, set[tuple[Any, ...]]] = {table: set() for table in TABLES}

    def new_rows(self) -> Rows:
        """Return what was written since the last call."""
        rows: Rows = {}
        for table in TABLES:
            everything = self.connection.execute(f"SELECT * FROM {table}").fetchall()
            rows[table] = [row for row in everything if row not in self.seen[table]]
            self.seen[table].update(rows[table])
        return rows


def seconds(work: Callable[[], Any]) -> float:
    """Time one call."""
    start = perf_counter()
    work()
    return perf_counter() - start


def compare(name: str, channel: Channel, make: Callable[[int], dict[str, Any]]) -> dict[str, float]:
    """Accept requests singly and in bulk, and let raw statements write the same rows."""
    numbers = iter(range(10_000_000))
    ratios: dict[str, list[float]] = {"single": [], "bulk": []}
    rates: dict[str, list[float]] = {"single": [], "bulk": []}
    with tempfile.TemporaryDirectory() as folder, messenger(folder, "engine") as engine:
        raw, recorder = Raw(folder, "raw"), Recorder(engine.storage)  # type: ignore[arg-type]
        for _ in range(ROUNDS):
            singles = [orjson.dumps(make(next(numbers))) for _ in range(SINGLE)]
            ours, theirs = 0.0, 0.0
            for request in singles:
                ours += seconds(partial(engine.send, channel, request))
            one_by_one = list(split(recorder.new_rows()))
            for rows in one_by_one:
                theirs += seconds(partial(raw.write, rows))
            ratios["single"].append(theirs / ours)
            gc.collect()
            gc.freeze()  # what this script remembers is no part of what it measures
            rates["single"].append(SINGLE / ours)
            bulk = [orjson.dumps(make(next(numbers))) for _ in range(CHUNK)]
            ours = seconds(partial(engine.send_many, channel, bulk))
            ratios["bulk"].append(seconds(partial(raw.write, recorder.new_rows())) / ours)
            rates["bulk"].append(CHUNK / ours)
    for kind, limit in (("single", 0.7), ("bulk", 0.4)):
        report(f"{name}, {kind}", median(rates[kind]), median(ratios[kind]), limit)
    return {kind: median(values) for kind, values in ratios.items()}


def split(rows: Rows) -> Iterator[Rows]:
    """Divide rows into those of each message."""
    contacts = {row[1]: row for row in rows["messaging_contacts"]}
    identifiers = {row[3]: row for row in rows["messaging_contact_identifiers"]}
    for message in rows["messaging_messages"]:
        position, document = message[0], orjson.loads(message[-1])
        ids = [contact["id"] for contact in document["receiver"]["contacts"]]
        own: Rows = {"messaging_messages": [message]}
        for table in ("messaging_tags", "messaging_people"):
            own[table] = [row for row in rows[table] if row[2] == position]
        for table in ("messaging_subjects", "messaging_outbox"):
            own[table] = [row for row in rows[table] if row[0] == position]
        own["messaging_contacts"] = [contacts.pop(one) for one in ids if one in contacts]
        own["messaging_contact_identifiers"] = [
            identifiers.pop(one) for one in ids if one in identifiers
        ]
        yield own


def share_commits() -> float:
    """Compare a hundred concurrent callers with one."""

    async def rate(callers: int, each: int) -> float:
        asynchronous = AsyncMessenger(engine)

        async def call() -> None:
            for number in range(each):
                await asynchronous.send(SMS, orjson.dumps(minimal(number)))

        start = perf_counter()
        await asyncio.gather(*(call() for _ in range(callers)))
        return callers * each / (perf_counter() - start)

    with tempfile.TemporaryDirectory() as folder, messenger(folder, "async") as engine:
        asyncio.run(rate(1, 50))
        pairs = [(asyncio.run(rate(1, 200)), asyncio.run(rate(100, 20))) for _ in range(5)]
    gain = median(many / one for one, many in pairs)
    report("100 async callers against one", median(many for _, many in pairs), gain, 3.0)
    return gain


def report(what: str, rate: float, ratio: float, limit: float) -> None:
    """Print one line."""
    verdict = "ok" if ratio >= limit else "MISSED"
    print(f"{what:32}{rate:10,.0f} messages/s{ratio:8.2f} of raw, at least {limit}: {verdict}")


def main(arguments: Sequence[str] = ()) -> int:
    """Print every figure; fail when one misses its limit."""
    del arguments
    small = compare("minimal request", SMS, minimal)
    large = compare("full request", MAIL, full)
    gain = share_commits()
    missed = min(small["single"], large["single"]) < 0.7 or min(small["bulk"], large["bulk"]) < 0.4
    return 1 if missed or gain < 3 else 0


if __name__ == "__main__":
    sys.exit(main())
