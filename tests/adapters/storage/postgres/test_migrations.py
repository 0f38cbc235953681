"""Tables of an older version are migrated with what they hold."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import psycopg
import pytest

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.postgres.schema.check import split
from messaging_adapters.storage.postgres.schema.keys import TABLES
from messaging_adapters.storage.postgres.schema.migrations import MIGRATIONS
from messaging_core.errors import SchemaError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.testing.builders import a_kept_receipt, a_message, a_new_message
from postgres_server import Schemas

KEYS = "0020_workspace_keys"
OTHER = UUID(int=7)
MESSAGES = [
    a_new_message(a_message(text), workspace=workspace)
    for workspace in (DEFAULT_WORKSPACE, OTHER)
    for text in ("short", "long" * 1000)
]
_COPIED = ("messages", "documents", "outbox", "receipts", "channels", "people")


def old_tables(connection: psycopg.Connection[Any]) -> None:
    """Make the tables as they were before all keys began with the workspace."""
    log, *_ = PostgresStorage.schema_statements()
    connection.execute(log)
    for name, script in MIGRATIONS:
        if name != KEYS:
            for statement in split(script):
                connection.execute(statement)
            connection.execute("INSERT INTO messaging_migrations (name) VALUES (%s)", (name,))


@pytest.fixture
def old(postgres_schemas: Schemas) -> Iterator[str]:
    """Yield the DSN of tables of an older version, with messages, of which some are long."""
    new, old = postgres_schemas.take(), postgres_schemas.new()
    with PostgresStorage(new) as storage, storage.begin() as tx:
        tx.messages.add(MESSAGES)
        tx.receipts.keep([a_kept_receipt()])
    with psycopg.connect(new) as connection:
        source = connection.execute("SELECT current_schema()").fetchone()
    with psycopg.connect(old) as connection:
        old_tables(connection)
        for table in _COPIED:
            columns = [
                column
                for column in TABLES[f"messaging_{table}"][0]
                if (table, column) != ("documents", "workspace")
            ]
            connection.execute(
                f"INSERT INTO messaging_{table} ({', '.join(columns)})"  # noqa: S608 - no input
                f" SELECT {', '.join(columns)} FROM {source and source[0]}.messaging_{table}"
            )
    postgres_schemas.give_back(new)
    yield old
    postgres_schemas.drop(old)


@pytest.mark.parametrize("made_before", [False, True])
def test_keys_get_the_workspace_and_nothing_is_lost(old: str, *, made_before: bool) -> None:
    if made_before:
        with psycopg.connect(old, autocommit=True) as connection:
            connection.execute(
                "CREATE UNIQUE INDEX CONCURRENTLY messaging_messages_key"
                " ON messaging_messages (workspace, position)"
            )
            connection.execute(
                "CREATE INDEX CONCURRENTLY messaging_messages_position"
                " ON messaging_messages (position)"
            )

    with PostgresStorage(old) as storage, storage.begin(read_only=True) as tx:
        storage.check_schema()
        stored = [tx.messages.get(new.workspace, new.message.id) for new in MESSAGES]
        pending = tx.receipts.pending(limit=9)

    assert stored == [new.message for new in MESSAGES]
    assert len(pending) == 1


def test_addresses_in_plain_text_are_deleted(old: str) -> None:
    with psycopg.connect(old) as connection:
        connection.execute("INSERT INTO messaging_addresses VALUES ('', 'phonenumber:+316')")
    PostgresStorage.migrate(old)

    with psycopg.connect(old) as connection:
        assert connection.execute("SELECT * FROM messaging_addresses").fetchall() == []


def leave_invalid(dsn: str, kind: str, name: str, columns: str) -> None:
    """Cancel an index that is made while everything runs."""
    with psycopg.connect(dsn) as holder, psycopg.connect(dsn, autocommit=True) as connection:
        holder.execute("LOCK TABLE messaging_messages IN ROW EXCLUSIVE MODE")
        connection.execute("SET statement_timeout = 100")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(f"CREATE {kind} CONCURRENTLY {name} ON messaging_messages {columns}")


def test_an_invalid_index_is_made_again_and_found_by_the_check(old: str) -> None:
    leave_invalid(old, "INDEX", "messaging_messages_position", "(position)")
    leave_invalid(old, "UNIQUE INDEX", "messaging_messages_key", "(workspace, position)")
    with PostgresStorage(old) as storage:
        storage.check_schema()

        with psycopg.connect(old, autocommit=True) as connection:
            connection.execute("DROP INDEX messaging_messages_position")
        leave_invalid(old, "INDEX", "messaging_messages_position", "(position)")
        with pytest.raises(SchemaError, match="index messaging_messages_position is invalid"):
            storage.check_schema()


def test_a_process_of_an_older_version_goes_on_but_for_long_messages(old: str) -> None:
    PostgresStorage.migrate(old)
    with psycopg.connect(old, autocommit=True) as connection:
        leased = connection.execute("UPDATE messaging_outbox SET fence = 1 WHERE position > 0")
        with pytest.raises(psycopg.errors.NotNullViolation):
            connection.execute("INSERT INTO messaging_documents (position, document) VALUES (1,'')")

    assert leased.rowcount == len(MESSAGES)


def wait_for_a_lock(connection: psycopg.Connection[Any], process: threading.Thread) -> None:
    """Return when another connection to the tables waits for a lock."""
    deadline = monotonic() + 60
    while process.is_alive() and monotonic() < deadline:
        waiting = connection.execute(
            "SELECT 1 FROM pg_locks WHERE NOT granted AND relation IN (SELECT oid FROM pg_class"
            " WHERE relnamespace = current_schema()::regnamespace)"
        )
        if waiting.fetchone():
            return
        sleep(0.001)
    pytest.fail("the migration waited for no lock")


@pytest.mark.parametrize(
    ("first", "then"),
    [("outbox", "documents"), ("messages", "outbox")],
    ids=["of a worker", "of a call that sends"],
)
def test_a_transaction_under_way_does_not_end_the_migration(
    old: str, first: str, then: str
) -> None:
    migration = threading.Thread(target=PostgresStorage.migrate, args=(old,))
    with psycopg.connect(old) as connection, psycopg.connect(old, autocommit=True) as beside:
        connection.execute("SET deadlock_timeout = '3s'")  # the migration notices it before
        connection.execute(f"LOCK TABLE messaging_{first} IN ROW EXCLUSIVE MODE")
        migration.start()
        wait_for_a_lock(beside, migration)
        with suppress(psycopg.errors.DeadlockDetected):  # on a machine that is very slow
            connection.execute(f"LOCK TABLE messaging_{then} IN ROW EXCLUSIVE MODE")
    migration.join()

    with PostgresStorage(old, migrate=False) as storage:
        storage.check_schema()
