"""Listings and claims read by an index what they look for, and no more."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from attrs import asdict, evolve

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.postgres.arrays import Bigints, Blobs
from messaging_adapters.storage.postgres.cursor import adapt
from messaging_adapters.storage.postgres.queries.claim import CLAIM, CLAIM_FRESH
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.failure import Failure, FailureSource
from messaging_core.models.messages.message import Direction, Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.testing.builders import a_message, a_new_message, a_subject
from postgres_server import Schemas

COUNT = 2000
LONG = "x" * 1500
AT = datetime(2026, 3, 1, tzinfo=UTC)
RARE_CHANNEL, BATCH = UUID(int=99), UUID(int=77)
BIG = re.compile(r"messaging_(messages|outbox|tags|people|subject_words|documents|subjects)$")
FOUND_BY = re.compile(r'\(\(?(workspace|"?position"?) = ')


def rare(number: int) -> dict[str, Any]:
    """Return what few messages have."""
    return {
        "channel_id": RARE_CHANNEL,
        "reference": f"order-{number}",
        "status": Status.DELIVERY_FAILED,
        "tags": ("rare",),
        "failure": Failure(code=15005, source=FailureSource(name="smtp", code="421")),
    }


def fill(storage: PostgresStorage) -> None:
    """Add messages of two workspaces, and rare ones to the first."""
    messages = []
    for number in range(COUNT):
        at, is_rare = AT + timedelta(seconds=number), not number % 200
        message = a_message(
            "hi",
            to="+31600000099" if is_rare else f"+3161{number:07}",
            at=at,
            status=Status.DELIVERED,
            tags=("common",),
        )
        if number % 10 == 3:
            message = a_message(
                a_subject("refund" if number == 1003 else "order receipt", LONG),
                to=f"c{number}@x.example",
                at=at,
                status=Status.DELIVERED,
            )
        if is_rare:
            message = evolve(message, **rare(number))
        workspace = DEFAULT_WORKSPACE if is_rare or number % 2 else UUID(int=7)
        batch = BATCH if is_rare else None
        messages.append(a_new_message(message, workspace=workspace, batch_id=batch))
    with storage.begin() as tx:
        tx.messages.add(messages)


@pytest.fixture(scope="module")
def filled(postgres_schemas: Schemas) -> Iterator[tuple[PostgresStorage, str]]:
    """Yield a storage with messages that the planner knows, and its DSN."""
    dsn = postgres_schemas.take()
    with PostgresStorage(dsn) as storage:
        fill(storage)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("ANALYZE")
        yield storage, dsn
    postgres_schemas.give_back(dsn)


BY_POSITION = {
    "what waits, of all workspaces: few rows": MessageQuery(status=Status.ACCEPTED),
    "half of all messages match": MessageQuery(),
    "one of two platforms, whose channels are walked": MessageQuery(platform="email"),
    "a time is a range of positions": MessageQuery(start_at=AT, end_at=AT + timedelta(seconds=9)),
}
"""Queries that walk the messages in the order of their positions, with the reason."""


@pytest.mark.parametrize("query", BY_POSITION.values(), ids=BY_POSITION)
def test_what_many_messages_have_is_found_in_their_order(
    query: MessageQuery, filled: tuple[PostgresStorage, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = scans_of(query, filled, monkeypatch)

    assert [node for node in scans if not condition(node)] == []


@pytest.mark.parametrize(
    "query",
    [
        MessageQuery(channel_id=RARE_CHANNEL),
        MessageQuery(reference="order-200"),
        MessageQuery(batch_id=BATCH),
        MessageQuery(status=Status.DELIVERY_FAILED),
        MessageQuery(tag="rare"),
        MessageQuery(failure_code=15005),
        MessageQuery(failure_source_name="smtp"),
        MessageQuery(failure_source_code="421"),
        MessageQuery(receiver="+31600000099"),
        MessageQuery(sender="+31600000099"),
        MessageQuery(email_subject="refund"),
        MessageQuery(country_code="BE"),
        MessageQuery(direction=Direction.INCOMING),
        MessageQuery(id=UUID(int=5)),
        MessageQuery(tag="rare", status=Status.DELIVERY_FAILED),
    ],
    ids=lambda query: "-".join(
        name for name, value in asdict(query, recurse=False).items() if value
    ),
)
def test_a_filter_is_found_by_an_index(
    query: MessageQuery, filled: tuple[PostgresStorage, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = scans_of(query, filled, monkeypatch)

    assert scans
    assert [
        (node["Relation Name"], node["Node Type"], condition(node))
        for node in scans
        if not FOUND_BY.search(condition(node))
    ] == []


@pytest.fixture(scope="module")
def backlog(postgres_schemas: Schemas) -> Iterator[psycopg.RawCursor[Any]]:
    """Yield a cursor on a storage where many messages of one channel are due."""
    dsn = postgres_schemas.take()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO messaging_outbox"
            " (workspace, position, channel_id, lane, due_at, expires_at)"
            " SELECT 'w', n, 'c', 0, n, 9000000000000000 FROM generate_series(1, 5000) n"
        )
        connection.execute("ANALYZE messaging_outbox")
        adapt(connection.adapters)
        yield psycopg.RawCursor(connection)
    postgres_schemas.give_back(dsn)


@pytest.mark.parametrize("text", [CLAIM, CLAIM_FRESH], ids=["claim", "claim at once"])
def test_a_claim_reads_no_more_rows_where_more_are_due(
    text: str, backlog: psycopg.RawCursor[Any]
) -> None:
    limit = 50
    values = (Bigints([0, 1, 2]), 10**12, limit, 10**13, "now", Blobs(), Bigints(), True)

    scans = [
        node
        for node in nodes(explained(backlog, text, values, options="ANALYZE, "))
        if node.get("Relation Name") == "messaging_outbox" and node["Node Type"] != "ModifyTable"
    ]

    rows = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in scans
    )
    assert limit <= rows < 10 * limit


def scans_of(
    query: MessageQuery, filled: tuple[PostgresStorage, str], monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    """Return the steps that read large tables when a query is executed."""
    storage, dsn = filled
    statements: list[tuple[str, Any]] = []
    execute = psycopg.RawCursor.execute

    def noted(self: Any, text: str, values: Any = (), **options: Any) -> Any:
        statements.append((text, values))
        return execute(self, text, values, **options)

    monkeypatch.setattr(psycopg.RawCursor, "execute", noted)
    with storage.begin(read_only=True) as tx:
        tx.messages.find(query)
    monkeypatch.undo()

    with psycopg.connect(dsn) as connection:
        connection.execute("SET enable_seqscan = off")  # some tables have too few rows here
        cursor = psycopg.RawCursor(connection)
        plans = [
            node
            for text, values in statements
            if text.startswith("SELECT") and "FROM" in text
            for node in nodes(explained(cursor, text, values))
        ]
    return [node for node in plans if BIG.match(node.get("Relation Name", ""))]


def explained(
    cursor: psycopg.RawCursor[Any], text: str, values: Any, *, options: str = ""
) -> dict[str, Any]:
    """Return the plan of a statement."""
    row = cursor.execute(f"EXPLAIN ({options}FORMAT JSON) {text}", values).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every step of a plan."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def condition(node: dict[str, Any]) -> str:
    """Return by what a step finds its rows; nothing where it reads all."""
    return str(node.get("Index Cond") or node.get("Recheck Cond") or "")
