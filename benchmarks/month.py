"""Count the rows, bytes, claims and commits of a text message, on SQLite and on PostgreSQL.

Messages are accepted a thousand at a time and delivered by one worker; the figures are those that
docs/explanation/beyond-one-database.md multiplies by a billion.
"""

import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from _hosts import QUICK, Provider
from _requests import minimal
from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.sql.stores.outbox import SqlOutbox
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.transfer.session import opened
from messaging_adapters.storage.transfer.tables import TABLES
from messaging_core import Channel, Messenger, Worker

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from postgres_server import PostgresServer, Schemas, postgres_binaries

COUNT, CHUNK = (2_000, 1_000) if QUICK else (20_000, 1_000)
SMS = Channel(name="orders", platform="sms", sender="+31612345678")
Figures = dict[str, float]
calls: Counter[str] = Counter()


class CountedSqlite(SqliteStorage):
    """Count transactions that write."""

    def _begin_own(self, *, read_only: bool) -> Any:
        calls["commits"] += not read_only
        return super()._begin_own(read_only=read_only)


class CountedPostgres(PostgresStorage):
    """The same."""

    def _begin_own(self, *, read_only: bool) -> Any:
        calls["commits"] += not read_only
        return super()._begin_own(read_only=read_only)


def count_claims() -> None:
    """Count how often a worker asks for what is due."""
    for kind in (SqlOutbox, *SqlOutbox.__subclasses__()):
        if "claim" in vars(kind):
            claim = kind.claim

            def counted(self: Any, *, claim: Any = claim, **options: Any) -> Any:
                calls["claims"] += claim.__qualname__.startswith("SqlOutbox")
                return claim(self, **options)

            kind.claim = counted  # type: ignore[method-assign] # only counts


def lives(storage: Any) -> Figures:
    """Accept and deliver, and return the figures of one message."""
    messenger = Messenger(storage=storage, channels={SMS: Provider()})
    calls.clear()
    for start in range(0, COUNT, CHUNK):
        messenger.send_many("orders", [minimal(start + number) for number in range(CHUNK)])
    accepted = calls["commits"]
    Worker(messenger).drain()
    with opened(storage) as session:
        rows = sum(session.count(table) for table in TABLES)
    return {
        "rows": rows / COUNT,
        "claims": calls["claims"] / COUNT,
        "commits": calls["commits"] / COUNT,
        "commits, sent one by one": (calls["commits"] - accepted) / COUNT + 1,
    }


def on_sqlite() -> Figures:
    """Return the figures of SQLite."""
    with (
        tempfile.TemporaryDirectory() as folder,
        CountedSqlite(Path(folder) / "messages.db", exclusive=True) as storage,
        ExitStack() as after,
    ):
        after.callback(storage.close)
        figures = lives(storage)
        with opened(storage) as session:
            cursor = session._cursor  # noqa: SLF001 - the size of the file
            size, count, free = (
                cursor.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_size", "page_count", "freelist_count")
            )
    return figures | {"bytes": size * (count - free) / COUNT}


def on_postgres(dsn: str) -> Figures:
    """Return the figures of PostgreSQL."""
    with psycopg.connect(dsn, autocommit=True) as connection, CountedPostgres(dsn) as storage:
        before = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
        figures = lives(storage)
        assert before is not None
        log, size = connection.execute(
            "SELECT pg_current_wal_lsn() - %s::pg_lsn, (SELECT sum(pg_total_relation_size(oid))"
            " FROM pg_class WHERE relkind = 'r' AND relname LIKE 'messaging\\_%%'"
            " AND relnamespace = current_schema()::regnamespace)",
            before,
        ).fetchone() or (0, 0)
    return figures | {
        "bytes": float(size) / COUNT,
        "bytes of the write-ahead log": float(log) / COUNT,
    }


if __name__ == "__main__":
    count_claims()
    server = PostgresServer(postgres_binaries())
    try:
        server.start()
        of_postgres = on_postgres(Schemas(server.dsn()).take())
    finally:
        server.remove()
    of_sqlite = on_sqlite()
    print(f"{'of one message':32}{'SQLite':>12}{'PostgreSQL':>12}")
    for name in (
        "rows",
        "bytes",
        "bytes of the write-ahead log",
        "claims",
        "commits",
        "commits, sent one by one",
    ):
        print(f"{name:32}{of_sqlite.get(name, 0):12,.4g}{of_postgres.get(name, 0):12,.4g}")
