"""How many round trips to the server a message costs, so that nothing adds one unseen."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from itertools import pairwise, starmap
from typing import IO, Any

import psycopg
import pytest
from psycopg.pq.abc import PGconn

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.postgres.connections import Connections
from messaging_core import Channel, Messenger, Worker
from messaging_core.delivery.followers import HandoffMark
from messaging_core.delivery.group_commit import GroupCommit
from messaging_core.delivery.recorder import PendingHandoff
from messaging_core.models.delivery.delivery import Claim
from messaging_core.testing import RecordingTransport, a_request, a_settlement, a_suppression
from postgres_server import Schemas

ORDERS = Channel(name="orders", platform="sms", sender="Shop")
WARM = 12  # the driver prepares a statement when it is used for the sixth time
HOUR = timedelta(hours=1)
Count = Callable[[Callable[[], object]], int]


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Iterator[Count]:
    """Return what counts how often we wait for the server, as libpq traces what it sends."""
    files = ExitStack()
    traces: list[tuple[PGconn, IO[str]]] = []
    configure = Connections._configure

    def traced(self: Connections, connection: psycopg.Connection[Any]) -> None:
        configure(self, connection)
        trace = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed below
        traces.append((connection.pgconn, files.enter_context(trace)))
        connection.pgconn.trace(trace.fileno())

    monkeypatch.setattr(Connections, "_configure", traced)

    def count(call: Callable[[], object]) -> int:
        before = sum(starmap(turns, traces))
        call()
        return sum(starmap(turns, traces)) - before

    with files:
        yield count


def turns(connection: PGconn, trace: IO[str]) -> int:
    """Return how often an answer of the server followed what was sent to it."""
    connection.untrace()  # writes what libpq has kept back
    connection.trace(trace.fileno())
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
    # Beside claim, mark and settlement the worker asks when it is to wake, and counts. While a
    # hundred are delivered, it looks for more now and then.
    limits = {"send": 3, "deliver": 28, "send 100": 4, "deliver 100": 650}
    assert {name: trips for name, trips in figures.items() if trips > limits[name]} == {}


@pytest.mark.skipif(sys.platform != "linux", reason="psycopg traces on Linux only")
@pytest.mark.parametrize("beside", ["nothing", "suppressions"])
def test_the_round_trips_of_each_step(messenger: Messenger, trips: Count, beside: str) -> None:
    if beside == "suppressions":
        with messenger.context.storage.begin() as tx:
            tx.suppressions.add(ORDERS.workspace, [a_suppression("+31698765432")])
    commits = GroupCommit(messenger.context)
    figures: list[int] = []
    for _ in range(WARM):
        messenger.send_many("orders", [a_request() for _ in range(10)])
        claims: list[Claim] = []
        steps: list[Callable[[], object]] = [
            lambda claims=claims: claims.extend(commits.claim(lease=HOUR, limit=10)),
            lambda claims=claims: commits._commit(
                [HandoffMark(handoff_of(claim)) for claim in claims], None
            ),
            lambda claims=claims: commits._written(
                (), [a_settlement(claim) for claim in claims], None
            ),
        ]
        figures = list(map(trips, steps))

    # Where something is suppressed, the claims are compared with it in a transaction of their own.
    claim, mark, settle = figures
    assert (claim, mark, settle) == (1 if beside == "nothing" else 4, 1, 2)


def handoff_of(claim: Claim) -> PendingHandoff:
    addresses = tuple(contact.identifier_value for contact in claim.message.receiver.contacts)
    return PendingHandoff(
        lease=claim.lease,
        message=claim.message,
        channel=ORDERS,
        addresses=addresses,
        delivery=claim.delivery,
    )
