"""Large documents are stored out of line, where status changes do not rewrite them."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve
from sqlite_utils import Database

from messaging_adapters.storage.sql.rows.documents import (
    DOCUMENT,
    MAX_INLINE,
    WITH_DOCUMENT,
)
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.sqlite.schema.constants import MIGRATION_NAMES
from messaging_adapters.storage.sqlite.schema.migrations import migrations
from messaging_core.errors import InvalidDocumentError, SchemaError
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.models.messages.message import Status
from messaging_core.testing import a_message, a_new_message, a_settlement
from messaging_core.testing.contracts.storage.steps import (
    AT,
    add,
    claim,
    delivery,
    get,
    ids,
    page,
    reschedule,
    settle,
    walk,
)

LONG, SHORT = "x" * 3000, "hi"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def storage(path: Path) -> Iterator[SqliteStorage]:
    with SqliteStorage(path) as storage:
        yield storage


def sizes(storage: SqliteStorage) -> list[tuple[int, int | None]]:
    """Return how many bytes of each document are in the row, and how many out of line."""
    return storage._connection.execute(
        "SELECT length(m.inline_document), length(d.document) FROM messaging_messages m"
        " LEFT JOIN messaging_documents d USING (position) ORDER BY position"
    ).fetchall()


def pages(storage: SqliteStorage) -> int:
    """Return how many pages of the file hold something."""
    count, free = (
        storage._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count")
    )
    return int(count - free)


def finish(storage: SqliteStorage) -> None:
    settle(storage, *[a_settlement(claim) for claim in claim(storage, limit=1000)])


def redact(storage: SqliteStorage, *messages: NewMessage) -> None:
    with storage.begin() as tx:
        tx.retention.redact([(new.workspace, new.message.id) for new in messages])


class TestWhereDocumentsAre:
    def test_only_a_large_one_is_out_of_line(self, storage: SqliteStorage) -> None:
        add(storage, a_new_message(a_message(SHORT)), a_new_message(a_message(LONG)))

        (short, nothing), (empty, long) = sizes(storage)

        assert 0 < short <= MAX_INLINE < 3000 < (long or 0)
        assert (nothing, empty) == (None, 0)

    @pytest.mark.parametrize("excess", [0, 1])
    def test_the_limit_is_a_number_of_bytes(self, storage: SqliteStorage, excess: int) -> None:
        add(storage, a_new_message(a_message("x" * 100)))
        ((size, _),) = sizes(storage)

        add(storage, a_new_message(a_message("x" * (100 + MAX_INLINE - size + excess))))

        assert sizes(storage)[1] == ((0, MAX_INLINE + 1) if excess else (MAX_INLINE, None))

    def test_both_are_read_listed_and_given_out(self, storage: SqliteStorage) -> None:
        messages = [a_new_message(a_message(body)) for body in (SHORT, LONG)]
        add(storage, *messages)

        listed = page(storage, reverse=True).results
        claims = claim(storage)

        assert [get(storage, new) for new in messages] == [claim.message for claim in claims]
        assert [message.body for message in listed] == [new.message.body for new in messages]
        assert [claim.message.body for claim in claims] == [new.message.body for new in messages]

    @pytest.mark.parametrize(
        ("before", "after"), [(SHORT, LONG), (LONG, SHORT), (LONG, "y" * 2000)]
    )
    def test_a_document_that_is_replaced_moves(
        self, storage: SqliteStorage, before: str, after: str
    ) -> None:
        new = a_new_message(a_message(before))
        add(storage, new)
        changed = evolve(new.message, body=a_message(after).body)

        assert reschedule(storage, evolve(new, message=changed), AT + timedelta(hours=1))

        assert get(storage, new).body == changed.body
        ((inline, out_of_line),) = sizes(storage)
        assert (inline > 0) is (out_of_line is None) is (after == SHORT)

    def test_a_status_change_leaves_it_alone(self, storage: SqliteStorage) -> None:
        add(storage, *[a_new_message(a_message(LONG)) for _ in range(3)])
        statements: list[str] = []
        storage._connection.set_trace_callback(statements.append)

        finish(storage)

        storage._connection.set_trace_callback(None)
        written = [sql for sql in statements if sql.startswith(("UPDATE", "DELETE", "INSERT"))]
        assert any("messaging_messages" in sql for sql in written)
        assert not [sql for sql in written if "messaging_documents" in sql]

    def test_one_that_is_missing_stops_no_other_message(self, storage: SqliteStorage) -> None:
        lost, other = a_new_message(a_message(LONG)), a_new_message(a_message(LONG))
        add(storage, lost, other)
        storage._connection.execute(
            "DELETE FROM messaging_documents"
            " WHERE position = (SELECT min(position) FROM messaging_messages)"
        )

        with pytest.raises(InvalidDocumentError):
            get(storage, lost)

        assert ids(claim(storage)) == ids([other])
        assert delivery(storage, lost) is None


class TestSpace:
    @pytest.mark.parametrize("body", [SHORT, LONG])
    def test_deletion_leaves_nothing(self, storage: SqliteStorage, body: str) -> None:
        new = a_new_message(a_message(body))
        add(storage, new)
        finish(storage)

        with storage.begin() as tx:
            tx.retention.delete([(new.workspace, new.message.id)])

        assert sizes(storage) == []
        count = "SELECT count(*) FROM messaging_documents"
        assert storage._connection.execute(count).fetchone() == (0,)

    def test_redaction_frees_pages(self, storage: SqliteStorage) -> None:
        empty = pages(storage)
        messages = [a_new_message(a_message(LONG)) for _ in range(300)]
        add(storage, *messages)
        finish(storage)
        before = pages(storage) - empty

        redact(storage, *messages)

        assert pages(storage) - empty <= 0.4 * before
        assert walk(storage) == ids(messages)[::-1]

    def test_the_next_messages_use_them(self, storage: SqliteStorage) -> None:
        messages = [a_new_message(a_message(LONG)) for _ in range(300)]
        add(storage, *messages)
        finish(storage)
        redact(storage, *messages)
        (before,) = storage._connection.execute("PRAGMA page_count").fetchone()

        add(storage, *[a_new_message(a_message(LONG)) for _ in range(150)])

        assert storage._connection.execute("PRAGMA page_count").fetchone() == (before,)


def make_older(path: Path, *messages: NewMessage, version: str = "0012_documents") -> None:
    """Write a file as it was before a migration, with messages that wait."""
    with SqliteStorage(path.with_name("newer.db")) as newer:
        add(newer, *messages)
    with closing(sqlite3.connect(path)) as older:
        migrations.apply(Database(older), stop_before=version)
        older.execute("ATTACH ? AS newer", (str(path.with_name("newer.db")),))
        for table in ("messaging_messages", "messaging_outbox", "messaging_documents"):
            columns = [row[1] for row in older.execute(f"PRAGMA main.table_info({table})")]
            if not columns:  # documents were in the rows of their messages
                continue
            inline = table == "messaging_messages" and "document" in columns
            values = [
                DOCUMENT if inline and name == "document" else f"m.{name}" for name in columns
            ]
            join = WITH_DOCUMENT.replace("JOIN ", "JOIN newer.")
            source = f"newer.{table} m {join if inline else ''}"
            older.execute(f"INSERT INTO {table} SELECT {', '.join(values)} FROM {source}")  # noqa: S608 - our own
        older.commit()


KILLED = """
import os, signal, sqlite3, sys
from messaging_adapters.storage.sqlite import SqliteStorage
own = sqlite3.connect(sys.argv[1], isolation_level=None)
own.execute("PRAGMA cache_size = 1")
own.execute("BEGIN IMMEDIATE")
SqliteStorage.migrate(own)
os.kill(os.getpid(), signal.SIGKILL)
"""


class TestOlderFiles:
    @pytest.mark.parametrize("version", MIGRATION_NAMES[1:])
    def test_messages_of_every_version_are_delivered(self, path: Path, version: str) -> None:
        messages = [a_new_message(a_message(body)) for body in (SHORT, LONG)]
        make_older(path, *messages, version=version)

        with SqliteStorage(path) as storage:
            storage.check_schema()
            claims = claim(storage)
            settle(storage, *map(a_settlement, claims))

            assert [claim.message.body for claim in claims] == [
                new.message.body for new in messages
            ]
            assert [get(storage, new).status for new in messages] == [Status.SENT] * 2
            inline = version <= "0012_documents"
            out_of_line = [size is not None for _, size in sizes(storage)]
            assert out_of_line == [False, not inline]

    def test_redaction_frees_the_pages_of_their_messages_too(self, path: Path) -> None:
        messages = [a_new_message(a_message(LONG)) for _ in range(300)]
        make_older(path, *messages)
        with SqliteStorage(path) as storage:
            finish(storage)
            before = pages(storage)

            redact(storage, *messages)

            assert pages(storage) <= 0.5 * before
            assert get(storage, messages[0]).body is None

    def test_a_process_killed_while_it_migrates_changes_nothing(self, path: Path) -> None:
        new = a_new_message(a_message(LONG))
        make_older(path, new)

        run = subprocess.run([sys.executable, "-I", "-c", KILLED, str(path)], check=False)  # noqa: S603

        assert run.returncode == -signal.SIGKILL
        with pytest.raises(SchemaError, match="0012_documents is not applied"):
            SqliteStorage(path, migrate=False)
        with SqliteStorage(path) as storage:
            assert ids(claim(storage)) == ids([new])

    def test_a_worker_of_an_older_version_gets_an_error(self, path: Path) -> None:
        """It would otherwise find no document, and end the message as damaged."""
        make_older(path, a_new_message(a_message(SHORT)))
        with (
            closing(sqlite3.connect(path)) as older,
            SqliteStorage(path),
            pytest.raises(sqlite3.OperationalError, match="no such column"),
        ):
            older.execute("SELECT document, state FROM messaging_messages")
