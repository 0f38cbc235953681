"""A move that is killed goes on when it is run again, and a wrong one is refused."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

import transfer_kills
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.transfer import export_storage, import_storage
from messaging_adapters.storage.transfer.export import Advance
from messaging_adapters.storage.transfer.session import opened
from messaging_adapters.storage.transfer.tables import ACTED_UPON, TABLES
from messaging_core.errors import ConfigurationError, StorageBusyError, StorageError
from messaging_core.models.delivery.worker_state import WorkerState
from messaging_core.testing import a_new_message
from messaging_core.testing.contracts.storage.steps import AT
from postgres_server import Schemas
from transfer_databases import Make, contents, fill

WORKER = WorkerState(id=UUID(int=1), host="db1", process=77, version="1", started_at=AT, seen_at=AT)


@contextmanager
def interrupted(total: int) -> Iterator[Advance]:  # noqa: ARG001 - as Progress has it
    """Interrupt a move after its twentieth step."""
    steps = 0

    def advance(number: int) -> None:  # noqa: ARG001 - as Advance has it
        nonlocal steps
        steps += 1
        if steps == 20:
            raise KeyboardInterrupt

    yield advance


def test_killed_at_random_points_it_goes_on(tmp_path: Path, postgres_schemas: Schemas) -> None:
    source, file, dsn = tmp_path / "a.db", tmp_path / "moved.export", postgres_schemas.take()
    with SqliteStorage(source) as storage:
        fill(storage)
        before = contents(storage)

    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, transfer_kills.__file__, source, file, dsn, "16"],
        check=True,
        capture_output=True,
        text=True,
    )

    exports, imports = map(int, done.stdout.split())
    assert exports
    assert imports
    with PostgresStorage(dsn) as target:
        assert contents(target) == before
        with target.begin() as tx:
            assert tx.timeline.last_position() == before["messaging_facts"]["last_event"]
    postgres_schemas.give_back(dsn)


def test_an_export_of_a_database_that_has_changed_meanwhile_is_refused(
    make: Make, tmp_path: Path
) -> None:
    storage, file = make(), tmp_path / "x.export"
    fill(storage)
    with pytest.raises(KeyboardInterrupt):
        export_storage(storage, file, now=AT, progress=interrupted)
    with storage.begin() as tx:
        tx.messages.add([a_new_message()])

    with pytest.raises(StorageError, match="has changed since the export"):
        export_storage(storage, file, now=AT)


def test_an_export_notices_what_was_replaced_in_place(make: Make, tmp_path: Path) -> None:
    storage, file = make(), tmp_path / "x.export"
    fill(storage)
    with pytest.raises(KeyboardInterrupt):
        export_storage(storage, file, now=AT, progress=interrupted)
    contacts = "UPDATE messaging_contacts SET document = {} WHERE document = {}"
    with opened(storage) as session:
        (first, *_) = session._cursor.execute("SELECT document FROM messaging_contacts").fetchall()
        session._cursor.execute(contacts.format("'{}'", "?"), first)

    with pytest.raises(StorageError, match="has changed since the export"):
        export_storage(storage, file, now=AT)

    with opened(storage) as session:
        session._cursor.execute(contacts.format("?", "'{}'"), first)
    export_storage(storage, file, now=AT)


def test_nothing_else_writes_while_it_exports(tmp_path: Path, postgres_schemas: Schemas) -> None:
    dsn, path = postgres_schemas.take(), tmp_path / "a.db"
    with (
        SqliteStorage(path) as file,
        SqliteStorage(path, busy_timeout=timedelta(0)) as other,
        PostgresStorage(dsn) as server,
        closing(psycopg.connect(dsn)) as connection,
    ):
        connection.execute("SET lock_timeout = 1")
        connection.commit()

        @contextmanager
        def writing(total: int) -> Iterator[Advance]:  # noqa: ARG001 - as Progress has it
            begin = server.begin(connection) if storage is server else other.begin()
            with pytest.raises(StorageBusyError), begin as tx:
                tx.messages.add([a_new_message()])
            yield lambda _: None

        for storage in (file, server):
            target = tmp_path / f"{type(storage).__name__}.export"
            assert export_storage(storage, target, now=AT, progress=writing) == 0
    postgres_schemas.give_back(dsn)


def test_an_import_into_a_database_that_is_not_empty_is_refused(
    make: Make, sqlite: Make, tmp_path: Path
) -> None:
    file, other_file = tmp_path / "1.export", tmp_path / "2.export"
    export_storage(full := sqlite(), file, now=AT)
    fill(full)
    export_storage(full, other_file, now=AT)

    used = make()
    with used.begin() as tx:
        tx.messages.add([a_new_message()])
    with pytest.raises(StorageError, match="not empty: messaging_messages has rows"):
        import_storage(used, file, now=AT)

    begun = make()
    with pytest.raises(KeyboardInterrupt):
        import_storage(begun, other_file, now=AT, progress=interrupted)
    with pytest.raises(StorageError, match="import of another file has begun"):
        import_storage(begun, file, now=AT)
    import_storage(begun, other_file, now=AT)
    assert contents(begun) == contents(full)


def test_what_something_else_writes_into_the_new_database_is_noticed(
    make: Make, sqlite: Make, tmp_path: Path
) -> None:
    file, full, target = tmp_path / "x.export", sqlite(), make()
    fill(full)
    export_storage(full, file, now=AT)
    with pytest.raises(KeyboardInterrupt):
        import_storage(target, file, now=AT, progress=interrupted)
    with target.begin() as tx:
        tx.messages.add([a_new_message()])

    with pytest.raises(StorageError, match=r"has 8 rows and should have 7"):
        import_storage(target, file, now=AT)


def test_a_running_worker_is_refused(make: Make, sqlite: Make, tmp_path: Path) -> None:
    storage, file = make(), tmp_path / "x.export"
    export_storage(sqlite(), tmp_path / "empty.export", now=AT)
    with storage.begin() as tx:
        tx.workers.save(WORKER)

    with pytest.raises(StorageError, match=r"worker is running on db1 \(process 77\)"):
        export_storage(storage, file, now=AT + timedelta(seconds=5))
    with pytest.raises(StorageError, match="stop all workers"):
        import_storage(storage, tmp_path / "empty.export", now=AT + timedelta(seconds=5))
    export_storage(storage, file, now=AT + timedelta(minutes=5))


def test_what_a_worker_sends_is_imported_all_at_once(
    make: Make, sqlite: Make, tmp_path: Path
) -> None:
    file, full, target = tmp_path / "x.export", sqlite(), make()
    fill(full)
    total = export_storage(full, file, now=AT)

    @contextmanager
    def interrupted_at_the_end(_: int) -> Iterator[Advance]:
        done = 0

        def advance(number: int) -> None:
            nonlocal done
            done += number
            if done == total:
                raise KeyboardInterrupt

        yield advance

    with pytest.raises(KeyboardInterrupt):
        import_storage(target, file, now=AT, progress=interrupted_at_the_end)

    begun = contents(target)
    assert not begun["messaging_outbox"]
    assert not begun["messaging_webhook_queue"]
    assert begun["messaging_messages"]
    import_storage(target, file, now=AT)
    assert contents(target) == contents(full)


@pytest.mark.parametrize("steps", [3, len(TABLES) - ACTED_UPON])
def test_a_worker_that_begins_during_an_import_is_refused(
    make: Make, sqlite: Make, tmp_path: Path, steps: int
) -> None:
    file, full, target = tmp_path / "x.export", sqlite(), make()
    fill(full)
    export_storage(full, file, now=AT)

    @contextmanager
    def with_a_worker(_: int) -> Iterator[Advance]:
        done: list[int] = []

        def advance(number: int) -> None:
            done.append(number)
            if len(done) == 1 + steps:
                with target.begin() as tx:
                    tx.workers.save(WORKER)

        yield advance

    with pytest.raises(StorageError, match="stop all workers"):
        import_storage(target, file, now=AT, progress=with_a_worker)

    assert not contents(target)["messaging_outbox"]
    import_storage(target, file, now=AT + timedelta(minutes=5))
    assert contents(target) == contents(full)


def test_a_file_that_is_no_complete_export_of_this_version_is_refused(
    sqlite: Make, tmp_path: Path
) -> None:
    storage, file = sqlite(), tmp_path / "x.export"
    with pytest.raises(StorageError, match="there is no file"):
        import_storage(storage, file, now=AT)
    fill(storage)
    with pytest.raises(KeyboardInterrupt):
        export_storage(storage, file, now=AT, progress=interrupted)
    with pytest.raises(StorageError, match="not complete: run the export again"):
        import_storage(sqlite(), file, now=AT)
    export_storage(storage, file, now=AT)
    with pytest.raises(StorageError, match="complete export already"):
        export_storage(storage, file, now=AT)

    other = tmp_path / "other.db"
    SqliteStorage(other).close()
    for wrong in (export_storage, import_storage):
        with pytest.raises(StorageError, match="is no export"):
            wrong(storage, other, now=AT)
    (text := tmp_path / "text").write_text("x" * 5000)
    with pytest.raises(StorageError, match="cannot be used as an export"):
        import_storage(storage, text, now=AT)

    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE export SET value = '0001_messages' WHERE key = 'schema'")
        connection.commit()
    with pytest.raises(StorageError, match="another version of this library"):
        import_storage(sqlite(), file, now=AT)


def test_only_two_storages_can_be_moved(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not MemoryStorage"):
        export_storage(MemoryStorage(), tmp_path / "x.export", now=AT)
