"""What PostgreSQL cannot do is told as an error of ours, and over by itself when it can again."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import product
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.postgres.connections import Session
from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_core import Channel, Messenger, SendMessage, text, to
from messaging_core.errors import (
    CommitUnknownError,
    ConfigurationError,
    SchemaError,
    StorageBusyError,
    StorageConflictError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
)
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.ports.storage.repetition import repeated
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.testing import RecordingTransport, a_contact, a_message, a_new_message
from messaging_core.testing.contracts.storage.steps import AT, LEASE, add, claim, get, ids, walk
from postgres_server import PostgresServer, Schemas, postgres_binaries

SOON = timedelta(seconds=1)
ORDERS = Channel(name="orders", platform="sms", sender="Shop")
ERRORS = {
    "40001": StorageConflictError,
    "40P01": StorageConflictError,
    "23505": StorageConflictError,
    "55P03": StorageBusyError,
    "53100": StorageFullError,
}
REQUEST = SendMessage(receiver=to("+31612345678"), body=text("hi"))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer(postgres_binaries(), "fsync=off")
    try:
        server.start()
        PostgresStorage.migrate(server.dsn())
        yield server
    finally:
        server.remove()


@pytest.fixture
def dsn(postgres_schemas: Schemas) -> Iterator[str]:
    dsn = postgres_schemas.new()
    yield dsn
    postgres_schemas.drop(dsn)


@pytest.fixture
def storage(dsn: str) -> Iterator[PostgresStorage]:
    with PostgresStorage(dsn) as storage:
        yield storage


class TestServer:
    def test_after_a_crash_it_is_found_again(self, server: PostgresServer) -> None:
        new, other = a_new_message(), a_new_message()
        with PostgresStorage(server.dsn()) as storage:
            add(storage, new)
            server.crash()
            server.start()

            add(storage, other)

            assert [get(storage, new), get(storage, other)] == [new.message, other.message]

    def test_while_it_is_stopped_nothing_is_written_and_the_caller_told(
        self, server: PostgresServer
    ) -> None:
        with PostgresStorage(server.dsn(), busy_timeout=SOON) as storage:
            server.stop()
            try:
                with pytest.raises(StorageUnavailableError, match="look whether the server"):
                    add(storage, a_new_message())
                with pytest.raises(ConfigurationError, match="cannot be reached"):
                    PostgresStorage(server.dsn())
            finally:
                server.start()

            add(storage, new := a_new_message())
            assert get(storage, new) == new.message

    def test_a_backend_that_is_terminated_takes_its_transaction_along(
        self, storage: PostgresStorage, dsn: str
    ) -> None:
        new = a_new_message()

        def work() -> None:
            with storage.begin() as tx:
                tx.messages.add([new])
                terminate(dsn, pid_of(tx))
                tx.outbox.next_due()

        with pytest.raises(StorageUnavailableError, match="nothing was written"):
            work()

        assert get(storage, new) is None
        add(storage, new)
        assert get(storage, new) == new.message

    def test_a_standby_says_that_it_is_none_to_write_to(self, dsn: str) -> None:
        PostgresStorage.migrate(dsn)
        read_only = make_conninfo(
            dsn, options=f"{psycopg.conninfo.conninfo_to_dict(dsn)['options']}"
            " -c default_transaction_read_only=on",
        )  # fmt: skip
        with PostgresStorage(read_only, migrate=False) as storage:
            assert walk(storage) == []

            with pytest.raises(StorageUnavailableError, match="target_session_attrs"):
                add(storage, a_new_message())

    def test_all_connections_in_use_is_a_busy_storage(self, dsn: str) -> None:
        with (
            PostgresStorage(dsn, max_connections=1, busy_timeout=SOON) as storage,
            storage.begin(),
            pytest.raises(StorageBusyError, match="max_connections"),
        ):
            add(storage, a_new_message())

    def test_what_is_refused_names_no_password(self) -> None:
        with pytest.raises(ConfigurationError) as raised:
            PostgresStorage("postgresql://shop:secret@127.0.0.1:1/shop")

        assert "secret" not in str(raised.value)


CONFLICTS = """
CREATE SEQUENCE tries;
CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tries') <= {conflicts} THEN RAISE SQLSTATE '{state}'; END IF;
    RETURN new;
END $$;
CREATE TRIGGER conflicts BEFORE INSERT ON messaging_messages
    FOR EACH ROW EXECUTE FUNCTION conflict();
