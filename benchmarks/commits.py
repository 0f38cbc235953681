"""Measure what the commits alone allow: plain statements beside Huey, which also runs the task.

`send` of one message is one commit. Here plain statements make that commit and nothing else: with
one row, and with the rows of a message. No engine that commits each message can be faster. Huey
commits three times a task, always in WAL, also where several connections write and this SQLite
version can then corrupt the file.
"""

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from _hosts import QUICK, SMS
from _requests import minimal
from accept import Raw, rows_of, seconds, split
from deliver import huey

ROUNDS, COUNT = (1, 200) if QUICK else (5, 1000)


class OneRow:
    """A table without an index, in which every commit writes one row."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode = TRUNCATE", "synchronous = FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("CREATE TABLE rows (value TEXT)")

    def write(self, row: Any) -> None:
        """Write one row, durably."""
        self._connection.execute("INSERT INTO rows VALUES (?)", (str(row["messaging_outbox"]),))


def main() -> None:
    """Print the median time of each commit, and how many times the rate of Huey that is."""
    (together,) = rows_of(SMS, [[orjson.dumps(minimal(number)) for number in range(COUNT)]])
    messages = list(split(together))
    times: dict[str, list[float]] = {}
    peers = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            shared = Raw(folder, "shared", exclusive=False)
            alone = Raw(folder, "alone", exclusive=True)
            one_row = OneRow(Path(folder) / "row.db")
            for connection in (shared.connection, alone.connection):
                stack.callback(connection.close)
            writers: dict[str, Callable[[Any], None]] = {
                "one row, TRUNCATE": one_row.write,
                "the rows of a message, TRUNCATE": shared.write,
                "the rows of a message, WAL (exclusive)": alone.write,
            }
            for message in messages:
                for name, write in writers.items():
                    times.setdefault(name, []).append(seconds(partial(write, message)))
        peers.append(1 / huey(results=True, workers=1)["end to end, single"])
    peer = median(peers)
    print(f"{'Huey: enqueue, run, keep the result':40}{peer * 1e6:8,.0f} us")
    for name, measured in times.items():
        commit = median(measured)
        print(f"{name:40}{commit * 1e6:8,.0f} us, {peer / commit:.2f} times the rate of Huey")


if __name__ == "__main__":
    main()
