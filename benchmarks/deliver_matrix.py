"""Compare delivering, by how fast providers answer and by processes, with peers and a raw loop.

The peer is Huey on SQLite and Procrastinate on PostgreSQL, whose commits are as durable. All have
the same threads in each process, and take turns. `--database=sqlite` measures one database, and
`--rounds=5` more rounds.
"""

import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any

from _databases import KINDS, Files, Server, databases
from _deliverers import THREADS, Deliverer, Engine, Huey, Job, Procrastinate, RawLoop
from _hosts import QUICK
from _report import Comparison, Report, counted, rounds

PROCESSES = (1, 2) if QUICK else (1, 2, 4)
ANSWERS = (0, 0.05) if QUICK else (0, 0.005, 0.05, 0.2)
ROUNDS = rounds(1 if QUICK else 3)
SECONDS = 0.3 if QUICK else 1.5  # that a measurement takes if only answers take time
AT_LEAST = {("SQLite", 0, 1, "Huey"): 0.5, ("PostgreSQL", 0, 1, "Procrastinate"): 10.0}
"""The goals, by the database, the seconds of an answer, the processes and the peer."""
PATIENCE = 120.0  # seconds for a measurement


def serve(parent: Connection, delivered: Any) -> None:
    """Deliver, in a process of its own, what the parent asks for, until it closes."""
    while job := parent.recv():
        deliverer, work = job
        with ExitStack() as stack:
            run = deliverer.open(work, delivered, stack)
            parent.send("ready")
            parent.recv()
            parent.send((perf_counter(), *run()))  # one clock for all processes of a machine


class Processes:
    """Processes that stay, so that no measurement waits for their start."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._delivered = context.Value("q")
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(max(PROCESSES)):
            pipe, child = context.Pipe()
            process = context.Process(target=serve, args=(child, self._delivered), daemon=True)
            process.start()
            self._pipes.append(pipe)
            self._processes.append(process)

    def rate(self, deliverer: Deliverer, job: Job, processes: int) -> float:
        """Return how many messages a second so many processes deliver together."""
        self._delivered.value = 0
        pipes = self._pipes[:processes]
        for pipe in pipes:
            pipe.send((deliverer, job))
        for pipe in pipes:
            assert answer_of(pipe) == "ready"
        for pipe in pipes:
            pipe.send("go")
        began, done, ended = zip(*map(answer_of, pipes), strict=True)
        assert sum(done) == job.count, f"{deliverer.name} delivered {done} of {job.count}"
        return job.count / (max(ended) - min(began))

    def close(self) -> None:
        """End all."""
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join(PATIENCE)


def answer_of(pipe: Connection) -> Any:
    """Return what a process says; a process that hangs is an error."""
    assert pipe.poll(PATIENCE), "a process does not answer"
    return pipe.recv()


@contextmanager
def started() -> Iterator[Processes]:
    """Yield the processes, and end them."""
    processes = Processes()
    try:
        yield processes
    finally:
        processes.close()


class Measuring:
    """Measure on new databases."""

    def __init__(self, database: Files | Server, processes: Processes) -> None:
        self._database, self._processes = database, processes

    def rate(self, deliverers: Sequence[Deliverer], answer: float, processes: int) -> float:
        """Return how many messages a second the best of some settings delivers."""
        return max(self._rate(deliverer, answer, processes) for deliverer in deliverers)

    def _rate(self, deliverer: Deliverer, answer: float, processes: int) -> float:
        count = deliverer.most // (10 if QUICK else 1)
        if answer:
            count = min(count, int(processes * THREADS / answer * SECONDS))
        place = self._database.new()
        deliverer.fill(place, count)
        rate = self._processes.rate(deliverer, Job(place, answer, count), processes)
        self._database.remove(place)
        return rate


def peers(database: Files | Server, answer: float) -> dict[str, list[Deliverer]]:
    """Return whom to compare with; the best of several settings counts."""
    queue: list[Deliverer] = [Procrastinate()]
    if isinstance(database, Files):  # without waiting, more threads of Huey only disturb
        queue = [Huey()] if answer else [Huey(1), Huey(4)]
    return {queue[0].name: queue, RawLoop.name: [RawLoop()]}


def compare(report: Report, database: Files | Server, measuring: Measuring) -> None:
    """Add the comparisons of one database."""
    for answer in ANSWERS:
        for processes in PROCESSES:
            ours: list[float] = []
            theirs: dict[str, list[float]] = {name: [] for name in peers(database, answer)}
            for _ in range(ROUNDS):
                ours.append(measuring.rate([Engine()], answer, processes))
                for name, deliverers in peers(database, answer).items():
                    theirs[name].append(measuring.rate(deliverers, answer, processes))
            for name, rates in theirs.items():
                report.add(
                    Comparison(
                        table=f"Deliver: {database.name}, beside {name}",
                        case=case(answer, processes),
                        unit="messages/s",
                        ours=ours,
                        peer=name,
                        theirs=rates,
                        at_least=AT_LEAST.get((database.name, answer, processes, name)),
                    )
                )


def case(answer: float, processes: int) -> str:
    """Return what is measured, in words."""
    speed = f"answers after {answer * 1000:.0f} ms" if answer else "instant answers"
    return f"{speed}, {counted(processes, 'process', 'processes')}"


def main() -> None:
    """Measure every database."""
    report = Report()
    with started() as processes:
        for kind in KINDS:
            with databases(kind) as database:
                report.note(database.notes)
                compare(report, database, Measuring(database, processes))
    report.write()


if __name__ == "__main__":
    sys.exit(main())
