"""How many round trips to the server a message costs, so that nothing adds one unseen."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_core import Channel, Messenger, Worker
from messaging_core.testing import RecordingTransport, a_request
from postgres_server import Schemas

ORDERS = Channel(name="orders", platform="sms", sender="Shop")
WARM = 12  # the driver prepares a statement when it is used for the sixth time


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], int]:
    """Return what counts how often the driver waits for the server."""
    waits = 0
    wait = psycopg.Connection.wait

    def counted(self: psycopg.Connection[Any], *arguments: Any, **options: Any) -> Any:
        nonlocal waits
        waits += 1
        return wait(self, *arguments, **options)

    monkeypatch.setattr(psycopg.Connection, "wait", counted)

    def count(call: Callable[[], object]) -> int:
        before = waits
        call()
        return waits - before

    return count


@pytest.fixture
def messenger(postgres_schemas: Schemas) -> Iterator[Messenger]:
    dsn = postgres_schemas.take()
    with PostgresStorage(dsn) as storage:
        yield Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
    postgres_schemas.give_back(dsn)


def test_the_round_trips_of_accepting_and_delivering(
    messenger: Messenger,
    trips: Callable[[Callable[[], object]], int],
) -> None:
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
    limits = {"send": 13, "deliver": 60, "send 100": 25, "deliver 100": 1550}
    assert {name: trips for name, trips in figures.items() if trips > limits[name]} == {}
