"""Measure how time, space and memory grow from a thousand messages to a million.

One database grows tenfold again and again: messages are accepted a thousand a transaction, then
all of them are delivered. `--rows=1000000` says how many there are in the end, and
`--database=sqlite` measures one database. Each database has a process of its own.
"""

import multiprocessing
import resource
from collections.abc import Iterator, Sequence
from math import log
from time import perf_counter
from typing import Any

import orjson
from attrs import frozen

from _databases import KINDS, Files, Server, databases, open_storage
from _hosts import QUICK, SMS, Provider
from _report import Comparison, Report, option, rounds
from _requests import minimal
from disk import Disk
from messaging_core import Messenger, Worker

TOP = {"SQLite": 1000 if QUICK else 1_000_000, "PostgreSQL": 1000 if QUICK else 100_000}
FIRST, SHORT = (100, 1000) if QUICK else (1000, 10_000)
"""The first size, and the last one of the rounds that only repeat small sizes."""
ROUNDS = rounds(1 if QUICK else 3)
OPTIONS: dict[str, dict[str, Any]] = {"SQLite": {"exclusive": True}, "PostgreSQL": {}}
EXPONENT, MEMORY = 1.1, 1.1
"""The goals: the exponent of time and space, and the memory of that after ten thousand."""


@frozen
class Step:
    """What is measured when a database has grown to a size.

    Attributes:
        size: How many messages there are.
        accept: Seconds since the last size, for each of the messages since then.
        deliver: The same.
        space: Bytes in use, for each message.
        memory: The largest of the process until now, in MiB.
    """

    size: int
    accept: float
    deliver: float
    space: float
    memory: float


def sizes(top: int) -> list[int]:
    """Return the first size, ten times as many, and so on."""
    steps = [FIRST]
    while steps[-1] * 10 <= top:
        steps.append(steps[-1] * 10)
    return steps


def grow(database: Files | Server, top: int) -> Iterator[Step]:
    """Yield what is measured at each size; between sizes the database is closed and opened."""
    place, last = database.new(), 0
    options = OPTIONS[database.name]
    open_storage(place, **options).close()
    disk = Disk(place)
    empty = disk.in_use()
    for size in sizes(top):
        with open_storage(place, **options) as storage:
            host = Messenger(storage=storage, channels={SMS: Provider()})
            accepting = accept(host, last, size)
            delivering = deliver(host, size - last)
        yield Step(
            size=size,
            accept=accepting / (size - last),
            deliver=delivering / (size - last),
            space=(disk.in_use() - empty) / size,
            memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )
        last = size
    database.remove(place)


def accept(host: Messenger, first: int, end: int) -> float:
    """Accept messages, a thousand a transaction, and return the seconds of all calls."""
    seconds = 0.0
    for begin in range(first, end, 1000):
        requests = [
            orjson.dumps(minimal(number)) for number in range(begin, min(begin + 1000, end))
        ]
        start = perf_counter()
        host.send_many(SMS, requests)
        seconds += perf_counter() - start
    return seconds


def deliver(host: Messenger, count: int) -> float:
    """Deliver what was accepted, and return the seconds."""
    start = perf_counter()
    sent = Worker(host, batch=500, durable_handoff=False).drain().sent
    assert sent == count, f"{sent} of {count} were sent"
    return perf_counter() - start


def measure(kind: str, results: Any) -> None:
    """Send what was measured, from a process of its own: the run to the end, then short ones."""
    with databases(kind) as database:
        top = int(option("rows", str(TOP[database.name])))
        list(grow(database, FIRST))  # imports what a first message needs, and is not measured
        runs = [list(grow(database, top))]
        runs += [list(grow(database, min(SHORT, top))) for _ in range(ROUNDS - 1)]
        results.put((database.name, database.notes, runs))


def exponent(amounts: Sequence[tuple[int, float]]) -> float:
    """Return the power of the size with which an amount grows: the slope of the logarithms."""
    points = [(log(size), log(amount)) for size, amount in amounts]
    middle, level = (sum(values) / len(points) for values in zip(*points, strict=True))
    return sum((x - middle) * (y - level) for x, y in points) / sum(
        (x - middle) ** 2 for x, _ in points
    )


def totals(steps: Sequence[Step], name: str) -> list[tuple[int, float]]:
    """Return the seconds since the beginning at each size."""
    amounts, total, last = [], 0.0, 0
    for step in steps:
        total += getattr(step, name) * (step.size - last)
        last = step.size
        amounts.append((step.size, total))
    return amounts


def add_steps(report: Report, name: str, runs: Sequence[Sequence[Step]]) -> None:
    """Compare the messages of each size with the first thousand, and the memory."""
    figures = {
        "accept": ("µs", 1e6),
        "deliver": ("µs", 1e6),
        "space": ("bytes", 1.0),
        "memory": ("MiB", 1.0),
    }
    for figure, (unit, scale) in figures.items():
        base = 1 if figure == "memory" else 0  # caches are full after ten thousand
        for place in range(base + 1, len(runs[0])):
            long_enough = [run for run in runs if place < len(run)]
            if figure == "memory":
                long_enough = runs[:1]  # the largest of a process: later runs add nothing
            report.add(
                Comparison(
                    table=f"Growth: {name}",
                    case=f"{CASES[figure]}, {runs[0][place].size:,} messages",
                    unit=unit,
                    ours=[getattr(run[place], figure) * scale for run in long_enough],
                    peer=f"{runs[0][base].size:,} messages",
                    theirs=[getattr(run[base], figure) * scale for run in long_enough],
                    at_most=MEMORY if figure == "memory" else None,
                    name="this size",
                )
            )


CASES = {
    "accept": "time to accept one",
    "deliver": "time to deliver one",
    "space": "bytes in use of one",
    "memory": "largest memory of the process",
}


def add_exponents(report: Report, name: str, steps: Sequence[Step]) -> None:
    """Compare the exponents with that of what grows as the number of messages does."""
    amounts = {
        "time to accept": totals(steps, "accept"),
        "time to deliver": totals(steps, "deliver"),
        "bytes in use": [(step.size, step.space * step.size) for step in steps],
    }
    for case, points in amounts.items():
        report.add(
            Comparison(
                table=f"Growth: {name}, exponents from {steps[0].size:,} to {steps[-1].size:,}",
                case=case,
                unit="exponent",
                ours=[exponent(points)],
                peer="proportional growth",
                theirs=[1.0],
                at_most=EXPONENT,
            )
        )


def main() -> None:
    """Measure each database in a process of its own, whose memory nothing else uses."""
    report = Report()
    context = multiprocessing.get_context("spawn")
    for kind in KINDS:
        results = context.SimpleQueue()
        process = context.Process(target=measure, args=(kind, results))
        process.start()
        process.join()
        assert process.exitcode == 0, f"{kind}: the process failed"
        name, notes, runs = results.get()
        report.note(notes)
        add_steps(report, name, runs)
        add_exponents(report, name, runs[0])
    report.write()


if __name__ == "__main__":
    main()
