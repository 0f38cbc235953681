"""Compare delivering messages with Huey running one task for each, both durable on SQLite.

Both use `synchronous=FULL`; Huey runs its own consumer with the workers that suit it best, and the
engine settles and claims as many messages in one transaction as suit it. The transport and the
task do nothing, so that only what the engine and the queue cost is measured. Huey marks nothing
before it runs a task, so these figures are without the durable mark of the point of no return. The
last lines are with the mark, through many threads and to a provider that takes its time, beside a
Huey with as many workers whose task takes as long.
"""

import logging
import resource
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import orjson
from huey import SqliteHuey

from _requests import minimal
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, Worker
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.transport import Capabilities, Handoff, Transport

SMS = Channel(name="orders", platform="sms", sender="+31612345678")
ROUNDS, COUNT, MANY = 3, 3000, 100_000
BATCH = 500
THREADS, ANSWER = 64, 0.005
LIMITS = {"processing": 5.0, "end to end, single": 2.0, "end to end, bulk": 10.0}
WITH_MARK = 2.0


class Nowhere(Transport):
    """Accept everything at once."""

    name = "nowhere"
    capabilities = Capabilities()

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        """Do what every transport must, and nothing else."""
        handoff()
        return Accepted(references=(envelope.message_id.hex,))


@contextmanager
def messenger(folder: str, transport: Transport | None = None) -> Iterator[Messenger]:
    """Open a database of its own."""
    with SqliteStorage(Path(folder) / "messages.db", exclusive=True) as storage:
        yield Messenger(storage=storage, channels={SMS: transport or Nowhere()})


def rate(count: int, work: Callable[[], Any]) -> float:
    """Return how many a second."""
    start = perf_counter()
    work()
    return count / (perf_counter() - start)


def engine(count: int) -> dict[str, float]:
    """Measure the engine: accept singly, accept in bulk, deliver."""
    requests = [orjson.dumps(minimal(number)) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder, messenger(folder) as host:
        single = rate(count, lambda: [host.send(SMS, request) for request in requests])
        first = rate(count, Worker(host, durable_handoff=False, batch=BATCH).drain)
        bulk = rate(count, lambda: host.send_many(SMS, requests))
        second = rate(count, Worker(host, durable_handoff=False, batch=BATCH).drain)
    processing = (first + second) / 2
    return {"single": single, "bulk": bulk, "processing": processing}


def huey(count: int, workers: int, answer: float = 0) -> dict[str, float]:
    """Measure Huey: enqueue, then let its consumer run."""
    done = threading.Semaphore(0)
    with tempfile.TemporaryDirectory() as folder:
        queue = SqliteHuey(filename=str(Path(folder) / "huey.db"), fsync=True)

        @queue.task()
        def deliver(number: int) -> int:
            if answer:
                sleep(answer)
            done.release()
            return number

        enqueueing = rate(count, lambda: [deliver(number) for number in range(count)])
        consumer = queue.create_consumer(workers=workers, periodic=False, backoff=1.0)
        start = perf_counter()
        consumer.start()
        for _ in range(count):
            done.acquire()
        processing = count / (perf_counter() - start)
        consumer.stop(graceful=True)
    return {"enqueueing": enqueueing, "processing": processing}


def end_to_end(accepting: float, processing: float) -> float:
    """Return messages a second when accepting and delivering take turns."""
    return 1 / (1 / accepting + 1 / processing)


def compare() -> dict[str, float]:
    """Let both take turns, and return the median of each ratio."""
    ratios: dict[str, list[float]] = {name: [] for name in LIMITS}
    for _ in range(ROUNDS):
        ours = engine(COUNT)
        theirs = max(
            (huey(COUNT, workers) for workers in (1, 2)), key=lambda one: one["processing"]
        )
        their_all = end_to_end(theirs["enqueueing"], theirs["processing"])
        pairs = {
            "processing": (ours["processing"], theirs["processing"]),
            "end to end, single": (end_to_end(ours["single"], ours["processing"]), their_all),
            "end to end, bulk": (end_to_end(ours["bulk"], ours["processing"]), their_all),
        }
        for name, (mine, other) in pairs.items():
            ratios[name].append(mine / other)
            print(f"  {name:20}{mine:10,.0f} messages/s, Huey {other:8,.0f}")
    return {name: median(values) for name, values in ratios.items()}


class Patient(Nowhere):
    """Take a few milliseconds to answer, as providers do."""

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        """Answer late."""
        outcome = super().send(envelope, handoff)
        sleep(ANSWER)
        return outcome


def marking(count: int) -> tuple[float, float]:
    """Drain through many threads without and with the durable mark; return both rates."""
    requests = [orjson.dumps(minimal(number)) for number in range(count)]
    rates: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder, messenger(folder, Patient()) as host:
        for _ in range(ROUNDS):
            for durable, found in rates.items():
                host.send_many(SMS, requests)
                worker = Worker(host, threads=THREADS, batch=4 * THREADS, durable_handoff=durable)
                found.append(rate(count, worker.drain))
    return median(rates[False]), median(rates[True])


def memory(count: int) -> tuple[float, float]:
    """Drain many messages; return the peak memory in MiB at the start and at the end."""
    with tempfile.TemporaryDirectory() as folder, messenger(folder) as host:
        for start in range(0, count, 1000):
            host.send_many(
                SMS, [orjson.dumps(minimal(number)) for number in range(start, start + 1000)]
            )
        Worker(host, durable_handoff=False, batch=BATCH).run_once()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        speed = rate(count, Worker(host, durable_handoff=False, batch=BATCH).drain)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"drained {count:,} at {speed:,.0f} messages/s, peak {before:.1f} -> {after:.1f} MiB")
    return before, after


def main() -> int:
    """Print every figure; fail when one misses its limit."""
    logging.getLogger("huey").setLevel(logging.ERROR)
    before, after = memory(MANY)
    flat = after - before < 10
    ratios = compare()
    for name, limit in LIMITS.items():
        verdict = "ok" if ratios[name] >= limit else "MISSED"
        print(f"{name:20}{ratios[name]:6.1f} times Huey, at least {limit}: {verdict}")
    without, with_mark = marking(COUNT)
    print(
        f"{THREADS} threads, answers after {ANSWER * 1000:.0f} ms: {without:,.0f} messages/s"
        f" without the mark, {with_mark:,.0f} with it, {with_mark / without:.2f} times"
    )
    theirs = median(huey(COUNT, THREADS, ANSWER)["processing"] for _ in range(ROUNDS))
    marked = with_mark >= WITH_MARK * theirs
    print(
        f"Huey with as many workers {theirs:,.0f}: with the mark {with_mark / theirs:.1f} times,"
        f" at least {WITH_MARK}: {'ok' if marked else 'MISSED'}"
    )
    return (
        0 if flat and marked and all(ratios[name] >= limit for name, limit in LIMITS.items()) else 1
    )


if __name__ == "__main__":
    sys.exit(main())
