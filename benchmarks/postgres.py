"""Compare PostgreSQL with its raw driver that writes the same rows to the same tables.

`MESSAGING_PG_DSN` names the server; without it, one is started as for the tests. Every commit of
both is durable. Singles take turns, so that a busy machine slows both alike.
"""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, time
from typing import Any

import psycopg

from _hosts import QUICK
from _requests import minimal
from messaging_adapters.storage.postgres import PostgresStorage
from messaging_core import Channel, Messenger, Worker
from messaging_core.decisions.status import events
from messaging_core.ports.clock import SystemClock
from messaging_core.testing import RecordingTransport, a_settlement

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from postgres_server import PostgresServer, Schemas, postgres_binaries

SMS = Channel(name="orders", platform="sms", sender="+31612345678")
TABLES = (
    "messaging_messages",
    "messaging_people",
    "messaging_outbox",
    "messaging_idempotency_keys",
    "messaging_new_events",
)
SINGLES, CHUNK, CHUNKS = (50, 200, 2) if QUICK else (500, 1000, 5)
GROUP, LEASE = 100, timedelta(minutes=15)
Rows = dict[str, list[tuple[Any, ...]]]


@contextmanager
def schemas() -> Iterator[Schemas]:
    """Yield a server whose commits are durable."""
    server = PostgresServer(postgres_binaries(), "max_connections=100")
    try:
        server.start()
        yield Schemas(server.dsn())
    finally:
        server.remove()


class Raw:
    """The rows of messages that the engine wrote, written again by plain statements."""

    def __init__(self, dsn: str, statements: dict[str, str] | None = None) -> None:
        self.connection = psycopg.connect(dsn)
        self.statements = statements or {}

    def copy_from(self, dsn: str) -> Rows:
        """Return what the engine wrote."""
        rows: Rows = {}
        with psycopg.connect(dsn) as connection:
            for table in TABLES:
                cursor = connection.execute(f"SELECT * FROM {table}")
                assert cursor.description is not None
                columns = [column.name for column in cursor.description]
                rows[table] = cursor.fetchall()
                if table == "messaging_new_events":  # its number is given by the server
                    columns, rows[table] = columns[1:], [row[1:] for row in rows[table]]
                marks = ", ".join(["%b"] * len(columns))
                self.statements[table] = (
                    f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
                )
        return rows

    def insert(self, rows: Rows, place: int) -> None:
        """Write the rows of one message, as statements in a transaction."""
        for table in TABLES:
            self.connection.execute(self.statements[table], rows[table][place], prepare=True)
        self.connection.commit()

    def copy(self, rows: Rows, chunk: int) -> None:
        """Write the rows of one chunk with COPY, in one transaction."""
        for table in TABLES:
            columns = self.statements[table].partition("(")[2].partition(")")[0]
            cursor = self.connection.cursor()
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows[table][chunk * CHUNK : (chunk + 1) * CHUNK]:
                    copy.write_row(row)
        self.connection.commit()


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = perf_counter()
    call()
    return perf_counter() - start


def singles(made: Schemas) -> None:
    """Send one by one, beside the raw statements for the same rows."""
    first, second = made.take(), made.take()
    with PostgresStorage(first) as storage:
        messenger = Messenger(storage=storage, channels={SMS: RecordingTransport()})
        send(messenger, "before", SINGLES)
        raw = Raw(second)
        rows = raw.copy_from(first)
        engine, plain = [], []
        for place in range(SINGLES):
            engine.append(seconds(lambda place=place: send(messenger, f"b{place}", 1)))
            plain.append(seconds(lambda place=place: raw.insert(rows, place)))
        ratio = median(plain) / median(engine)
        print(
            f"single send: {1 / median(engine):,.0f}/s, raw {1 / median(plain):,.0f}/s,"
            f" ratio {ratio:.2f} (goal 0.60)"
        )
        raw.connection.close()
        rate = threaded(messenger, 4)
    plain_rate = threaded_raw(made.take(), raw.statements, rows, 4)
    gain, plain_gain = rate * sum(engine) / SINGLES, plain_rate * sum(plain) / SINGLES
    print(
        f"4 threads: {rate:,.0f}/s, {gain:.1f} times one; raw {plain_rate:,.0f}/s,"
        f" {plain_gain:.1f} times one; ratio {gain / plain_gain:.2f} (goal 0.90)"
    )


def threaded(messenger: Messenger, threads: int) -> float:
    """Return how many messages threads send in a second."""
    with ThreadPoolExecutor(threads) as pool:
        took = seconds(
            lambda: list(pool.map(lambda n: send(messenger, f"t{threads}-{n}", 1), range(SINGLES)))
        )
    return SINGLES / took


def threaded_raw(dsn: str, statements: dict[str, str], rows: Rows, threads: int) -> float:
    """Return how many messages threads write in a second, each with a connection of its own."""
    idle = [Raw(dsn, statements) for _ in range(threads)]

    def insert(place: int) -> None:
        raw = idle.pop()
        raw.insert(rows, place)
        idle.append(raw)

    with ThreadPoolExecutor(threads) as pool:
        took = seconds(lambda: list(pool.map(insert, range(SINGLES))))
    for raw in idle:
        raw.connection.close()
    return SINGLES / took


def send(messenger: Messenger, name: str, times: int) -> None:
    """Send messages with keys of their own."""
    for number in range(times):
        messenger.send("orders", minimal(number), idempotency_key=f"{name}-{number}")


