"""Accepting and delivering processes on PostgreSQL survive kills, lost backends and crashes.

The short form takes seconds. `MESSAGING_PG_CHAOS=600` lets it go on for as many.
"""

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
from attrs import define, evolve, field

from faults.processes import Child, until
from faults.shop import OFFERS, ORDERS, TENANTS
from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.sql.rows.columns import to_micros
from messaging_core.errors import StorageError
from messaging_core.models.delivery.event import Event
from postgres_server import PostgresServer, postgres_binaries

SECONDS = float(os.environ.get("MESSAGING_PG_CHAOS", "6"))
PROCESSES = 4 if SECONDS > 30 else 2
PERIODS = max(1, int(SECONDS // 60))
"""In each of them something is sent from every channel, and so from every lane and workspace."""
LEASE = 3
_DOUBTS = """
CREATE TABLE host_orders (reference text PRIMARY KEY);
CREATE TABLE doubts (id bytea);
CREATE FUNCTION note_doubt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO doubts SELECT id FROM messaging_messages WHERE position = new.position;
    RETURN new;
END $$;
CREATE TRIGGER doubted AFTER UPDATE OF fence ON messaging_outbox FOR EACH ROW
    WHEN (old.handed_over = 1 AND new.fence > old.fence) EXECUTE FUNCTION note_doubt();
"""
_TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    " AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
)
_BY_CALL = "SELECT regexp_replace(reference, '-[0-9]+$', ''), count(*) FROM {} GROUP BY 1"
_SERVED = (
    "SELECT channel_id, count(DISTINCT width_bucket(sent_at, {begin}, {end}, {periods})),"
    " percentile_disc(0.5) WITHIN GROUP (ORDER BY sent_at - created_at) / 1000"
    " FROM messaging_messages m JOIN"
    " (SELECT workspace, message_id, min(at) AS sent_at FROM messaging_events"
    " WHERE status = 'sent' AND at BETWEEN {begin} AND {end} GROUP BY 1, 2) s"
    " ON s.workspace = m.workspace AND s.message_id = m.id GROUP BY 1"
)
_NOT_OVER = (
    "SELECT count(*) FROM messaging_messages"
    " WHERE status IN ('accepted', 'scheduled', 'processing')"
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer(postgres_binaries(), "max_connections=200", "deadlock_timeout=200ms")
    try:
        server.start()
        PostgresStorage.migrate(server.dsn())
        with psycopg.connect(server.dsn()) as connection:
            connection.execute(_DOUBTS)
        yield server
    finally:
        server.remove()


@define
class Crowd:
    """The processes of a host, each of which is started again when it was killed."""

    server: PostgresServer
    spoken: Path
    chance: random.Random
    lines: list[str] = field(factory=list)
    faults: Counter[str] = field(factory=Counter)
    children: dict[str, Child] = field(factory=dict)
    runs: Iterator[int] = field(factory=lambda: iter(range(10**6)))

    def start(self, name: str) -> None:
        module = name.rstrip("0123456789")
        settings: dict[str, Any] = {"dsn": self.server.dsn(), "run": f"r{next(self.runs)}"}
        settings |= {"seed": self.chance.randrange(10**6), "lease": LEASE, "threads": 3}
        settings |= {"transport": "spoken", "target": str(self.spoken), "tenants": True}
        self.children[name] = Child(module, settings)

    def kill(self, name: str) -> None:
        self.lines += self.children.pop(name).kill()

    def accepting(self) -> list[str]:
        return [name for name in self.children if name.startswith("accepting")]

    def do_harm(self) -> None:
        """Kill a process, terminate a backend, or crash the server."""
        kind = self.chance.choices(["process", "backend", "server"], [4, 8, 1])[0]
        self.faults[kind] += 1
        if kind == "process":
            name = self.chance.choice(list(self.children))
            self.kill(name)
            self.start(name)
        elif kind == "backend":
            with suppress(psycopg.Error), psycopg.connect(self.server.dsn()) as connection:
                connection.execute(_TERMINATE)
        else:
            self.server.crash()
            self.server.start()

    def end(self) -> None:
        for name in list(self.children):
            self.kill(name)


class Reader(threading.Thread):
    """A subscription: it notes every event, and goes on where it was."""

    def __init__(self, dsn: str) -> None:
        super().__init__(daemon=True)
        self.events: dict[int, Event] = {}
        self.is_over = False
        self._storage = PostgresStorage(dsn)
        with self._storage.begin() as tx:
            tx.timeline.subscribe("chaos", from_start=True)

    def run(self) -> None:
        """Read until there is nothing more, and it is over."""
        while True:
            was_over = self.is_over
            with suppress(StorageError):
                if not self._read() and was_over:
                    break
            sleep(0.02)
        self._storage.close()

    def _read(self) -> int:
        now, lease = datetime.now(UTC), timedelta(microseconds=1)  # noqa: TID251 - the real time
        with self._storage.begin() as tx:
            cursor = tx.timeline.lease_cursor("chaos", now=now, lease=lease)
            if cursor is None:
                return 1
            events = tx.timeline.after(cursor.position, limit=200)
            # Before the commit, as a subscriber is called: one in doubt may have moved the cursor.
            self.events |= {event.position: event for event in events}
            position = events[-1].position if events else cursor.position
            tx.timeline.advance_cursor(evolve(cursor, position=position))
        return len(events)


def test_nothing_is_lost_or_sent_twice_while_processes_and_servers_die(
    server: PostgresServer, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    chance = random.Random(os.environ.get("MESSAGING_PG_SEED", "7"))  # noqa: S311 - picks faults
    crowd = Crowd(server, tmp_path / "spoken", chance)
    reader = Reader(server.dsn())
    with ExitStack() as stack:
        stack.callback(crowd.end)
        for number in range(PROCESSES):
            crowd.start(f"accepting_postgres{number}")
            crowd.start(f"delivering{number}")
        reader.start()
        # On a busy machine it takes a while until the processes are there.
        until(lambda: crowd.spoken.exists() and crowd.spoken.stat().st_size, "nothing is sent")
        begin, over = now_in_micros(), monotonic() + SECONDS
        while monotonic() < over:
            sleep(chance.uniform(0.1, 0.9))
            crowd.do_harm()
        end = now_in_micros()
        for name in crowd.accepting():
            crowd.kill(name)
        patience = 60 + SECONDS
        until(lambda: ask(server, _NOT_OVER) == [(0,)], "messages wait for ever", patience)
    reader.is_over = True
    reader.join(60)

    problems = broken_promises(server, crowd)
    spoken = Counter(line.split()[1] for line in crowd.spoken.read_text().splitlines())
    doubts = Counter(row[0].hex() for row in ask(server, "SELECT id FROM doubts"))
    twice = [name for name, times in spoken.items() if times > 1 + doubts[name]]
    positions = [row[0] for row in ask(server, "SELECT position FROM messaging_events ORDER BY 1")]
    served = ask(server, _SERVED.format(begin=begin, end=end, periods=PERIODS))
    figure(
        f"PostgreSQL: {dict(crowd.faults)} in {SECONDS:.0f} s, {len(spoken)} messages sent,"
        f" {sum(doubts.values())} doubts, {sum(spoken.values()) - len(spoken)} sent again,"
        f" {len(positions)} events; median wait of each channel"
        f" {sorted(row[2] for row in served)} ms"
    )
    assert problems == []
    assert twice == []
    assert ask(server, "SELECT count(*) FROM messaging_outbox") == [(0,)]
    assert positions == list(range(1, len(positions) + 1))
    assert sorted(reader.events) == positions
    assert [channel for channel, periods, _ in served if periods < PERIODS] == []
    assert len(served) == len((ORDERS, OFFERS, *TENANTS)) or PERIODS == 1
    assert sum(crowd.faults.values()) > 3
    assert spoken


def now_in_micros() -> int:
    return to_micros(datetime.now(UTC))  # noqa: TID251 - the real time


def ask(server: PostgresServer, sql: str) -> list[Any]:
    with psycopg.connect(server.dsn()) as connection:
        return connection.execute(sql).fetchall()


def broken_promises(server: PostgresServer, crowd: Crowd) -> list[str]:
    """Return what was acknowledged and is not there, and what is there by halves."""
    said = [json.loads(line) for line in crowd.lines]
    begun = {report["begin"]: report["size"] for report in said if "begin" in report}
    acknowledged = {report["done"] for report in said if "done" in report}
    rows = Counter(dict(ask(server, _BY_CALL.format("messaging_messages"))))
    orders = Counter(dict(ask(server, _BY_CALL.format("host_orders"))))
    problems = [f"{call} was acknowledged and is lost" for call in acknowledged - rows.keys()]
    problems += [f"{call} was never asked for" for call in rows.keys() - begun.keys()]
    problems += [
        f"{call} is there by halves: {rows[call]} of {size}"
        for call, size in begun.items()
        if rows[call] not in {0, size}
    ]
    return problems + [f"{call} has orders without messages" for call in orders - rows]
