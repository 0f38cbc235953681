"""Compare accepting messages with raw sqlite3 that writes the same rows to the same tables.

Engine and raw statements take turns, message by message, so that a busy machine slows both alike;
every commit of both is durable (`synchronous=FULL`).
"""

import asyncio
import gc
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import orjson

from _hosts import CPU_MARGIN, MARGIN, QUICK, cpu_in_short, reaches
from _requests import full, minimal
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger
from messaging_core.aio import AsyncMessenger
from messaging_core.testing.recording import RecordingTransport

SMS = Channel(name="orders", platform="sms", sender="+31612345678")
MAIL = Channel(name="support", platform="email", sender="support@shop.example")

TABLES = (
    "messaging_messages",
    "messaging_documents",
    "messaging_channels",
    "messaging_tags",
    "messaging_people",
    "messaging_subjects",
    "messaging_outbox",
    "messaging_events",
    "messaging_idempotency_keys",
    "messaging_contacts",
    "messaging_contact_identifiers",
)
SETTINGS = ("journal_mode", "synchronous", "secure_delete")
SINGLES, CHUNKS, CHUNK = (100, 3, 500) if QUICK else (1000, 9, 1000)
DOCUMENT = 17  # its column in messaging_messages; empty where it is in messaging_documents
Rows = dict[str, list[tuple[Any, ...]]]


@contextmanager
def messenger(folder: str, name: str, *, exclusive: bool = True) -> Iterator[Messenger]:
    """Open a database of its own."""
    with SqliteStorage(Path(folder) / f"{name}.db", exclusive=exclusive) as storage:
        transport = RecordingTransport()
        yield Messenger(storage=storage, channels={SMS: transport, MAIL: transport})


class Raw:
    """The same tables, written by plain statements."""

    def __init__(self, folder: str, name: str, *, exclusive: bool) -> None:
        path = Path(folder) / f"{name}.db"
        with SqliteStorage(path, exclusive=exclusive) as storage:
            pragmas = [(name, _pragma(storage, name)) for name in SETTINGS]
        self.connection = sqlite3.connect(path, isolation_level=None, cached_statements=512)
        if exclusive:
            self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        for pragma, value in pragmas:
            self.connection.execute(f"PRAGMA {pragma} = {value}")
        self.connection.execute("PRAGMA cache_size = -16384")

    def write(self, rows: Rows) -> None:
        """Write the rows of one transaction, durably."""
        self.connection.execute("BEGIN IMMEDIATE")
        for table, values in rows.items():
            if values:
                places = ", ".join("?" * len(values[0]))
                self.connection.executemany(f"INSERT INTO {table} VALUES ({places})", values)
        self.connection.execute("COMMIT")


def _pragma(storage: SqliteStorage, name: str) -> object:
    """Return how the engine has set a database up."""
    return storage._connection.execute(f"PRAGMA {name}").fetchone()[0]  # noqa: SLF001


def rows_of(channel: Channel, chunks: Iterable[Sequence[bytes]]) -> list[Rows]:
    """Return the rows that each chunk of requests adds, so that raw statements can write them."""
    seen: dict[str, set[tuple[Any, ...]]] = {table: set() for table in TABLES}
    added: list[Rows] = []
    with tempfile.TemporaryDirectory() as folder, messenger(folder, "scratch") as engine:
        connection = engine.storage._connection  # type: ignore[attr-defined]  # noqa: SLF001
        for chunk in chunks:
            engine.send_many(channel, chunk)
            rows: Rows = {}
            for table in TABLES:
                current = connection.execute(f"SELECT * FROM {table}").fetchall()
                rows[table] = [row for row in current if row not in seen[table]]
                seen[table].update(current)
            added.append(rows)
    return added


def seconds(work: Callable[[], Any], clock: Callable[[], float] = perf_counter) -> float:
    """Time one call."""
    start = clock()
    work()
    return clock() - start


