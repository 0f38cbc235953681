"""A host that accepts messages in every way there is, and says before and after what it does.

Usage: python -m faults.accepting SETTINGS, where the settings are JSON:

    database, exclusive, synchronous   the file, and how it is opened
    host_synchronous                   the same of the host's own connection
    run                                begins the reference of every message
    calls                              how many; for ever without
    seed                               of the choices

Every message has the reference RUN-CALL-NUMBER. What was said is checked by `broken_promises`.
"""

import json
import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count, islice
from typing import Any

from attrs import frozen

from faults.processes import say
from faults.shop import ORDERS, open_storage
from messaging_core import Messenger
from messaging_core.models.messages.request import SendMessage
from messaging_core.testing import RecordingTransport, a_request, a_subject

HOST_TABLE = "CREATE TABLE IF NOT EXISTS host_orders (reference TEXT PRIMARY KEY)"


@frozen
class Host:
    """A host that accepts: its messenger, and its own connection if it may have one."""

    messenger: Messenger
    connection: sqlite3.Connection | None

    def one(self, requests: list[SendMessage]) -> None:
        for request in requests:
            self.messenger.send("orders", request, idempotency_key=request.reference)

    def many(self, requests: list[SendMessage]) -> None:
        keys = [request.reference for request in requests]
        self.messenger.send_many("orders", requests, idempotency_keys=keys)

    def batch(self, requests: list[SendMessage]) -> None:
        self.messenger.send_batch("orders", requests, idempotency_key=requests[0].reference)

    def with_an_order(self, requests: list[SendMessage]) -> None:
        """Accept in the host's own transaction, together with a row of the host's."""
        assert self.connection is not None
        for request in requests:
            self.connection.execute("INSERT INTO host_orders VALUES (?)", (request.reference,))
            self.messenger.send("orders", request, connection=self.connection)
        self.connection.commit()

    @property
    def ways(self) -> list[tuple[Callable[[list[SendMessage]], None], int]]:
        """Return every way to accept, with the most messages for it."""
        own = [(self.with_an_order, 3)] if self.connection else []
        return [(self.one, 1), (self.many, 30), (self.batch, 30), *own]


def requests_of(call: str, size: int) -> list[SendMessage]:
    return [
        a_request(
            a_subject(f"order {call}"),
            to=[f"{call}.{number}@receiver.example", "warehouse@receiver.example"],
            tags=("order", f"nr{number}"),
            reference=f"{call}-{number}",
        )
        for number in range(size)
    ]


def broken_promises(connection: sqlite3.Connection, lines: Iterable[str]) -> list[str]:
    """Return what was acknowledged and is not there, and what is there by halves.

    Args:
        connection: To the file, after the fault.
        lines: What was said until then.
    """
    said = [json.loads(line) for line in lines]
    begun = {report["begin"]: report["size"] for report in said if "begin" in report}
    acknowledged = {report["done"] for report in said if "done" in report}
    rows = _by_call(connection, "messaging_messages")
    ordered = _by_call(connection, "host_orders")
    problems = [f"{call} was acknowledged and is lost" for call in acknowledged - rows.keys()]
    problems += [f"{call} was never asked for" for call in rows.keys() - begun.keys()]
    problems += [
        f"{call} is there by halves: {rows[call]} of {size}"
        for call, size in begun.items()
        if rows[call] not in {0, size}
    ]
    return problems + [f"{call} has orders without messages" for call in ordered - rows]


def _by_call(connection: sqlite3.Connection, table: str) -> Counter[str]:
    sql = "SELECT 1 FROM sqlite_master WHERE name = ?"
    if connection.execute(sql, (table,)).fetchone() is None:
        return Counter()
    rows = connection.execute(f"SELECT reference FROM {table}")  # noqa: S608 - our own
    return Counter(row[0].rpartition("-")[0] for row in rows)


def main(settings: dict[str, Any]) -> None:
    """Accept until killed, or as often as told."""
    storage = open_storage(settings)
    connection = None
    if not settings.get("exclusive", False):
        connection = sqlite3.connect(settings["database"], timeout=30)
        connection.execute(f"PRAGMA synchronous = {settings.get('host_synchronous', 'EXTRA')}")
        connection.execute(HOST_TABLE)
    host = Host(Messenger(storage=storage, channels={ORDERS: RecordingTransport()}), connection)
    chance = random.Random(settings["seed"])  # noqa: S311 - picks ways and sizes
    for number in islice(count(), settings.get("calls")):
        way, most = chance.choice(host.ways)
        call, size = f"{settings['run']}-{number}", chance.randint(1, most)
        say(begin=call, size=size)
        way(requests_of(call, size))
        say(done=call)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