def bulk(made: Schemas) -> None:
    """Send many at once, beside COPY of the same rows."""
    first, second = made.take(), made.take()
    with PostgresStorage(first) as storage:
        messenger = Messenger(storage=storage, channels={SMS: RecordingTransport()})
        requests = [minimal(number) for number in range(CHUNK)]
        keys = [[f"{chunk}-{number}" for number in range(CHUNK)] for chunk in range(CHUNKS)]
        messenger.send_many("orders", requests, idempotency_keys=[f"w-{n}" for n in range(CHUNK)])
        raw = Raw(second)
        rows = raw.copy_from(first)
        raw.copy(rows, 0)
        engine, plain = [], []
        for chunk in range(CHUNKS):  # in turn, so that a busy machine slows both alike
            engine.append(
                seconds(
                    lambda chunk=chunk: messenger.send_many(
                        "orders", requests, idempotency_keys=keys[chunk]
                    )
                )
            )
            rows = raw.copy_from(first)
            plain.append(seconds(lambda chunk=chunk, rows=rows: raw.copy(rows, chunk + 1)))
        raw.connection.close()
        ratio = median(plain) / median(engine)
        print(
            f"send_many of {CHUNK}: {CHUNK / median(engine):,.0f}/s,"
            f" COPY {CHUNK / median(plain):,.0f}/s,"
            f" ratio {ratio:.2f} (goal 0.50)"
        )
        for threads in (1, 8):
            messenger.send_many("orders", requests)
            took = seconds(Worker(messenger, threads=threads).drain)
            print(f"deliver, {threads} threads: {messages_of(first) / took:,.0f}/s")


_LEASE = (
    "WITH due AS (SELECT position FROM messaging_outbox WHERE due_at <= %b"
    " ORDER BY due_at LIMIT %b FOR UPDATE SKIP LOCKED),"
    " leased AS (UPDATE messaging_outbox o SET due_at = %b, leased_until = %b, fence = fence + 1"
    " FROM due WHERE o.position = due.position RETURNING o.position)"
    " UPDATE messaging_messages m SET status = 'processing' FROM leased"
    " WHERE m.position = leased.position"
    " RETURNING m.position, m.workspace, m.id, m.inline_document, m.state"
)
_MARK = "UPDATE messaging_outbox SET handed_over = 1 WHERE position = ANY(%b)"
_SETTLE = (
    "UPDATE messaging_messages m SET status = 'sent', state = w.state"
    " FROM unnest(%b::bigint[], %b::text[]) AS w(position, state) WHERE m.position = w.position"
)
_EVENTS = (
    "INSERT INTO messaging_new_events (workspace, message_id, kind, status, at, document)"
    " SELECT w.*, 'attempted', 'sent', 0, '{}'"
    " FROM unnest(%b::bytea[], %b::bytea[]) AS w(workspace, message_id)"
)
_FINISH = "DELETE FROM messaging_outbox WHERE position = ANY(%b)"


def settle_raw(connection: psycopg.Connection[Any]) -> None:
    """Claim, mark and settle a group by plain statements, in three transactions."""
    now = round(time() * 1_000_000)
    until = now + 900_000_000
    rows = connection.execute(_LEASE, (now, GROUP, until, until), prepare=True).fetchall()
    connection.commit()
    positions = [row[0] for row in rows]
    connection.execute(_MARK, (positions,), prepare=True)
    connection.commit()
    connection.execute(_SETTLE, (positions, [row[4] for row in rows]), prepare=True)
    connection.execute(_EVENTS, ([row[1] for row in rows], [row[2] for row in rows]), prepare=True)
    connection.execute(_FINISH, (positions,), prepare=True)
    connection.commit()


def settle_engine(storage: PostgresStorage) -> None:
    """Claim, mark and settle a group as a worker does, without what it decides."""
    now = SystemClock().now()
    with storage.begin() as tx:
        assert tx.early_outbox is not None
        claims = tx.early_outbox.claim_last(now=now, lease=LEASE, limit=GROUP) or []
    leases = [claim.lease for claim in claims]
    assert len(leases) == GROUP
    with storage.begin() as tx:
        assert tx.early_outbox is not None
        assert all(tx.early_outbox.hand_over_last(leases, now=now, unless=()))
    settlements = [a_settlement(claim, at=now) for claim in claims]
    with storage.begin() as tx:
        tx.outbox.settle(settlements)
        tx.timeline.append([events.settled(settlement) for settlement in settlements])


def steps(made: Schemas) -> None:
    """Claim, mark and settle in hundreds, beside plain statements for the same tables."""
    dsns = made.take(), made.take()
    with PostgresStorage(dsns[0]) as storage, PostgresStorage(dsns[1]) as other:
        for owner in (storage, other):
            messenger = Messenger(storage=owner, channels={SMS: RecordingTransport()})
            for _ in range(CHUNKS + 1):
                messenger.send_many("orders", [minimal(number) for number in range(CHUNK)])
        with psycopg.connect(dsns[1]) as connection:
            rounds = CHUNKS * CHUNK // GROUP
            pairs = [
                (
                    seconds(lambda: settle_engine(storage)),
                    seconds(lambda: settle_raw(connection)),
                )
                for _ in range(rounds)
            ]
    engine, plain = (median(times) for times in zip(*pairs, strict=True))
    print(
        f"claim, mark and settle {GROUP}: {GROUP / engine:,.0f}/s, raw {GROUP / plain:,.0f}/s,"
        f" ratio {plain / engine:.2f} (goal 0.60)"
    )


def messages_of(dsn: str) -> int:
    """Return how many messages were sent since this was asked before."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM messaging_messages").fetchone()
    assert row is not None
    counted, messages_of.before = row[0] - getattr(messages_of, "before", 0), row[0]  # type: ignore[attr-defined]
    return int(counted)


if __name__ == "__main__":
    with schemas() as database:
        singles(database)
        bulk(database)
        steps(database)
