"""Measure what a claim costs, and how workers and tenants share one database.

A backlog of a million must cost a claim as little as one of a thousand, and two processes that
serve one file must both get on. How many tenants wait is what a claim may cost more for: the last
line of that part says how much.
"""

import multiprocessing
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from uuid import UUID

import orjson

from _hosts import QUICK, cpu_in_short, reaches, stays_below
from _requests import minimal
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, Worker
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.messages.message import Status
from messaging_core.ports.transport import Capabilities, Handoff, Transport
from messaging_core.testing import a_delivery, a_message, a_new_message, a_settlement

FEW, MANY, TENANTS, EACH = 1000, 30_000 if QUICK else 1_000_000, 1000, 20
BATCH, CLAIMS = 100, 60
SHARED = 1000 if QUICK else 6000
AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
LEASE = timedelta(minutes=15)
MOST, LEAST = 1.5, 0.2

_GROW = """
WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
INSERT INTO {table} SELECT {columns} FROM {table} t, number
WHERE t.position = (SELECT max(position) FROM {table})
"""


def backlog(path: Path, count: int) -> None:
    """Let as many messages wait, due one after another: one real, and copies of it."""
    with SqliteStorage(path) as storage, storage.begin() as tx:
        new = a_new_message(a_message(at=AT), delivery=a_delivery(AT))
        tx.messages.add([new])
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = OFF")
        varied = {
            "position": "t.position + n",
            "id": "CAST(printf('%016d', n) AS BLOB)",
            "due_at": "t.due_at + n",
        }
        for table in ("messaging_outbox", "messaging_messages"):
            names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            columns = ", ".join(varied.get(name, f"t.{name}") for name in names)
            db.execute(_GROW.format(table=table, columns=columns), (count - 1,))
    db.close()


def tenants(path: Path, count: int) -> None:
    """Let as many workspaces have something due, and all of them together equally much."""
    with SqliteStorage(path) as storage:
        for start in range(0, TENANTS * EACH, 1000):
            with storage.begin() as tx:
                tx.messages.add(
                    [
                        a_new_message(
                            a_message(at=AT),
                            workspace=UUID(int=number % count),
                            delivery=a_delivery(AT),
                        )
                        for number in range(start, start + 1000)
                    ]
                )


def claims(path: Path) -> Iterator[Callable[[], float]]:
    """Yield a claim to be timed, in milliseconds; what it leased is settled and made good."""
    with SqliteStorage(path, exclusive=True) as storage:
        now = AT + timedelta(days=1)

        def once() -> float:
            nonlocal now
            now += timedelta(milliseconds=1)
            start = cpu_in_short()
            with storage.begin() as tx:
                claims = tx.outbox.claim(now=now, lease=LEASE, limit=BATCH)
            spent = (cpu_in_short() - start) * 1000
            assert len(claims) == BATCH, "the backlog ran out"
            with storage.begin() as tx:
                tx.outbox.settle(
                    [a_settlement(claim, Status.PROCESSING, next_due_at=now) for claim in claims]
                )
            return spent

        yield once


def compare(prepare: Callable[[Path, int], None], counts: tuple[int, int]) -> tuple[float, float]:
    """Let claims from two databases take turns; return the median of each in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{count}.db" for count in counts]
        for path, count in zip(paths, counts, strict=True):
            prepare(path, count)
        small, large = (contextmanager(claims)(path) for path in paths)
        with small as first, large as second:
            pairs = [(first(), second()) for _ in range(CLAIMS)][CLAIMS // 10 :]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


class Nowhere(Transport):
    """Accept everything at once."""

    name = "nowhere"
    capabilities = Capabilities()

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        """Do what every transport must, and nothing else."""
        handoff()
        return Accepted(references=(envelope.message_id.hex,))


SMS = Channel(name="orders", platform="sms", sender="+31612345678")


def work(path: str, start: "multiprocessing.synchronize.Barrier") -> tuple[int, float, float]:
    """Drain beside others; return how many were sent, and when it began and ended."""
    with SqliteStorage(path, busy_timeout=timedelta(minutes=1)) as storage:
        worker = Worker(
            Messenger(storage=storage, channels={SMS: Nowhere()}), durable_handoff=False
        )
        start.wait()
        began = perf_counter()  # one clock for all processes of a machine
        return worker.drain().sent, began, perf_counter()


def _work(
    path: str,
    start: "multiprocessing.synchronize.Barrier",
    results: "multiprocessing.Queue[tuple[int, float, float]]",
) -> None:
    results.put(work(path, start))


def together(processes: int) -> tuple[list[int], float]:
    """Let processes drain one file; return what each of them sent, and messages a second."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "messages.db")
        with SqliteStorage(path) as storage:
            host = Messenger(storage=storage, channels={SMS: Nowhere()})
            host.send_many(SMS, [orjson.dumps(minimal(number)) for number in range(SHARED)])
        start, results = context.Barrier(processes), context.Queue()
        workers = [
            context.Process(target=_work, args=(path, start, results)) for _ in range(processes)
        ]
        for worker in workers:
            worker.start()
        shares = [results.get(timeout=300) for _ in workers]
        for worker in workers:
            worker.join()
    spent = max(end for _, _, end in shares) - min(began for _, began, _ in shares)
    return [sent for sent, _, _ in shares], SHARED / spent


def main() -> int:
    """Print every figure; fail when one misses its limit."""
    few, many = compare(backlog, (FEW, MANY))
    print(f"claim {BATCH} of {FEW:,}: {few:.2f} ms, of {MANY:,}: {many:.2f} ms")
    is_flat = stays_below("claim from many, of claim from few", many / few, MOST)
    single, several = compare(tenants, (1, TENANTS))
    print(f"claim {BATCH} of 1 tenant: {single:.2f} ms, of {TENANTS:,}: {several:.2f} ms,", end=" ")
    print(f"{several / single:.2f} times")
    _, alone = together(1)
    sent, both = together(2)
    assert sum(sent) == SHARED
    print(f"1 process {alone:,.0f} messages/s; 2 on one file {both:,.0f}, {both / alone:.2f} times")
    is_fair = reaches("the smaller share of two processes", min(sent) / SHARED, LEAST, "of all")
    return 0 if is_flat and is_fair else 1


if __name__ == "__main__":
    sys.exit(main())
