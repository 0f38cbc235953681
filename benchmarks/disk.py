"""Measure what a message takes on disk: accepted, delivered, redacted and deleted, and an event.

The bytes are those in use. Free pages of SQLite, which it gives to the next message, do not count;
PostgreSQL packs its tables first (`VACUUM FULL`). `--database=postgres` measures one database.
"""

import sys
from contextlib import closing
from datetime import timedelta
from statistics import median
from typing import Any

import orjson
import psycopg

from _databases import KINDS, Files, Server, connect, databases, open_storage
from _hosts import QUICK, Provider, stays_below
from _report import Comparison, Report, rounds
from _requests import full, minimal
from messaging_core import Channel, Keep, Messenger, Worker
from messaging_core.ports.clock import SystemClock

COUNT = 500 if QUICK else 3000
ROUNDS = rounds(1 if QUICK else 3)
SMS = Channel(name="orders", platform="sms", sender="+31612345678")
MAIL = Channel(name="support", platform="email", sender="support@shop.example")
REDACTED_OF_DELIVERED = 0.4  # of a mail, on SQLite
_TABLES = (
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE relkind = 'r'"
    " AND relname LIKE %s AND relnamespace = current_schema()::regnamespace"
)
Sizes = dict[str, float]


def bytes_in_file(connection: Any) -> int:
    """Return the size of the pages that hold something."""
    page_size, count, free = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    return int(page_size * (count - free))


class Disk:
    """The bytes of one database."""

    def __init__(self, place: str) -> None:
        self._place = place

    def in_use(self) -> int:
        """Return the bytes of everything."""
        with closing(connect(self._place)) as connection:
            if not isinstance(connection, psycopg.Connection):
                return bytes_in_file(connection)
            return self._packed(connection, "messaging\\_%")

    def of_events(self) -> int:
        """Return the bytes of the events and their indexes."""
        with closing(connect(self._place)) as connection:
            if isinstance(connection, psycopg.Connection):
                return self._packed(connection, "messaging\\_events")
            before = bytes_in_file(connection)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM messaging_events")
            after = bytes_in_file(connection)
            connection.execute("ROLLBACK")
            return before - after

    def events(self) -> int:
        """Return how many events there are."""
        with closing(connect(self._place)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM messaging_events").fetchone()
            return int(count)

    @staticmethod
    def _packed(connection: Any, name: str) -> int:
        connection.autocommit = True
        connection.execute("VACUUM FULL")
        ((size,),) = connection.execute(_TABLES, (name,)).fetchall()
        return int(size)


def sizes_of(
    database: Files | Server, channel: Channel, request: dict[str, object]
) -> tuple[Sizes, int]:
    """Return the bytes of one message through its life and of an event, and of its request."""
    body = orjson.dumps({key: value for key, value in request.items() if key != "scheduledFor"})
    later = SystemClock().now() + timedelta(days=400)
    place = database.new()
    disk, sizes = Disk(place), {}
    with open_storage(place) as storage:
        host = Messenger(storage=storage, channels={channel: Provider()})
        empty = disk.in_use()
        host.send_many(channel, [body] * COUNT)
        sizes["accepted"] = disk.in_use() - empty
        Worker(host).drain()
        sizes["delivered"] = disk.in_use() - empty
        events = disk.of_events() / disk.events()
        host.purge(before=later, keep=Keep.RECORD)
        sizes["redacted"] = disk.in_use() - empty
        host.purge(before=later)
        sizes["deleted"] = disk.in_use() - empty
    database.remove(place)
    return {state: size / COUNT for state, size in sizes.items()} | {"an event": events}, len(body)


CASES = {
    "accepted": ("request as JSON", None),
    "delivered": ("request as JSON", None),
    "an event": ("delivered message", None),
    "redacted": ("delivered message", REDACTED_OF_DELIVERED),
    "deleted": ("delivered message", None),
}
"""What is measured, with what it is compared, and the goal where there is one."""


def measure(
    report: Report, database: Files | Server, name: str, channel: Channel, request: Any
) -> bool:
    """Print the bytes, and return whether a redacted mail is small."""
    is_limited = name == "mail" and isinstance(database, Files)
    measured = [sizes_of(database, channel, request) for _ in range(ROUNDS)]
    for case, (peer, limit) in CASES.items():
        ours = [sizes[case] for sizes, _ in measured]
        theirs = [
            body if peer == "request as JSON" else sizes["delivered"] for sizes, body in measured
        ]
        print(f"{database.name}, {name}, {case:10}{median(ours):8,.0f} bytes")
        report.add(
            Comparison(
                table=f"Disk: {database.name}",
                case=f"{name}, {case}",
                unit="bytes",
                ours=ours,
                peer=peer,
                theirs=theirs,
                at_most=limit if is_limited else None,
            ),
            quietly=True,
        )
    if not is_limited:
        return True
    ratio = median(sizes["redacted"] / sizes["delivered"] for sizes, _ in measured)
    return stays_below("redacted mail, of the delivered one", ratio, REDACTED_OF_DELIVERED)


def main() -> int:
    """Print every figure; fail when one misses its limit."""
    report = Report()
    checks = []
    for kind in KINDS:
        with databases(kind) as database:
            report.note(database.notes)
            checks.append(measure(report, database, "SMS", SMS, minimal(1)))
            checks.append(measure(report, database, "mail", MAIL, full(1)))
    report.write()
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
