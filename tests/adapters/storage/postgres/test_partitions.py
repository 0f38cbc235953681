"""The tables can be split by workspace, on one server as on several."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.postgres.schema.keys import TABLES
from messaging_core import Channel, MessageQuery, Messenger, Worker
from messaging_core.models.delivery.delivery import Settlement
from messaging_core.models.delivery.event import Event
from messaging_core.models.messages.message import Part, Status
from messaging_core.testing import RecordingTransport
from messaging_core.testing.builders import a_kept_receipt, a_message, a_new_message, a_receipt
from postgres_server import Schemas
from workspace_exceptions import BEFORE_THE_WORKSPACE_IS_KNOWN, OF_NO_WORKSPACE

pytestmark = pytest.mark.usefixtures("statements_name_a_workspace")
PARTITIONS = 16
FEW = 2
MUCH_USED = {
    f"messaging_{name}"
    for name in ("messages", "outbox", "events", "new_events", "people", "receipts", "documents")
}
"""The tables that get 16 partitions here; the others get few, as each partition takes a while."""
WORKSPACES = [UUID(int=2**100 + number) for number in range(12)]
_UNIQUE_KEYS = (
    "SELECT c.relname, string_agg(a.attname, ' ' ORDER BY k.place) FROM pg_index i"
    " JOIN pg_class c ON c.oid = i.indrelid"
    " CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(number, place)"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number"
    " WHERE i.indisunique AND pg_table_is_visible(c.oid) AND c.relname LIKE 'messaging\\_%'"
    " GROUP BY c.relname, i.indexrelid"
)

WHOLE = {f"messaging_{name}" for name in {**OF_NO_WORKSPACE, **BEFORE_THE_WORKSPACE_IS_KNOWN}}
SPLIT = TABLES.keys() - WHOLE


def test_every_other_unique_key_begins_with_the_workspace(postgres_schemas: Schemas) -> None:
    dsn = postgres_schemas.take()
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(_UNIQUE_KEYS).fetchall()
    postgres_schemas.give_back(dsn)
    whole = {
        (f"messaging_{table}", key)
        for table, key in {**OF_NO_WORKSPACE, **BEFORE_THE_WORKSPACE_IS_KNOWN}.items()
    }

    assert {(table, key) for table, key in rows if key.split()[0] != "workspace"} == whole
    assert {table for table, _ in rows} == SPLIT | WHOLE


def split(table: str) -> Iterator[str]:
    """Yield what replaces an empty table by one with partitions, and the same keys and indexes.

    PostgreSQL refuses a table with a unique key that does not contain the workspace.
    """
    yield f"ALTER TABLE {table} RENAME TO whole"
    yield f"CREATE TABLE {table} (LIKE whole INCLUDING ALL) PARTITION BY HASH (workspace)"
    yield "DROP TABLE whole"
    partitions = PARTITIONS if table in MUCH_USED else FEW
    for number in range(partitions):
        yield (
            f"CREATE TABLE {table}_{number} PARTITION OF {table}"
            f" FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number})"
        )


@pytest.fixture(scope="module")
def storage(postgres_schemas: Schemas) -> Iterator[PostgresStorage]:
    """Yield a storage whose tables have partitions, all that have a workspace."""
    dsn = postgres_schemas.new()
    PostgresStorage.migrate(dsn)
    with psycopg.connect(dsn) as connection:
        for table in sorted(SPLIT):
            for statement in split(table):
                connection.execute(statement)
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


def test_one_workspace_is_changed_and_the_others_are_not(storage: PostgresStorage) -> None:
    first, *others = WORKSPACES
    statuses = {first: Status.DELIVERED}
    news = [
        a_new_message(
            a_message("x" * 2000, status=statuses.get(workspace, Status.ACCEPTED)),
            workspace=workspace,
        )
        for workspace in WORKSPACES
    ]
    now = news[0].message.created_at + timedelta(seconds=1)
    with storage.begin() as tx:
        tx.messages.add(news)
        tx.outbox.finish(first, news[0].message.id)
        for workspace in WORKSPACES:
            tx.receipts.keep([a_kept_receipt(a_receipt(reference="p-1"), workspace=workspace)])
    with storage.begin() as tx:
        deleted = tx.retention.delete([(first, news[0].message.id)])
        claims = tx.outbox.claim(now=now, lease=timedelta(minutes=1), limit=99)
        marks = tx.outbox.hand_over([claim.lease for claim in claims], now=now)
        settlements = [
            Settlement(
                lease=claim.lease,
                status=Status.SENT,
                at=now,
                parts=(Part(platform_reference="p-1"),),
            )
            for claim in claims
        ]
        settled = tx.outbox.settle(settlements)

    assert deleted == 1
    assert {claim.workspace for claim in claims} == set(others)
    assert marks == [None] * len(others)
    assert settled == [True] * len(others)
    with storage.begin(read_only=True) as tx:
        stored = {new.workspace: tx.messages.get(new.workspace, new.message.id) for new in news}
        ids = [tx.messages.by_references(workspace, ["p-1"]) for workspace in WORKSPACES]
        pending = tx.receipts.pending(limit=99)
    texts = {workspace: message and message.body for workspace, message in stored.items()}
    assert texts == {first: None} | dict.fromkeys(others, news[0].message.body)
    assert [len(matches.get("p-1", ())) for matches in ids] == [0] + [1] * len(others)
    assert {entry.workspace for entry in pending} == set(WORKSPACES)