def compare(
    name: str, channel: Channel, make: Callable[[int], dict[str, Any]], *, exclusive: bool
) -> bool:
    """Accept requests singly and in bulk, and let raw statements write the same rows."""
    requests = [orjson.dumps(make(number)) for number in range(SINGLES + CHUNKS * CHUNK)]
    singles, bulk = requests[:SINGLES], requests[SINGLES:]
    chunks = [bulk[start : start + CHUNK] for start in range(0, len(bulk), CHUNK)]
    (rows_of_singles,) = rows_of(channel, [singles])
    one_by_one = list(split(rows_of_singles))
    together = rows_of(channel, chunks)
    with (
        tempfile.TemporaryDirectory() as folder,
        messenger(folder, "engine", exclusive=exclusive) as engine,
        ExitStack() as stack,
    ):
        raw = Raw(folder, "raw", exclusive=exclusive)
        # Both files grow: into a larger index more pages are written.
        raw_bulk = Raw(folder, "raw_bulk", exclusive=exclusive)
        engine_bulk = stack.enter_context(messenger(folder, "bulk", exclusive=exclusive))
        gc.collect()
        gc.freeze()  # what this script remembers is no part of what it measures
        single = [
            (seconds(partial(engine.send, channel, request)), seconds(partial(raw.write, rows)))
            for request, rows in zip(singles, one_by_one, strict=True)
        ]
        many = [
            (
                seconds(partial(engine_bulk.send_many, channel, chunk), cpu_in_short) / CHUNK,
                seconds(partial(raw_bulk.write, rows), cpu_in_short) / CHUNK,
            )
            for chunk, rows in zip(chunks, together, strict=True)
        ]
    is_fast = True
    for kind, pairs, limit, margin in (
        ("single", single, 0.7, MARGIN),
        ("bulk", many, 0.3, CPU_MARGIN),
    ):
        ours, theirs = (median(times) for times in zip(*pairs, strict=True))
        print(f"{name}, {kind}: {1 / ours:,.0f} messages/s")
        figure = theirs / ours
        is_fast &= reaches(f"{name}, {kind}, of raw statements", figure, limit, margin=margin)
    return is_fast


def split(rows: Rows) -> Iterator[Rows]:
    """Divide rows into those of each message."""
    contacts = {row[1]: row for row in rows["messaging_contacts"]}
    identifiers = {row[3]: row for row in rows["messaging_contact_identifiers"]}
    out_of_line = dict(rows["messaging_documents"])
    for message in rows["messaging_messages"]:
        position = message[0]
        document = orjson.loads(message[DOCUMENT] or out_of_line[position])
        ids = [contact["id"] for contact in document["receiver"]["contacts"]]
        own: Rows = {"messaging_messages": [message]}
        for table in ("messaging_tags", "messaging_people"):
            own[table] = [row for row in rows[table] if row[2] == position]
        for table in ("messaging_documents", "messaging_subjects", "messaging_outbox"):
            own[table] = [row for row in rows[table] if row[0] == position]
        own["messaging_events"] = [row for row in rows["messaging_events"] if row[2] == message[1]]
        own["messaging_contacts"] = [
            contacts.pop(contact_id) for contact_id in ids if contact_id in contacts
        ]
        own["messaging_contact_identifiers"] = [
            identifiers.pop(contact_id) for contact_id in ids if contact_id in identifiers
        ]
        yield own


def share_commits() -> bool:
    """Compare a hundred concurrent callers with one."""

    async def rate(callers: int, calls: int) -> float:
        asynchronous = AsyncMessenger(engine)

        async def call() -> None:
            for number in range(calls):
                await asynchronous.send(SMS, orjson.dumps(minimal(number)))

        start = perf_counter()
        await asyncio.gather(*(call() for _ in range(callers)))
        return callers * calls / (perf_counter() - start)

    with tempfile.TemporaryDirectory() as folder, messenger(folder, "async") as engine:
        asyncio.run(rate(1, 50))
        pairs = [
            (asyncio.run(rate(1, 200)), asyncio.run(rate(100, 20)))
            for _ in range(2 if QUICK else 5)
        ]
    gain = median(many / single for single, many in pairs)
    return reaches("100 callers of AsyncMessenger, of one", gain, 3.0)


def main() -> int:
    """Print every figure; fail when one misses its limit."""
    checks = []
    for exclusive in (False, True):
        print("one process alone:" if exclusive else "as it comes, for several processes:")
        checks.append(compare("minimal request", SMS, minimal, exclusive=exclusive))
        checks.append(compare("full request", MAIL, full, exclusive=exclusive))
    checks.append(share_commits())
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
