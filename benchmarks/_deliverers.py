"""What delivers in benchmarks, in as many processes as you like: the engine, its peers, a raw loop.

Each has a name, fills a new database with messages, and opens it in a process for delivering. A
message is answered after some seconds; as many are under way at a time as each process has threads.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from time import perf_counter, sleep
from typing import Any

import orjson
from attrs import frozen
from huey import SqliteHuey
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from _databases import connect, is_file, open_storage
from _hosts import SMS, Provider
from _requests import minimal
from messaging_core import Messenger, Worker

THREADS = 32
"""The default of a worker of the engine, and what the others get too."""
PATIENCE = timedelta(minutes=1)
Done = tuple[int, float]
"""How many messages a process has delivered, and when the last one was."""
Run = Callable[[], Done]


@frozen
class Job:
    """What one measurement delivers: a database, the seconds of an answer, how many messages."""

    place: str
    answer: float
    count: int


class Deliverer(ABC):
    """One program that delivers.

    Attributes:
        name: For the page.
        most: How many messages a measurement delivers at most.
    """

    name: str
    most: int

    @abstractmethod
    def fill(self, place: str, count: int) -> None:
        """Let messages wait in a new database."""

    @abstractmethod
    def open(self, job: Job, delivered: Any, stack: ExitStack) -> Run:
        """Return what delivers, with other processes, until all messages are delivered.

        Args:
            job: What to deliver.
            delivered: How many were delivered, a value that all processes share.
            stack: What to close afterwards.
        """


class Engine(Deliverer):
    """A worker with its default settings."""

    name = "messaging-engine"
    most = 3000

    def fill(self, place: str, count: int) -> None:
        """Accept a thousand messages at a time."""
        requests = [orjson.dumps(minimal(number)) for number in range(count)]
        with open_storage(place) as storage:
            host = Messenger(storage=storage, channels={SMS: Provider()})
            for start in range(0, count, 1000):
                host.send_many(SMS, requests[start : start + 1000])

    def open(self, job: Job, delivered: Any, stack: ExitStack) -> Run:
        """Deliver until nothing is due."""
        del delivered
        storage = stack.enter_context(open_storage(job.place, busy_timeout=PATIENCE))
        worker = Worker(Messenger(storage=storage, channels={SMS: Provider(job.answer)}))
        return lambda: (worker.drain().sent, perf_counter())


class Huey(Deliverer):
    """Huey on SQLite, as durable, without results: the fewest commits it can make."""

    name = "Huey"
    most = 2000

    def __init__(self, workers: int = THREADS) -> None:
        self._workers = workers

    def fill(self, place: str, count: int) -> None:
        """Enqueue all tasks in one transaction."""
        queue, task = huey_of(place, lambda: None)
        rows = [(queue.name, queue.serialize_task(task.s(number)), 0.0) for number in range(count)]
        with queue.storage.db(commit=True) as cursor:
            cursor.executemany("INSERT INTO task (queue, data, priority) VALUES (?, ?, ?)", rows)
        queue.storage.close()

    def open(self, job: Job, delivered: Any, stack: ExitStack) -> Run:
        """Let a consumer run until all processes have delivered all."""
        times: list[float] = []

        def deliver() -> None:
            if job.answer:
                sleep(job.answer)
            times.append(perf_counter())
            with delivered.get_lock():
                delivered.value += 1

        queue, _ = huey_of(job.place, deliver)
        stack.callback(queue.storage.close)
        consumer = queue.create_consumer(
            workers=self._workers, periodic=False, initial_delay=0.01, max_delay=0.1
        )

        def run() -> Done:
            consumer.start()
            while delivered.value < job.count:
                sleep(0.005)
            consumer.stop(graceful=True)
            return len(times), max(times, default=0.0)

        return run


def huey_of(place: str, deliver: Callable[[], None]) -> tuple[SqliteHuey, Any]:
    """Return a queue and its task."""
    logging.getLogger("huey").setLevel(logging.CRITICAL)
    queue = SqliteHuey(filename=place, fsync=True, results=False, timeout=60)

    @queue.task(name="deliver")
    def task(number: int) -> int:
        deliver()
        return number

    return queue, task


class Procrastinate(Deliverer):
    """Procrastinate on PostgreSQL, with a coroutine for each job."""

    name = "Procrastinate"
    most = 1000

    def fill(self, place: str, count: int) -> None:
        """Make its tables, and defer all jobs in one statement."""
        connector = SyncPsycopgConnector(conninfo=place)
        app = App(connector=connector)
        task = app.task(procrastinate_task, name="deliver")
        with app.open():
            app.schema_manager.apply_schema()
            task.batch_defer(*({"number": number} for number in range(count)))

    def open(self, job: Job, delivered: Any, stack: ExitStack) -> Run:
        """Let a worker run until no job is left."""
        del delivered, stack
        logging.getLogger("procrastinate").setLevel(logging.ERROR)
        times: list[float] = []
        app = App(connector=PsycopgConnector(conninfo=job.place, min_size=4, max_size=10))

        async def deliver(number: int) -> int:
            if job.answer:
                await asyncio.sleep(job.answer)
            times.append(perf_counter())
            return number

        app.task(deliver, name="deliver")

        async def work() -> None:
            async with app.open_async():
                await app.run_worker_async(
                    concurrency=THREADS, wait=False, install_signal_handlers=False
                )

        def run() -> Done:
            asyncio.run(work())
            return len(times), max(times, default=0.0)

        return run


async def procrastinate_task(number: int) -> int:
    """Have the signature of the task, which only a worker runs."""
    return number


class RawLoop(Deliverer):
    """Claim and settle rows of one table in transactions of 128, and do nothing else."""

    name = "raw claim loop"
    most = 20_000
    batch = 4 * THREADS

    def fill(self, place: str, count: int) -> None:
        """Make a table with an index of what waits."""
        connection = connect(place)
        connection.execute(
            "CREATE TABLE jobs (id INTEGER PRIMARY KEY, due_at BIGINT NOT NULL,"
            " status TEXT NOT NULL, document TEXT NOT NULL)"
        )
        connection.execute("CREATE INDEX jobs_due ON jobs (due_at) WHERE status = 'waiting'")
        document = orjson.dumps(minimal(1)).decode()
        if is_file(place):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN")
        mark = "?" if is_file(place) else "%s"
        connection.cursor().executemany(
            f"INSERT INTO jobs VALUES ({mark}, {mark}, 'waiting', {mark})",
            [(number, number, document) for number in range(count)],
        )
        connection.execute("COMMIT")
        connection.close()

    def open(self, job: Job, delivered: Any, stack: ExitStack) -> Run:
        """Claim, answer on threads and settle, until nothing is due."""
        del delivered
        connection = stack.enter_context(closing(connect(job.place)))
        jobs = (FileJobs if is_file(job.place) else ServerJobs)(connection)
        pool = stack.enter_context(ThreadPoolExecutor(THREADS))

        def run() -> Done:
            done = 0
            while claimed := jobs.claim(self.batch):
                if job.answer:
                    list(pool.map(lambda _: sleep(job.answer), claimed))
                jobs.settle(claimed)
                done += len(claimed)
            return done, perf_counter()

        return run


class FileJobs:
    """The statements of the raw loop for SQLite."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        connection.execute("PRAGMA synchronous = FULL")

    def claim(self, limit: int) -> list[int]:
        """Lease what is due, in one transaction."""
        return [
            row[0]
            for row in self._connection.execute(
                "UPDATE jobs SET due_at = due_at + 1000000000 WHERE id IN (SELECT id FROM jobs"
                " WHERE status = 'waiting' AND due_at < 1000000000 ORDER BY due_at LIMIT ?)"
                " RETURNING id, document",
                (limit,),
            ).fetchall()
        ]

    def settle(self, ids: Sequence[int]) -> None:
        """Write the status of all, in one transaction."""
        self._connection.execute(
            "UPDATE jobs SET status = 'sent' WHERE id IN (SELECT value FROM json_each(?))",
            (orjson.dumps(ids).decode(),),
        )


class ServerJobs:
    """The same for PostgreSQL."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        connection.autocommit = True

    def claim(self, limit: int) -> list[int]:
        """Lease what is due and not locked, in one transaction."""
        return [
            row[0]
            for row in self._connection.execute(
                "UPDATE jobs SET due_at = due_at + 1000000000 WHERE id IN (SELECT id FROM jobs"
                " WHERE status = 'waiting' AND due_at < 1000000000 ORDER BY due_at LIMIT %s"
                " FOR UPDATE SKIP LOCKED) RETURNING id, document",
                (limit,),
            ).fetchall()
        ]

    def settle(self, ids: Sequence[int]) -> None:
        """Write the status of all, in one transaction."""
        self._connection.execute("UPDATE jobs SET status = 'sent' WHERE id = ANY(%s)", (ids,))
