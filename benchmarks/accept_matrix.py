"""Compare accepting, by messages a transaction and by threads, with the raw driver.

The driver writes the same rows to the same tables: on SQLite with plain statements through one
connection that the threads use in turns, on PostgreSQL through a connection for each thread, with
prepared statements for a single message and with COPY for more. Every commit of both is durable.
Engine and driver take turns. `--database=sqlite` measures one database, `--rounds=9` more rounds.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from threading import Lock
from time import perf_counter
from typing import Any

import orjson

from _databases import KINDS, Files, Server, connect, databases, is_file, open_storage
from _hosts import QUICK, SMS, Provider
from _report import Comparison, Report, counted, rounds
from _requests import minimal
from messaging_core import Messenger

SIZES = {1: 16, 100: 400} if QUICK else {1: 640, 100: 6400, 1000: 16_000}
"""How many messages are accepted, by the messages of a transaction."""
THREADS = (1, 4) if QUICK else (1, 4, 16)
ROUNDS = rounds(1 if QUICK else 3)
AT_LEAST = {("SQLite", 1): 0.7, ("SQLite", 100): 0.3, ("SQLite", 1000): 0.3}
AT_LEAST |= {("PostgreSQL", 1): 0.6, ("PostgreSQL", 100): 0.5, ("PostgreSQL", 1000): 0.5}
"""The goal with one thread, by the database and the messages of a transaction."""
GAIN = 0.9  # how much of what the driver gains from threads the engine should gain
LEFT_OUT = ("facts", "channels", "migrations", "addresses", "workers")
"""Tables whose rows do not come with each message."""
PRAGMAS = ("journal_mode", "synchronous", "secure_delete")
Rows = Mapping[str, Sequence[tuple[Any, ...]]]
Work = Callable[[Rows], None]


@contextmanager
def messenger(place: str) -> Iterator[Messenger]:
    """Open the database of the engine, with the default settings, and time for many threads."""
    with open_storage(place, busy_timeout=timedelta(minutes=1)) as storage:
        yield Messenger(storage=storage, channels={SMS: Provider()})


def rows_of_messages(place: str, count: int) -> dict[str, Any]:
    """Return the rows that the engine wrote for `count` messages, by table and columns."""
    with connect(place) as connection:
        rows = {}
        for table in tables(connection, of_file=is_file(place)):
            cursor = connection.execute(f"SELECT * FROM {table}")
            columns, values = [column[0] for column in cursor.description], cursor.fetchall()
            if not values:
                continue
            assert len(values) % count == 0, f"{table} has {len(values)} rows"
            if columns[0] == "seq":  # its number is given by the server
                columns, values = columns[1:], [row[1:] for row in values]
            rows[f"{table} ({', '.join(columns)})"] = values
    connection.close()
    return rows


def tables(connection: Any, *, of_file: bool) -> list[str]:
    """Return the tables that have rows of messages."""
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if of_file
        else "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    ).fetchall()
    left_out = {f"messaging_{name}" for name in LEFT_OUT}
    return sorted(
        name
        for (name,) in names
        if name.startswith("messaging_") and name not in left_out and "_fts" not in name
    )


def shares(rows: Rows, count: int, size: int) -> list[Rows]:
    """Divide the rows of `count` messages into those of each transaction."""
    divided = []
    for start in range(0, count, size):
        share = {}
        for table, values in rows.items():
            every = len(values) // count
            share[table] = values[start * every : (start + size) * every]
        divided.append(share)
    return divided


def raw_sqlite(place: str, threads: int) -> tuple[list[Work], Callable[[], None]]:
    """Return what writes the rows of a transaction, for each thread, and what closes it."""
    with open_storage(place) as storage:
        settings = [
            (name, storage._connection.execute(f"PRAGMA {name}").fetchone()[0])  # noqa: SLF001
            for name in PRAGMAS
        ]
    connection, lock = connect(place), Lock()
    for name, value in settings:
        connection.execute(f"PRAGMA {name} = {value}")
    connection.execute("PRAGMA cache_size = -16384")

    def write(rows: Rows) -> None:
        with lock:
            connection.execute("BEGIN IMMEDIATE")
            for table, values in rows.items():
                marks = ", ".join("?" * len(values[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
            connection.execute("COMMIT")

    return [write] * threads, connection.close


def insert(connection: Any, rows: Rows) -> None:
    """Write the rows of one message, as prepared statements in one transaction."""
    for table, values in rows.items():
        for row in values:
            marks = ", ".join(["%b"] * len(row))
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", row, prepare=True)
    connection.commit()


def copy(connection: Any, rows: Rows) -> None:
    """Write the rows of many messages with COPY, in one transaction."""
    for table, values in rows.items():
        with connection.cursor().copy(f"COPY {table} FROM STDIN") as to:
            for row in values:
                to.write_row(row)
    connection.commit()


def raw_postgres(place: str, threads: int) -> tuple[list[Work], Callable[[], None]]:
    """Do the same with a connection for each thread."""
    connections = [connect(place) for _ in range(threads)]

    def write(connection: Any, rows: Rows) -> None:
        is_single = len(next(iter(rows.values()))) == 1
        (insert if is_single else copy)(connection, rows)

    def close() -> None:
        for connection in connections:
            connection.close()

    return [partial(write, connection) for connection in connections], close


def rate(count: int, works: Sequence[Callable[[Any], object]], items: Sequence[Any]) -> float:
    """Return how many messages a second threads do; each has a work of its own and its items."""

    def run(number: int) -> None:
        for item in items[number :: len(works)]:
            works[number](item)

    with ThreadPoolExecutor(len(works)) as pool:
        start = perf_counter()
        list(pool.map(run, range(len(works))))
        return count / (perf_counter() - start)


def accept(host: Messenger, requests: Sequence[bytes]) -> None:
    """Accept the requests of one transaction."""
    if len(requests) == 1:
        host.send(SMS, requests[0])
    else:
        host.send_many(SMS, requests)


def warming(size: int, threads: int) -> int:
    """Return how many transactions come first, unmeasured: they open connections and files."""
    return threads if size == 1 else 0


def parts(size: int, transactions: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield the transactions for each number of threads."""
    start = 0
    for threads in THREADS:
        end = start + warming(size, threads) + SIZES[size] // size
        yield threads, transactions[start:end]
        start = end


