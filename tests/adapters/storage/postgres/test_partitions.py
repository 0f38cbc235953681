"""The tables can be split by workspace, on one server as on several."""

import re
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_core import Channel, MessageQuery, Messenger, Worker
from messaging_core.models.delivery.event import Event
from messaging_core.testing import RecordingTransport
from postgres_server import Schemas

pytestmark = pytest.mark.usefixtures("statements_name_a_workspace")
PARTITIONS = 16
PARTITIONED = ("messaging_messages", "messaging_outbox", "messaging_events")
WORKSPACES = [UUID(int=2**100 + number) for number in range(12)]
_UNIQUE_KEYS = (
    "SELECT c.relname, string_agg(a.attname, ' ' ORDER BY k.place) FROM pg_index i"
    " JOIN pg_class c ON c.oid = i.indrelid"
    " CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(number, place)"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number"
    " WHERE i.indisunique AND pg_table_is_visible(c.oid) AND c.relname LIKE 'messaging\\_%'"
    " GROUP BY c.relname, i.indexrelid"
)

OF_NO_WORKSPACE = {
    "counters": "name shard",
    "expiring_records": "kind key",
    "facts": "name",
    "migrations": "name",
    "subscriptions": "name",
    "workers": "id",
}
"""Tables whose rows belong to no workspace: a distributed database copies them to every part."""

TO_EXTEND = {
    "access_keys": "id",
    "damaged_events": "position",
    "documents": "position",
    "events": "position",
    "interactions": "position",
    "messages": "position",
    "new_events": "seq",
    "outbox": "position",
    "receipts": "position",
    "received_files": "id",
    "short_links": {"position", "code"},
    "subjects": "position",
    "templates": "position",
    "webhook_queue": "id",
    "webhook_subscriptions": {"position", "id"},
}
"""Unique keys that have to begin with the workspace before a table can be distributed by it."""


def test_every_other_unique_key_contains_the_workspace(postgres_schemas: Schemas) -> None:
    dsn = postgres_schemas.take()
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(_UNIQUE_KEYS).fetchall()
    postgres_schemas.give_back(dsn)
    listed = {
        (f"messaging_{table}", key)
        for table, keys in {**OF_NO_WORKSPACE, **TO_EXTEND}.items()
        for key in (keys if isinstance(keys, set) else {keys})
    }

    assert {(table, key) for table, key in rows if "workspace" not in key.split()} == listed


def partitioned(statement: str) -> Iterator[str]:
    """Yield a statement of the schema, or those that make its table with 16 partitions."""
    match = re.match(r"CREATE TABLE (\w+) \(", statement)
    if not match or match[1] not in PARTITIONED:
        yield statement
        return
    body, _, _ = statement.rpartition("\n)")
    body = body.replace("bigint PRIMARY KEY", "bigint NOT NULL", 1)
    yield f"{body},\n    PRIMARY KEY (workspace, position)\n) PARTITION BY HASH (workspace)"
    for number in range(PARTITIONS):
        yield (
            f"CREATE TABLE {match[1]}_{number} PARTITION OF {match[1]}"
            f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
        )


@pytest.fixture
def storage(postgres_schemas: Schemas) -> Iterator[PostgresStorage]:
    """Yield a storage whose messages, outbox and log have 16 partitions each."""
    dsn = postgres_schemas.new()
    with psycopg.connect(dsn) as connection:
        for statement in PostgresStorage.schema_statements():
            for part in partitioned(statement):
                connection.execute(part)
    with PostgresStorage(dsn, migrate=False) as storage:
        yield storage
    postgres_schemas.drop(dsn)


def test_the_engine_works_on_tables_with_partitions(storage: PostgresStorage) -> None:
    channels = {
        Channel(name=f"c{number}", platform="sms", sender="Shop", workspace=workspace): (
            RecordingTransport()
        )
        for number, workspace in enumerate(WORKSPACES)
    }
    messenger, events = Messenger(storage=storage, channels=channels), list[Event]()
    messenger.subscribe(events.append, from_start=True)
    for channel in channels:
        for text in ("first", "second", "second"):
            messenger.send(channel, to="+31612345678", text=text, idempotency_key=text)
    Worker(messenger).drain()

    for workspace, transport in zip(WORKSPACES, channels.values(), strict=True):
        assert len(transport.sent) == 2
        page = messenger.find(MessageQuery(workspace=workspace, reverse=True))
        assert [message.body.text for message in page.results] == ["first", "second"]
        for message in page.results:
            timeline = messenger.timeline(message.id, workspace=workspace)
            told = [event for event in events if event.message_id == message.id]
            assert told == timeline
            assert len(told) == 2
    assert [event.position for event in events] == sorted({event.position for event in events})
    with storage.begin(read_only=True) as tx:
        assert tx.outbox.next_due() is None