"""


class TestRepetitions:
    """A transaction that gives way again and again; no rollback resets a sequence."""

    @pytest.fixture
    def messenger(self, storage: PostgresStorage) -> Messenger:
        return Messenger(storage=storage, channels={ORDERS: RecordingTransport()})

    @pytest.mark.parametrize(
        ("state", "method"), [("40001", "send"), ("40P01", "send_many"), ("40001", "send_batch")]
    )
    def test_it_is_tried_five_times(
        self, messenger: Messenger, dsn: str, state: str, method: str
    ) -> None:
        requests = REQUEST if method == "send" else [REQUEST]
        conflict(dsn, CONFLICTS.format(conflicts=9, state=state))

        with pytest.raises(StorageConflictError, match="whole transaction may be repeated"):
            getattr(messenger, method)("orders", requests)
        tries = tries_of(dsn)
        getattr(messenger, method)("orders", requests)  # four conflicts, and then it works

        assert (tries, tries_of(dsn)) == (5, 10)
        assert len(messenger.find().results) == 1


def test_a_host_whose_snapshot_is_older_than_a_key_repeats_its_transaction(
    storage: PostgresStorage, dsn: str
) -> None:
    messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT 1")
        message = messenger.send("orders", REQUEST, idempotency_key="order-1")
        with pytest.raises(StorageConflictError, match="whole transaction may be repeated"):
            messenger.send("orders", REQUEST, idempotency_key="order-1", connection=connection)
        connection.rollback()
        again = messenger.send("orders", REQUEST, idempotency_key="order-1", connection=connection)

    assert again == message


def conflict(dsn: str, script: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(script)


def tries_of(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        return int(connection.execute("SELECT last_value FROM tries").fetchone()[0])  # type: ignore[index]


class TestConflicts:
    def test_a_deadlock_is_one_retryable_error_and_repeated(self, storage: PostgresStorage) -> None:
        for name in ("ada", "bob"):
            with storage.begin() as tx:
                tx.contacts.add([a_contact(name)])
        barrier, tries = threading.Barrier(2), list[str]()

        @repeated
        def both(first: str, second: str) -> None:
            with storage.begin() as tx:
                tries.append(first)
                tx.contacts.get(DEFAULT_WORKSPACE, first)
                if len(tries) <= 2:
                    barrier.wait(10)
                tx.contacts.get(DEFAULT_WORKSPACE, second)

        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(both, *names) for names in (("ada", "bob"), ("bob", "ada"))]:
                future.result()

        assert len(tries) > 2

    def test_a_name_that_another_took_meanwhile_is_a_conflict(
        self, storage: PostgresStorage
    ) -> None:
        with storage.begin() as tx:
            tx.contacts.add([a_contact("ada", "ada@x.example")])

        def again() -> None:
            with storage.begin() as tx:
                tx.contacts.add([a_contact("eve", "ada@x.example")])

        with pytest.raises(StorageConflictError) as raised:
            again()
        assert "ada@" not in str(raised.value)

    def test_a_statement_that_failed_is_not_committed_over(self, storage: PostgresStorage) -> None:
        def work() -> None:
            with storage.begin() as tx:
                tx.messages.add([a_new_message()])
                with pytest.raises(psycopg.Error):
                    tx.messages._cursor.native("SELECT 1 / 0").fetchone()

        with pytest.raises(StorageError, match="repeat all of it"):
            work()
        assert walk(storage) == []

    def test_the_error_of_the_block_comes_first(
        self, storage: PostgresStorage, caplog: pytest.LogCaptureFixture
    ) -> None:
        def work() -> None:
            with storage.begin() as tx:
                cursor_of(tx).native("SELECT 1 / 0")
                raise LookupError

        with pytest.raises(LookupError):
            work()
        assert caplog.records == []


class TestQueuedStatements:
    """An answer that is not read is read with the commit, and what it says is never lost."""

    @pytest.fixture(params=[True, False], ids=["pipeline", "libpq 13"], autouse=True)
    def _pipeline(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        if not request.param:
            monkeypatch.setattr(psycopg.Pipeline, "is_supported", lambda: False)

    def test_an_error_is_that_of_its_statement(self, storage: PostgresStorage) -> None:
        def work(state: str, *, reads: bool) -> None:
            with storage.begin() as tx:
                tx.messages.add([a_new_message()])
                native = cursor_of(tx).native
                native(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$")
                tx.contacts.add([a_contact("ada")])
                if reads:
                    native("SELECT 1").fetchone()

        for (state, error), reads in product(ERRORS.items(), (True, False)):
            with pytest.raises(error) as raised:
                work(state, reads=reads)
            assert type(raised.value) is error

        add(storage, new := a_new_message())  # the connection is of use again
        assert walk(storage) == [new.message.id]

    def test_a_statement_that_was_to_be_prepared_after_it_works_again(self, dsn: str) -> None:
        with PostgresStorage(dsn, max_connections=1) as storage:

            def look(times: int, *, fails: bool = False) -> None:
                with storage.begin() as tx:
                    if fails:
                        cursor_of(tx).native("SELECT 1 / 0")
                    cursor_of(tx).native(f"SELECT {times}").fetchone()

            # The driver prepares what was executed a few times.
            for times in range(8):
                with pytest.raises(StorageError, match="division by zero"):
                    look(times, fails=True)
                for _ in range(times):
                    look(times)
                with pytest.raises(StorageError, match="division by zero"):
                    look(times, fails=True)
                look(times)

    def test_how_many_rows_were_written_is_that_of_the_last_statement(
        self, storage: PostgresStorage
    ) -> None:
        with storage.begin() as tx:
            tx.contacts.add([a_contact("ada"), a_contact("bob")])
            cursor = cursor_of(tx)
            cursor.native("SELECT 1 UNION SELECT 2 UNION SELECT 3")
            delete = "DELETE FROM messaging_contacts WHERE workspace = $1"
            assert cursor.native(delete, (DEFAULT_WORKSPACE.bytes,)).rowcount == 2
            assert cursor.native("SELECT 1").fetchall() == [(1,)]

    def test_a_lost_server_at_the_commit_of_writes(
        self, storage: PostgresStorage, dsn: str
    ) -> None:
        def work() -> None:
            with storage.begin() as tx:
                pid = pid_of(tx)
                cursor_of(tx).native("SELECT pg_sleep(0)")
                terminate(dsn, pid)

        with pytest.raises(CommitUnknownError, match="all of it was written, or nothing"):
            work()
        assert walk(storage) == []


class TestLostCommit:
    @pytest.fixture(autouse=True)
    def _lost(self, storage: PostgresStorage, monkeypatch: pytest.MonkeyPatch) -> None:
        """Lose the answer to the first commit of a message."""
        self.storage = storage
        self.messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
        self.is_written = True
        self.losses = 1
        commit = Session.commit

        def lost(session: Session) -> None:
            if session.read_only or not self.losses:
                commit(session)
                return
            self.losses -= 1
            if self.is_written:
                commit(session)
            raise CommitUnknownError("lost")

        monkeypatch.setattr(Session, "commit", lost)

    @pytest.mark.parametrize("is_written", [True, False])
    def test_a_request_with_a_key_is_accepted_once(self, *, is_written: bool) -> None:
        self.is_written = is_written

        message = self.messenger.send(
            "orders", to="+31612345678", text="hi", idempotency_key="order-1"
        )

        assert walk(self.storage) == [message.id]

    @pytest.mark.parametrize("is_written", [True, False])
    def test_a_batch_with_a_key_is_accepted_once(self, *, is_written: bool) -> None:
        self.is_written = is_written

        batch = self.messenger.send_batch("orders", [REQUEST, REQUEST], idempotency_key="batch-1")

        assert sorted(walk(self.storage)) == sorted(message.id for message in batch.messages)

    def test_a_batch_without_a_key_raises(self) -> None:
        with pytest.raises(CommitUnknownError):
            self.messenger.send_batch("orders", [REQUEST, REQUEST])

        assert len(walk(self.storage)) == 2

    def test_a_batch_whose_second_commit_is_lost_too_raises(self) -> None:
        self.losses, self.is_written = 2, False

        with pytest.raises(CommitUnknownError):
            self.messenger.send_batch("orders", [REQUEST], idempotency_key="batch-1")

        assert walk(self.storage) == []

    def test_a_request_without_a_key_raises_and_says_what_is_unknown(self) -> None:
        with pytest.raises(CommitUnknownError):
            self.messenger.send("orders", to="+31612345678", text="hi")

        assert len(walk(self.storage)) == 1


class TestSchema:
    def test_what_migrations_make_passes_the_check(self, storage: PostgresStorage) -> None:
        storage.check_schema()

    def test_the_script_for_a_host_makes_the_same(self, dsn: str) -> None:
        with psycopg.connect(dsn) as connection:
            for statement in PostgresStorage.schema_statements():
                connection.execute(statement)
        with PostgresStorage(dsn, migrate=False) as storage:
            storage.check_schema()
            with psycopg.connect(dsn) as connection:
                storage.check_schema(connection)

    def test_a_host_migrates_in_its_own_transaction(self, dsn: str) -> None:
        with psycopg.connect(dsn) as connection:
            PostgresStorage.migrate(connection)
            connection.rollback()
        with pytest.raises(SchemaError, match=r"0014_tables is not applied(.|\n)*migrate\(\)"):
            PostgresStorage(dsn, migrate=False)

    def test_a_missing_index_and_another_column_are_named(
        self, storage: PostgresStorage, dsn: str
    ) -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute("DROP INDEX messaging_outbox_due")
            connection.execute("ALTER TABLE messaging_outbox ALTER fence TYPE int")
        with pytest.raises(SchemaError) as raised:
            storage.check_schema()

        assert raised.value.problems == (
            "column messaging_outbox.fence is defined differently",
            "index messaging_outbox_due is missing",
        )

    def test_tables_of_a_newer_version_are_refused(self, dsn: str) -> None:
        PostgresStorage.migrate(dsn)
        with psycopg.connect(dsn) as connection:
            connection.execute("INSERT INTO messaging_migrations (name) VALUES ('9999_later')")
        with pytest.raises(SchemaError, match="newer version"):
            PostgresStorage(dsn)

    def test_missing_tables_are_a_schema_error(self, storage: PostgresStorage, dsn: str) -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute("DROP TABLE messaging_outbox")
        with pytest.raises(SchemaError, match="search_path"):
            claim(storage)

    def test_processes_that_migrate_at_once_all_find_the_tables(self, dsn: str) -> None:
        with ThreadPoolExecutor(4) as pool:
            for future in [pool.submit(PostgresStorage.migrate, dsn) for _ in range(4)]:
                future.result()
        with PostgresStorage(dsn, migrate=False) as storage:
            storage.check_schema()


class TestStorage:
    def test_nul_and_what_escapes_it_come_back_in_their_order(
        self, storage: PostgresStorage
    ) -> None:
        names = ["a", "a\0", "a\0b", "a\1", "a\1\0", "a\2", "b"]
        with storage.begin() as tx:
            tx.contacts.add([a_contact(name) for name in reversed(names)])

        with storage.begin(read_only=True) as tx:
            contacts = [tx.contacts.get(DEFAULT_WORKSPACE, name) for name in names]
        assert [contact.id for contact in contacts if contact] == names
        add(storage, new := a_new_message(a_message(tags=("x\0y",))))
        assert walk(storage, tag="x\0y") == [new.message.id]

    def test_a_forked_child_opens_connections_of_its_own(self, storage: PostgresStorage) -> None:
        add(storage, first := a_new_message())
        second = a_new_message()

        child = os.fork()
        if child == 0:
            code = 1
            try:
                add(storage, second)
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        add(storage, third := a_new_message())

        assert status == 0
        assert sorted(walk(storage)) == sorted(ids([first, second, third]))

    def test_it_is_closed_once_and_for_all(self, storage: PostgresStorage) -> None:
        storage.close()
        storage.close()

        with pytest.raises(StorageError, match="make a new one"):
            add(storage, a_new_message())

    def test_positions_differ_between_transactions_that_do_not_see_each_other(
        self, storage: PostgresStorage
    ) -> None:
        messages = [a_new_message() for _ in range(40)]
        with storage.begin() as first, storage.begin() as second:
            for place, new in enumerate(messages):
                (first if place % 2 else second).messages.add([new])

        assert sorted(walk(storage)) == sorted(ids(messages))
        assert claim(storage, lease=LEASE, now=AT) != []
        assert UUID(int=0) not in walk(storage)


def cursor_of(tx: Transaction) -> PostgresCursor:
    cursor: PostgresCursor = tx.messages._cursor  # type: ignore[attr-defined]
    return cursor


def pid_of(tx: Transaction) -> int:
    (pid,) = cursor_of(tx).native("SELECT pg_backend_pid()").fetchone()
    return int(pid)


def terminate(dsn: str, pid: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
