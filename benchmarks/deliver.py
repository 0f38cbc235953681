"""Compare accepting and delivering with Huey running one task for each message.

Both are durable on SQLite (`synchronous=FULL`). The transport and the task do nothing, so that only
the engine and the queue are measured. The first rows are the defaults of both: a shared file, a
durable hand-off, results kept. Then Huey at its best (no results, its best number of workers), then
the engine alone on its file, as one process can have it.
"""

import logging
import resource
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import sleep
from typing import Any

import orjson
from huey import SqliteHuey

from _hosts import CPU_MARGIN, QUICK, SMS, Provider, cpu_in_short, messenger, rate, reaches
from _requests import minimal
from messaging_core import Worker

ROUNDS, COUNT, MANY = (1, 1200, 5000) if QUICK else (5, 3000, 100_000)
THREADS, ANSWER = 64, 0.005
GROWTH_MIB = 10.0

Rates = dict[str, float]


def engine(worker: dict[str, Any], **storage: Any) -> Rates:
    """Accept singly, accept in bulk, and deliver both; return how many a second of each."""
    requests = [orjson.dumps(minimal(number)) for number in range(COUNT)]
    with messenger(**storage) as host:
        single = rate(
            COUNT, lambda: [host.send(SMS, request) for request in requests], cpu_in_short
        )
        first = rate(COUNT, Worker(host, **worker).drain, cpu_in_short)
        bulk = rate(COUNT, lambda: host.send_many(SMS, requests), cpu_in_short)
        second = rate(COUNT, Worker(host, **worker).drain, cpu_in_short)
    deliver = (first + second) / 2
    return {
        "deliver": deliver,
        "end to end, single": end_to_end(single, deliver),
        "end to end, bulk": end_to_end(bulk, deliver),
    }


def huey(
    *, results: bool, workers: int, answer: float = 0, clock: Callable[[], float] = cpu_in_short
) -> Rates:
    """Enqueue, then let the consumer of Huey run; return how many a second of each."""
    done = threading.Semaphore(0)
    with tempfile.TemporaryDirectory() as folder:
        queue = SqliteHuey(filename=str(Path(folder) / "huey.db"), fsync=True, results=results)

        @queue.task()
        def deliver(number: int) -> int:
            if answer:
                sleep(answer)
            done.release()
            return number

        enqueue = rate(COUNT, lambda: [deliver(number) for number in range(COUNT)], clock)
        consumer = queue.create_consumer(workers=workers, periodic=False, backoff=1.0)
        start = clock()
        consumer.start()
        for _ in range(COUNT):
            done.acquire()
        process = COUNT / (clock() - start)
        consumer.stop(graceful=True)
    both = end_to_end(enqueue, process)
    return {"deliver": process, "end to end, single": both, "end to end, bulk": both}


def end_to_end(accept: float, deliver: float) -> float:
    """Return messages a second when accepting and delivering take turns."""
    return 1 / (1 / accept + 1 / deliver)


def fastest(*, results: bool) -> Rates:
    """Return the figures of Huey with the number of workers that delivers fastest."""
    tries = [huey(results=results, workers=workers) for workers in (1, 2, 4)]
    return max(tries, key=lambda rates: rates["deliver"])


OURS = {
    "defaults": lambda: engine({}),
    "exclusive": lambda: engine({}, exclusive=True),
    "exclusive, without durable hand-off": lambda: engine(
        {"durable_handoff": False, "batch": 500}, exclusive=True
    ),
}
PEERS = {
    "Huey": lambda: fastest(results=True),
    "Huey without results": lambda: fastest(results=False),
}
LIMITS = {
    ("defaults", "Huey"): (0.8, 0.3, 1.0),
    ("defaults", "Huey without results"): (0.5, 0.22, 0.75),
    ("exclusive", "Huey"): (1.1, 0.45, 1.3),
    ("exclusive, without durable hand-off", "Huey"): (1.7, 0.6, 1.8),
}
"""At least this many times the rate of the peer: deliver, end to end single, end to end bulk.

A drain ends when the events are counted for roll-ups too.
"""


def compare() -> bool:
    """Let engine and peers take turns; print the median of each ratio."""
    rounds = []
    for _ in range(ROUNDS):
        ours = {name: measure() for name, measure in OURS.items()}
        rounds.append((ours, {name: measure() for name, measure in PEERS.items()}))
    is_fast = True
    for (setting, peer), limits in LIMITS.items():
        for figure, limit in zip(rounds[0][0][setting], limits, strict=True):
            ratio = median(ours[setting][figure] / peers[peer][figure] for ours, peers in rounds)
            name = f"{setting}: {figure}, of {peer}"
            is_fast &= reaches(name, ratio, limit, margin=CPU_MARGIN)
    return is_fast


def handing_off() -> bool:
    """Compare the durable hand-off, through many threads, with none and with Huey."""
    requests = [orjson.dumps(minimal(number)) for number in range(COUNT)]
    rates: dict[bool, list[float]] = {False: [], True: []}
    with messenger(transport=Provider(ANSWER), exclusive=True) as host:
        for _ in range(ROUNDS):
            for durable, figures in rates.items():
                host.send_many(SMS, requests)
                worker = Worker(host, threads=THREADS, batch=4 * THREADS, durable_handoff=durable)
                figures.append(rate(COUNT, worker.drain, cpu_in_short))
    peer = median(
        huey(results=True, workers=THREADS, answer=ANSWER)["deliver"] for _ in range(ROUNDS)
    )
    without, with_it = median(rates[False]), median(rates[True])
    name = f"{THREADS} threads, {ANSWER * 1000:.0f} ms: durable hand-off"
    print(f"{name}, of none{with_it / without:10.2f} times")
    return reaches(f"{name}, of Huey", with_it / peer, 1.4, margin=CPU_MARGIN)


def memory() -> bool:
    """Drain many messages; compare the peak memory at the start and at the end."""
    with messenger(exclusive=True) as host:
        for start in range(0, MANY, 1000):
            chunk = [orjson.dumps(minimal(number)) for number in range(start, start + 1000)]
            host.send_many(SMS, chunk)
        Worker(host).run_once()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        speed = rate(MANY, Worker(host).drain)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"drained {MANY:,} at {speed:,.0f} messages/s, peak {before:.1f} -> {after:.1f} MiB")
    return after - before < GROWTH_MIB


if __name__ == "__main__":
    logging.getLogger("huey").setLevel(logging.ERROR)
    checks = [memory(), compare(), handing_off()]
    sys.exit(0 if all(checks) else 1)
