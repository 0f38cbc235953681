"""How many round trips to the server a message costs, so that nothing adds one unseen."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import IO, Any

import psycopg
import pytest

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.postgres.connections import Connections
from messaging_core import Channel, Messenger, Worker
from messaging_core.testing import RecordingTransport, a_request
from postgres_server import Schemas

ORDERS = Channel(name="orders", platform="sms", sender="Shop")
WARM = 12  # the driver prepares a statement when it is used for the sixth time
Count = Callable[[Callable[[], object]], int]


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Iterator[Count]:
    """Return what counts how often we wait for the server, as libpq traces what it sends."""
    files = ExitStack()
    traces: list[IO[str]] = []
    configure = Connections._configure

    def traced(self: Connections, connection: psycopg.Connection[Any]) -> None:
        configure(self, connection)
        trace = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed below
        traces.append(files.enter_context(trace))
        connection.pgconn.trace(trace.fileno())

    monkeypatch.setattr(Connections, "_configure", traced)

    def count(call: Callable[[], object]) -> int:
        before = sum(map(turns, traces))
        call()
        return sum(map(turns, traces)) - before

    with files:
        yield count


def turns(trace: IO[str]) -> int:
    """Return how often an answer of the server followed what was sent to it."""
    trace.seek(0)
    lines = [line.split("\t") for line in trace]
    trace.seek(0, 2)
    ways = [fields[1] for fields in lines if len(fields) > 2 and fields[1] in {"F", "B"}]
    return sum(way == "F" and after == "B" for way, after in pairwise(ways))


@pytest.fixture
def messenger(postgres_schemas: Schemas, trips: Count) -> Iterator[Messenger]:  # noqa: ARG001
    dsn = postgres_schemas.take()
    with PostgresStorage(dsn) as storage:
        yield Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
    postgres_schemas.give_back(dsn)


@pytest.mark.skipif(sys.platform != "linux", reason="psycopg traces on Linux only")
def test_the_round_trips_of_accepting_and_delivering(messenger: Messenger, trips: Count) -> None:
    worker = Worker(messenger, threads=1)

    def send(number: int) -> None:
        messenger.send("orders", to="+31612345678", text="hi", idempotency_key=f"k{number}")

    for number in range(WARM):
        send(number)
        worker.drain()

    single = trips(lambda: send(-1))
    delivery = trips(worker.drain)
    many = trips(lambda: messenger.send_many("orders", [a_request() for _ in range(100)]))
    deliveries = trips(worker.drain)

    figures = {"send": single, "deliver": delivery, "send 100": many, "deliver 100": deliveries}
    # A delivery is claimed (2), marked (3), settled (2) and counted. While a hundred are delivered,
    # the worker looks for more now and then.
    limits = {"send": 3, "deliver": 32, "send 100": 4, "deliver 100": 750}
    assert {name: trips for name, trips in figures.items() if trips > limits[name]} == {}