class Comparing:
    """The same transactions as requests for the engine and as rows for the driver.

    Every receiver is new, so that all of them write the same rows.
    """

    def __init__(self, database: Files | Server, size: int) -> None:
        self._database, self._size = database, size
        count = sum(SIZES[size] + size * warming(size, threads) for threads in THREADS)
        requests = [orjson.dumps(minimal(number)) for number in range(count)]
        self._requests = [requests[start : start + size] for start in range(0, count, size)]
        place = database.new()
        with messenger(place) as host:
            for start in range(0, count, 1000):
                host.send_many(SMS, requests[start : start + 1000])
        self._rows = shares(rows_of_messages(place, count), count, size)
        database.remove(place)

    def measure(self) -> list[tuple[float, float]]:
        """Return how many a second engine and driver accept, for each number of threads."""
        first, second = self._database.new(), self._database.new()
        raw = raw_sqlite if isinstance(self._database, Files) else raw_postgres
        open_storage(second).close()  # makes the tables
        rates = []
        with messenger(first) as host:
            both = zip(
                parts(self._size, self._requests), parts(self._size, self._rows), strict=True
            )
            for (threads, requests), (_, rows) in both:
                ours = [partial(accept, host)] * threads
                theirs, close = raw(second, threads)
                rates.append((self._rate(ours, requests), self._rate(theirs, rows)))
                close()
        for place in (first, second):
            self._database.remove(place)
        return rates

    def _rate(self, works: Sequence[Callable[[Any], object]], items: Sequence[Any]) -> float:
        warm = warming(self._size, len(works))
        if warm:
            rate(warm, works, items[:warm])
        return rate(SIZES[self._size], works, items[warm:])


def compare(report: Report, database: Files | Server, size: int) -> None:
    """Add the comparisons of one number of messages a transaction."""
    comparing = Comparing(database, size)
    gc.collect()
    gc.freeze()  # what this script remembers is no part of what it measures
    measured = [comparing.measure() for _ in range(ROUNDS)]
    gc.unfreeze()
    goal = AT_LEAST[database.name, size]
    for place, threads in enumerate(THREADS):
        ours, theirs = zip(*(rates[place] for rates in measured), strict=True)
        report.add(
            Comparison(
                table=f"Accept: {database.name}",
                case=f"{counted(size, 'message')} a transaction, {counted(threads, 'thread')}",
                unit="messages/s",
                ours=ours,
                peer="raw driver",
                theirs=theirs,
                at_least=goal if threads == 1 else round(goal * GAIN, 2),
            )
        )


if __name__ == "__main__":
    report = Report()
    for kind in KINDS:
        with databases(kind) as database:
            report.note(database.notes)
            for size in SIZES:
                compare(report, database, size)
    report.write()
