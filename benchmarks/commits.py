"""Measure what the commits alone allow: plain statements beside Huey, which also runs the task.

`send` of one message is one commit. Here plain statements make that commit and do nothing else:
with one row, and with the rows of a message. No engine that commits each message can be faster.
Huey commits three times a task, always in WAL, also where several connections write and this SQLite
version can then corrupt the file. All of them take turns, message by message.
"""

import sqlite3
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from huey import SqliteHuey

from _hosts import QUICK, SMS
from _requests import minimal
from accept import Raw, Rows, rows_of, seconds, split

COUNT = 100 if QUICK else 1000


def one_row(folder: str) -> Callable[[Rows], object]:
    """Return what writes one row into a table without an index, durably."""
    connection = sqlite3.connect(Path(folder) / "row.db", isolation_level=None)
    for pragma in ("journal_mode = TRUNCATE", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE one (value TEXT)")
    return lambda rows: connection.execute("INSERT INTO one VALUES (?)", (str(rows),))


def task(folder: str) -> Callable[[Rows], object]:
    """Return what enqueues a task in Huey, takes it from the queue, runs it and keeps the result.

    On one thread, without the consumer, this is all that Huey needs at least.
    """
    queue = SqliteHuey(filename=str(Path(folder) / "huey.db"), fsync=True)

    @queue.task()
    def deliver(position: int) -> int:
        return position

    def run(rows: Rows) -> Any:
        deliver(rows["messaging_messages"][0][0])
        return queue.execute(queue.dequeue())

    return run


def main() -> None:
    """Print the median time of each, and how many times the rate of Huey that is."""
    requests = [orjson.dumps(minimal(number)) for number in range(COUNT)]
    (together,) = rows_of(SMS, [requests])
    with tempfile.TemporaryDirectory() as folder:
        works: dict[str, Callable[[Rows], object]] = {
            "Huey: enqueue, run, keep the result": task(folder),
            "one row, TRUNCATE": one_row(folder),
            "the rows of a message, TRUNCATE": Raw(folder, "shared", exclusive=False).write,
            "the rows of a message, WAL (exclusive)": Raw(folder, "alone", exclusive=True).write,
        }
        times = [
            [seconds(partial(work, message)) for work in works.values()]
            for message in split(together)
        ]
    peer, *_ = medians = [median(column) for column in zip(*times, strict=True)]
    for name, time in zip(works, medians, strict=True):
        print(f"{name:40}{time * 1e6:8,.0f} us, {peer / time:.2f} times the rate of Huey")


if __name__ == "__main__":
    main()
