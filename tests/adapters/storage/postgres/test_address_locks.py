"""What is locked for an address leaves nothing that says whose it is."""

import psycopg
import pytest

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.postgres.locks import lock_name
from messaging_core import Channel, Messenger, Worker
from messaging_core.testing import RecordingTransport, a_suppression
from postgres_server import Schemas

ORDERS = Channel(name="orders", platform="sms", sender="Shop")
ADA, BOB = "+31612345678", "+31612345679"


def test_a_lock_leaves_a_hash_of_the_address(postgres_schemas: Schemas) -> None:
    dsn = postgres_schemas.take()
    with PostgresStorage(dsn) as storage:
        with storage.begin() as tx:
            tx.suppressions.add(ORDERS.workspace, [a_suppression(BOB)])
        messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
        messenger.send("orders", to=ADA, text="hi")
        Worker(messenger).drain()
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT address FROM messaging_addresses ORDER BY 1").fetchall()
    postgres_schemas.give_back(dsn)

    assert rows == sorted((lock_name("phonenumber", address),) for address in (ADA, BOB))


@pytest.mark.parametrize(
    ("kind", "value", "name"),
    [("phonenumber", ADA, "phonenumber:85d4b"), ("contact", "7c\u00e9", "contact:1833d")],
)
def test_processes_of_every_version_agree_on_a_name(kind: str, value: str, name: str) -> None:
    assert lock_name(kind, value) == name


def test_many_addresses_share_a_name() -> None:
    names = {lock_name("phonenumber", f"+31{number}") for number in range(100_000)}

    assert 90_000 < len(names) < 100_000
    assert {len(name) for name in names} == {len("phonenumber:00000")}
