"""SQLite keeps the contract of durable storages, and its own promises about files and locks."""

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import hypothesis
import pytest
from attrs import evolve
from sqlite_utils import Database

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage, wal_is_safe
from messaging_adapters.storage.sqlite.connection.opening import choose_journal_mode
from messaging_adapters.storage.sqlite.schema.migrations import migrations
from messaging_core.errors import (
    ConfigurationError,
    SchemaError,
    StorageBusyError,
    StorageError,
    StorageFullError,
)
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.delivery.receipt import ReceiptState
from messaging_core.models.messages.message import Direction, Part, Status
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.testing import (
    DurableStorageContract,
    StorageContract,
    a_message,
    a_new_message,
    a_settlement,
    a_subject,
    an_event,
)
from messaging_core.testing.builders import a_kept_receipt
from messaging_core.testing.contracts.storage.steps import (
    AT,
    add,
    cancel,
    claim,
    delivery,
    get,
    ids,
    next_due,
    page,
    reschedule,
    settle,
    walk,
)
from messaging_core.testing.contracts.storage_machine import StorageMachine

SOON = timedelta(milliseconds=50)
NIGHTLY = hypothesis.settings().max_examples > 1_000  # see the profiles in tests/conftest.py


class Folder:
    """Opens storages in a folder of the test's own, and closes them after it."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> Iterator[None]:
        self.folder = tmp_path
        self.numbers = count()
        self.opened: list[SqliteStorage | sqlite3.Connection] = []
        yield
        for storage in self.opened:
            storage.close()

    def open(self, path: Path | None = None, **options: Any) -> SqliteStorage:
        storage = SqliteStorage(path or self.folder / f"{next(self.numbers)}.db", **options)
        self.opened.append(storage)
        return storage

    def connect(self, storage: Storage, **options: Any) -> sqlite3.Connection:
        connection = sqlite3.connect(path_of(storage), **options)
        self.opened.append(connection)
        return connection


class TestSqliteStorage(Folder, DurableStorageContract):
    def make_storage(self) -> Storage:
        return self.open()

    def make_frugal_storage(self) -> Storage:
        return self.open(scan_budget=0)

    def open_again(self, storage: Storage) -> Storage:
        return self.open(path_of(storage))

    def reopen(self, storage: Storage) -> Storage:
        assert isinstance(storage, SqliteStorage)
        storage.close()
        return self.open_again(storage)

    def make_connection(self, storage: Storage) -> sqlite3.Connection:
        return self.connect(storage)


class TestExclusiveSqliteStorage(Folder, StorageContract):
    def make_storage(self) -> Storage:
        return self.open(exclusive=True)


class TestPysqlite3Storage(Folder, DurableStorageContract):
    """The same through another module, with a newer SQLite, in WAL mode."""

    @pytest.fixture(autouse=True)
    def _driver(self) -> None:
        self.driver = pytest.importorskip(
            "pysqlite3", reason="pysqlite3 has no wheel for this machine"
        )

    def make_storage(self) -> Storage:
        return self.open(driver=self.driver)

    def make_frugal_storage(self) -> Storage:
        return self.open(driver=self.driver, scan_budget=0)

    def open_again(self, storage: Storage) -> Storage:
        return self.open(path_of(storage), driver=self.driver)

    def reopen(self, storage: Storage) -> Storage:
        assert isinstance(storage, SqliteStorage)
        storage.close()
        return self.open_again(storage)

    def make_connection(self, storage: Storage) -> Any:
        connection = self.driver.connect(path_of(storage))
        self.opened.append(connection)
        return connection


class SqliteMachine(StorageMachine):
    def make_model(self) -> Storage:
        return MemoryStorage()

    def make_storage(self) -> Storage:
        return SqliteStorage(":memory:", scan_budget=2)

    def teardown(self) -> None:
        assert isinstance(self.storage, SqliteStorage)
        self.storage.close()


class TestSqliteAgreesWithMemory(SqliteMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = hypothesis.settings(
        max_examples=1_000 if NIGHTLY else 20, stateful_step_count=50 if NIGHTLY else 25
    )


class TestFiles(Folder):
    def test_one_that_cannot_be_opened_is_a_configuration_error(self) -> None:
        (self.folder / "file").write_text("not a folder")
        for path in (
            self.folder / "missing" / "messages.db",
            self.folder / "file" / "messages.db",
            self.folder,
        ):
            with pytest.raises(ConfigurationError) as raised:
                SqliteStorage(path)
            assert str(path) in str(raised.value)

    def test_one_that_is_no_database_is_a_configuration_error_and_left_alone(self) -> None:
        path = self.folder / "notes.txt"
        path.write_text("dear diary, " * 200)

        with pytest.raises(ConfigurationError, match="not a database"):
            SqliteStorage(path)

        assert path.read_text() == "dear diary, " * 200

    def test_every_commit_is_synced_to_disk(self) -> None:
        for options in ({}, {"exclusive": True}):
            storage = self.open(**options)

            (synchronous,) = storage._connection.execute("PRAGMA synchronous").fetchone()

            assert synchronous == 2

    def test_the_journal_mode_follows_the_version(self) -> None:
        shared, exclusive = self.open(), self.open(exclusive=True)

        assert journal_mode(exclusive) == "wal"
        is_safe = wal_is_safe(sqlite3.sqlite_version_info[:3])
        assert journal_mode(shared) == ("wal" if is_safe else "truncate")

    def test_the_journal_mode_can_be_chosen_and_is_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "messaging_adapters.storage.sqlite")
        choices: list[tuple[Any, bool]] = [("TRUNCATE", True), ("DELETE", False), ("WAL", True)]

        storages = [self.open(journal_mode=mode, exclusive=alone) for mode, alone in choices]

        assert [journal_mode(storage) for storage in storages] == ["truncate", "delete", "wal"]
        for storage, message in zip(storages, caplog.messages, strict=True):
            assert f"{storage.path}: SQLite {sqlite3.sqlite_version}, " in message
            assert f"journal mode {journal_mode(storage)}, synchronous FULL" in message

    def test_an_exclusive_file_can_be_shared_later(self) -> None:
        storage, new = self.open(exclusive=True), a_new_message()
        add(storage, new)
        storage.close()

        listed = walk(self.open(path_of(storage)))

        assert listed == ids([new])

    def test_a_closed_storage_says_so(self) -> None:
        with self.open() as storage:
            pass

        with pytest.raises(StorageError, match="closed"):
            walk(storage)

    def test_memory_is_a_file_too(self) -> None:
        with SqliteStorage(":memory:") as storage:
            add(storage, a_new_message())

            assert len(walk(storage)) == 1

    def test_migrations_run_once_when_many_open_a_new_file(self) -> None:
        path = self.folder / "new.db"

        storages = self.open_at_once(path, 8)

        applied = storages[0]._connection.execute("SELECT name FROM _sqlite_migrations").fetchall()
        with Database(memory=True) as empty:
            assert applied == [(migration.name,) for migration in migrations.pending(empty)]
        assert len({walk(storage) == [] for storage in storages}) == 1

    def test_what_waited_before_workspaces_shared_a_lane_is_given_out(self) -> None:
        newer, path = self.open(), self.folder / "older.db"
        older = sqlite3.connect(path)
        migrations.apply(Database(older), stop_before="0002_fairness")
        messages = [a_new_message(workspace=UUID(int=number)) for number in (7, 3, 7)]
        add(newer, *messages)
        columns = [row[1] for row in older.execute("PRAGMA table_info(messaging_messages)")]
        copied = ", ".join(columns).replace("document", "inline_document")
        older.execute("ATTACH ? AS newer", (newer.path,))
        older.executescript(
            f"INSERT INTO messaging_messages SELECT {copied}"  # noqa: S608
            " FROM newer.messaging_messages;"
            "INSERT INTO messaging_outbox (position, lane, due_at, expires_at)"
            " SELECT position, lane, due_at, expires_at FROM newer.messaging_outbox;"
        )

        older.close()

        claimed = claim(self.open(path))

        assert [(claim.workspace, claim.message.id) for claim in claimed] == [
            (new.workspace, new.message.id) for new in messages
        ]

    def test_what_waited_before_channels_had_places_is_given_out_by_its_channel(self) -> None:
        newer, path = self.open(), self.folder / "older.db"
        older = sqlite3.connect(path)
        migrations.apply(Database(older), stop_before="0011_bulkheads")
        slow, fast = UUID(int=5), UUID(int=6)
        messages = [
            a_new_message(evolve(a_message(), channel_id=channel)) for channel in (slow, fast, fast)
        ]
        add(newer, *messages)
        older.execute("ATTACH ? AS newer", (newer.path,))
        older.executescript(
            "INSERT INTO messaging_messages SELECT * FROM newer.messaging_messages;"
            "INSERT INTO messaging_outbox (position, workspace, lane, due_at, expires_at, crashes)"
            " SELECT position, workspace, lane, due_at, expires_at, position % 2"
            " FROM newer.messaging_outbox;"
        )
        older.close()
        storage = self.open(path)

        first = [claim(storage, places={slow: 0, fast: 1}, limit=1) for _ in range(2)]
        last = claim(storage, places={slow: 0}), claim(storage, places={slow: 1, fast: 0})

        assert sorted(claim.message.id for some in first for claim in some) == sorted(
            ids(messages[1:])
        )
        assert (last[0], ids(last[1])) == ([], ids(messages[:1]))

    def test_many_may_open_a_file_whose_journal_mode_is_to_be_changed(self) -> None:
        for mode in ("WAL", "DELETE"):
            path = self.folder / f"{mode}.db"
            other = sqlite3.connect(path)
            other.execute(f"PRAGMA journal_mode = {mode}")
            other.execute("CREATE TABLE hosts_own (id INTEGER)")
            other.close()

            storages = self.open_at_once(path, 4)

            assert len({journal_mode(storage) for storage in storages}) == 1

    def open_at_once(self, path: Path, number: int) -> list[SqliteStorage]:
        barrier = threading.Barrier(number)

        def open_one(_: int) -> SqliteStorage:
            barrier.wait()
            return self.open(path)

        with ThreadPoolExecutor(number) as pool:
            return list(pool.map(open_one, range(number)))

    def test_a_full_disk_loses_one_transaction_and_nothing_else(self) -> None:
        storage, message = self.open(), a_new_message()
        add(storage, message)
        (pages,) = storage._connection.execute("PRAGMA page_count").fetchone()
        storage._connection.execute(f"PRAGMA max_page_count = {pages + 2}")

        with pytest.raises(StorageFullError, match="full"):
            add(storage, a_new_message(a_message("x" * 100_000)))

        assert walk(storage) == ids([message])
        assert ids(claim(storage)) == ids([message])


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [
        ((3, 38, 0), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 0), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), False),
        ((3, 52, 1), True),
        ((3, 53, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_wal_is_used_where_its_bug_is_fixed(version: tuple[int, int, int], is_safe: bool) -> None:  # noqa: FBT001 - the expectation
    assert wal_is_safe(version) is is_safe


def test_wal_is_refused_where_it_can_corrupt_the_file() -> None:
    with pytest.raises(ConfigurationError, match=r"3\.40\.1 can corrupt"):
        choose_journal_mode("WAL", (3, 40, 1), exclusive=False)

    assert choose_journal_mode("WAL", (3, 40, 1), exclusive=True) == "WAL"
    assert choose_journal_mode("WAL", (3, 51, 3), exclusive=False) == "WAL"
    assert choose_journal_mode("DELETE", (3, 51, 3), exclusive=False) == "DELETE"
    assert choose_journal_mode(None, (3, 40, 1), exclusive=False) == "TRUNCATE"


class TestLocks(Folder):
    def test_no_other_opens_a_file_that_is_held_exclusively(self) -> None:
        held = self.open(exclusive=True)
        add(held, a_new_message())

        for exclusive in (False, True):
            with pytest.raises(StorageBusyError, match="exclusively") as raised:
                self.open(path_of(held), exclusive=exclusive, busy_timeout=SOON)
            assert held.path in str(raised.value)

        assert len(walk(held)) == 1

    def test_a_writer_that_holds_on_is_an_error_in_time_and_nothing_is_written(self) -> None:
        storage = self.open(busy_timeout=SOON)
        foreign = self.connect(storage, isolation_level=None)
        foreign.execute("BEGIN IMMEDIATE")
        began = monotonic()

        with pytest.raises(StorageBusyError):
            add(storage, a_new_message())

        assert monotonic() - began < 2
        assert walk(storage) == []
        foreign.execute("ROLLBACK")
        add(storage, a_new_message())
        assert len(walk(storage)) == 1

    def test_a_writer_that_lets_go_in_time_is_waited_for(self) -> None:
        storage = self.open()
        foreign = self.connect(storage, isolation_level=None, check_same_thread=False)
        foreign.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.1, lambda: foreign.execute("ROLLBACK"))
        release.start()

        add(storage, a_new_message())

        release.join()
        assert len(walk(storage)) == 1

    def test_a_foreign_reader_delays_a_commit_or_fails_it_whole(self) -> None:
        storage, new = self.open(busy_timeout=SOON), a_new_message()
        foreign = self.connect(storage, isolation_level=None)
        foreign.execute("BEGIN")
        foreign.execute("SELECT count(*) FROM messaging_messages").fetchone()

        if journal_mode(storage) == "wal":
            add(storage, new)
        else:
            with pytest.raises(StorageBusyError):
                add(storage, new)

        foreign.execute("COMMIT")
        assert walk(storage) == (ids([new]) if journal_mode(storage) == "wal" else [])
        assert settle(storage, *map(a_settlement, claim(storage))) == [True] * len(walk(storage))

    def test_another_thread_that_holds_on_is_an_error_in_time(self) -> None:
        storage = self.open(busy_timeout=SOON)

        with storage.begin(), ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(add, storage, a_new_message())
            assert isinstance(waiting.exception(10), StorageBusyError)

        assert walk(storage) == []

    def test_several_processes_lose_nothing_and_do_nothing_twice(self) -> None:
        storage = self.open()
        processes = [
            subprocess.Popen(  # noqa: S603 - our own interpreter and our own program
                [sys.executable, "-c", SEND_AND_CLAIM, storage.path],
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
        answers = [json.loads(process.communicate(timeout=50)[0]) for process in processes]

        sent = [message_id for answer in answers for message_id in answer["sent"]]
        claimed = [message_id for answer in answers for message_id in answer["claimed"]]
        rest = [str(message_id) for message_id in ids(claim(storage, limit=1000))]
        assert len(sent) == 120
        assert sorted(claimed + rest) == sorted(sent)
        listed = [str(message_id) for message_id in walk(storage, limit=50, reverse=True)]
        assert sorted(listed) == sorted(sent)
        for answer in answers:
            assert [
                message_id for message_id in listed if message_id in set(answer["sent"])
            ] == answer["sent"]


SEND_AND_CLAIM = """
import json, sys
from datetime import timedelta
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.testing import a_new_message, a_settlement
from messaging_core.testing.contracts.storage.steps import add, claim, ids, settle

sent, claimed = [], []
with SqliteStorage(sys.argv[1], busy_timeout=timedelta(seconds=30)) as storage:
    for _ in range(40):
        new = a_new_message()
        add(storage, new)
        sent += ids([new])
        claims = claim(storage, limit=2)
        assert all(settle(storage, *map(a_settlement, claims)))
        claimed += ids(claims)
print(json.dumps({"sent": list(map(str, sent)), "claimed": list(map(str, claimed))}))
"""


class TestHostConnections(Folder):
    @pytest.mark.parametrize("isolation_level", ["", "DEFERRED", "IMMEDIATE", "EXCLUSIVE"])
    def test_a_transaction_is_begun_where_the_host_has_none(self, isolation_level: str) -> None:
        storage, first, lost = self.open(), a_new_message(), a_new_message()
        connection = self.connect(storage, isolation_level=isolation_level)

        self.add_through(storage, connection, first)
        connection.commit()
        self.add_through(storage, connection, lost)
        connection.rollback()

        assert walk(storage) == ids([first])

    def test_a_transaction_that_the_host_began_is_joined(self) -> None:
        for isolation_level in ("", None):
            storage, first, lost = self.open(), a_new_message(), a_new_message()
            connection = self.connect(storage, isolation_level=isolation_level)

            for end, new in (("COMMIT", first), ("ROLLBACK", lost)):
                connection.execute("BEGIN")
                self.add_through(storage, connection, new)
                assert connection.in_transaction
                connection.execute(end)

            assert walk(storage) == ids([first])

    def test_what_the_host_wrote_stands_and_falls_with_the_message(self) -> None:
        storage, new = self.open(), a_new_message()
        connection = self.connect(storage)
        connection.execute("CREATE TABLE orders (id INTEGER)")
        connection.commit()

        connection.execute("INSERT INTO orders VALUES (1)")
        self.add_through(storage, connection, new)
        connection.rollback()

        assert connection.execute("SELECT * FROM orders").fetchall() == []
        assert get(storage, new) is None

    @pytest.mark.parametrize("row_factory", [sqlite3.Row, lambda _, row: {"row": row}])
    def test_the_hosts_row_factory_is_not_in_the_way_and_stays(self, row_factory: Any) -> None:
        storage = self.open()
        connection = self.connect(storage)
        connection.row_factory = row_factory

        self.add_through(storage, connection, a_new_message(a_message(tags=("a",)), key="k"))
        with storage.begin(connection) as tx:
            claims = tx.outbox.claim(now=AT, lease=timedelta(minutes=1), limit=5)
            valid = tx.outbox.settle([a_settlement(claim) for claim in claims])
        connection.commit()

        assert valid == [True]
        assert connection.row_factory is row_factory

    def test_a_connection_that_commits_by_itself_is_refused(self) -> None:
        storage = self.open()
        connection = self.connect(storage, isolation_level=None)

        with (
            pytest.raises(ConfigurationError, match="begin a transaction"),
            storage.begin(connection),
        ):
            pass

        assert not connection.in_transaction

    def test_what_is_no_connection_is_refused(self) -> None:
        storage = self.open()

        with pytest.raises(ConfigurationError, match="not str"), storage.begin("messages.db"):
            pass

    def test_a_database_without_our_tables_says_how_to_make_them(self) -> None:
        storage, elsewhere = self.open(), sqlite3.connect(":memory:")
        self.opened.append(elsewhere)

        with pytest.raises(SchemaError, match=r"no such table: messaging_\w+\n.*migrate"):
            self.add_through(storage, elsewhere, a_new_message())

    def test_a_writer_in_the_way_of_the_host_is_an_error_in_time(self) -> None:
        storage = self.open()
        holder = self.connect(storage, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        for isolation_level in ("", None):
            host = self.connect(storage, isolation_level=isolation_level, timeout=0.05)
            if isolation_level is None:
                host.execute("BEGIN")

            with pytest.raises(StorageBusyError):
                self.add_through(storage, host, a_new_message())

            host.rollback()

        holder.execute("ROLLBACK")
        assert walk(storage) == []

    def test_the_storage_goes_on_while_a_host_makes_up_its_mind(self) -> None:
        storage = self.open(busy_timeout=SOON)
        connection = self.connect(storage)
        self.add_through(storage, connection, a_new_message())

        listed = walk(storage)
        with pytest.raises(StorageBusyError):
            add(storage, a_new_message())
        connection.commit()

        assert listed == []
        assert len(walk(storage)) == 1

    def add_through(
        self, storage: SqliteStorage, connection: sqlite3.Connection, new: NewMessage
    ) -> None:
        with storage.begin(connection) as tx:
            tx.messages.add([new])


class TestOrder(Folder):
    def test_positions_grow_although_the_clock_steps_back(self) -> None:
        storage = self.open()
        times = [AT, AT - timedelta(days=40), AT + timedelta(days=1), AT - timedelta(days=1), AT]
        for at in times:
            add(storage, a_new_message(a_message(at=at)))

        by_position = "SELECT position, created_at FROM messaging_messages ORDER BY rowid"
        rows = storage._connection.execute(by_position).fetchall()

        micros = [
            (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for at in times
        ]
        assert [created_at for _, created_at in rows] == micros
        assert all(position >> 15 >= created_at // 1000 for position, created_at in rows)

    def test_a_period_is_right_however_far_the_clock_was_off(self) -> None:
        storage = self.open()
        future = datetime(9999, 12, 31, tzinfo=UTC)
        late, early = (a_new_message(a_message(at=at)) for at in (future, AT))
        ancient = a_new_message(a_message(at=datetime(1, 1, 1, tzinfo=UTC)))
        add(storage, late, early)
        add(storage, ancient)

        assert walk(storage, end_at=datetime.max.replace(tzinfo=UTC)) == ids([ancient, early, late])
        assert walk(storage, end_at=AT + timedelta(days=1)) == ids([ancient, early])
        assert walk(storage, start_at=AT) == ids([early, late])
        assert walk(storage, start_at=datetime.min.replace(tzinfo=UTC), end_at=AT) == ids([ancient])

    def test_more_messages_in_a_millisecond_than_there_are_places_keep_their_order(self) -> None:
        storage, batch = self.open(), 40
        last = a_new_message()
        add(storage, last)
        (position,) = storage._connection.execute(
            "SELECT max(position) FROM messaging_messages"
        ).fetchone()
        # As if this millisecond were almost full.
        storage._connection.execute(
            "UPDATE messaging_messages SET position = ?", (position | (1 << 15) - batch // 2,)
        )
        messages = [a_new_message() for _ in range(batch)]

        add(storage, *messages)

        assert walk(storage, limit=9, reverse=True) == ids([last, *messages])
        assert walk(storage, end_at=AT + timedelta(milliseconds=1), limit=100, reverse=True) == ids(
            [last, *messages]
        )


INDEXES = {
    "messaging_messages USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)": {},
    "sqlite_autoindex_messaging_messages_1": {"id": [UUID(int=1), UUID(int=2)]},
    "messaging_messages_status": {"status": ["sent", "accepted"]},
    "messaging_outbox USING INTEGER PRIMARY KEY": {"status": ["accepted", "processing"]},
    "messaging_messages_channel": {"channel_id": UUID(int=1)},
    "INDEX messaging_messages_channel": {"platform": ["sms", "email"]},
    "messaging_messages_channel (workspace=?": {"sender": "+31600000001"},
    "messaging_messages_incoming": {"direction": Direction.INCOMING},
    "messaging_messages_country": {"country_code": ["NL", "BE"]},
    "messaging_messages_reference": {"reference": "r"},
    "messaging_messages_batch": {"batch_id": UUID(int=1)},
    "messaging_messages_navigator": {"navigator_id": UUID(int=1)},
    "messaging_messages_failure": {"failure_code": 15001},
    "messaging_messages_source_code": {"failure_source_code": "421"},
    "messaging_messages_source_name": {"failure_source_name": "smtp"},
    "messaging_tags USING PRIMARY KEY": {"tag": ["a", "b"]},
    "messaging_people USING PRIMARY KEY": {"receiver": "+31612345678"},
    "messaging_subjects_fts VIRTUAL TABLE INDEX": {"email_subject": "winter"},
}
"""The index that each filter is to be walked by."""


class TestWhatCannotBeRead(Folder):
    @pytest.mark.parametrize(
        "damage",
        [
            "UPDATE messaging_messages SET state = 'no JSON' WHERE position = ?",
            "UPDATE messaging_messages SET state = CAST(x'7bff' AS TEXT) WHERE position = ?",
            "UPDATE messaging_messages SET inline_document = x'7b' WHERE position = ?",
            "UPDATE messaging_outbox SET controls = '{' WHERE position = ?",
            "DELETE FROM messaging_messages WHERE position = ?",
        ],
    )
    @pytest.mark.parametrize("handed_over", [0, 1])
    def test_a_damaged_message_is_put_aside_and_stops_no_other(
        self, damage: str, handed_over: int
    ) -> None:
        storage = self.open()
        bad, good = a_new_message(), a_new_message()
        add(storage, bad, good)
        execute = storage._connection.execute
        (position,) = execute("SELECT min(position) FROM messaging_messages").fetchone()
        execute("UPDATE messaging_outbox SET handed_over = ?", (handed_over,))
        execute(damage, (position,))

        claimed = claim(storage)

        assert ids(claimed) == ids([good])
        assert delivery(storage, bad) is None
        rows = execute(
            "SELECT status, failure_code FROM messaging_messages WHERE position = ?", (position,)
        ).fetchall()
        assert rows == ([] if damage.startswith("DELETE") else [("sending_failed", 12006)])
        assert next_due(storage) == claimed[0].lease.until


class TestQueryPlans(Folder):
    @pytest.mark.parametrize("index", INDEXES)
    @pytest.mark.parametrize("reverse", [False, True])
    def test_a_listing_walks_its_index_in_order(self, index: str, reverse: bool) -> None:  # noqa: FBT001 - both ways
        storage = self.filled()
        with self.traced(storage) as statements:
            page(storage, **INDEXES[index], reverse=reverse)

        plans = [plan for statement in statements for plan in self.plan(storage, statement)]

        assert any(index in step for step in plans), plans
        assert [step for step in plans if is_a_scan(step)] == []
        if not any("UNION" in step or "(id=?" in step for step in plans):
            assert not any("ORDER BY" in step for step in plans), plans

    def test_filters_beside_a_walk_scan_nothing(self) -> None:
        storage = self.filled()
        everything = {name: value for query in INDEXES.values() for name, value in query.items()}
        with self.traced(storage) as statements:
            for name in everything:
                page(storage, **{other: everything[other] for other in everything if other != name})
            page(storage, start_at=AT, end_at=AT + timedelta(days=1), tag="a")

        plans = [plan for statement in statements for plan in self.plan(storage, statement)]

        assert [step for step in plans if is_a_scan(step)] == []

    def test_claiming_and_settling_scan_nothing_and_sort_nothing(self) -> None:
        storage = self.filled()
        moved, withdrawn = a_new_message(), a_new_message()
        add(storage, moved, withdrawn)
        with self.traced(storage) as statements:
            settle(storage, *map(a_settlement, claim(storage, limit=5)))
            next_due(storage)
            delivery(storage, moved)
            get(storage, moved)
            cancel(storage, withdrawn)
            reschedule(storage, moved, AT)
            add(storage, a_new_message(key="k"))
            with storage.begin() as tx:
                tx.messages.by_keys(UUID(int=0), ["k", "l"], since=AT)
                tx.messages.delete_expired_keys(until=AT, limit=2)

        plans = [plan for statement in statements for plan in self.plan(storage, statement)]

        assert any(
            "messaging_outbox_due (lane=? AND workspace=? AND channel_id=? AND due_at<?)" in step
            for step in plans
        ), plans
        assert [step for step in plans if is_a_scan(step)] == []
        assert not any("ORDER BY" in step for step in plans), plans

    def test_the_log_is_written_and_read_without_a_scan_or_a_sort(self) -> None:
        storage = self.filled()
        new = a_new_message()
        add(storage, new)
        workspace, message_id = new.workspace, new.message.id
        with self.traced(storage) as statements, storage.begin() as tx:
            (position,) = tx.receipts.keep([a_kept_receipt()])
            tx.receipts.pending(limit=5, after=3)
            tx.receipts.is_pending(workspace, position or 0)
            tx.receipts.mark(workspace, [position or 0], ReceiptState.APPLIED)
            tx.receipts.save_evidence(workspace, message_id, Evidence(doubted=True))
            tx.receipts.evidence(workspace, [message_id, UUID(int=1)])
            tx.receipts.interactions(workspace, message_id)
            tx.messages.add_references(workspace, message_id, ["p-1"])
            tx.messages.update(workspace, new.message)
            tx.timeline.append([an_event()])
            tx.timeline.of_message(workspace, message_id)
            tx.timeline.after(3, limit=5)
            tx.timeline.subscribe("host", from_start=False)
            cursor = tx.timeline.lease_cursor("host", now=AT, lease=timedelta(minutes=1))
            assert cursor
            tx.timeline.advance_cursor(cursor)
            tx.timeline.increment({"doubt.opened": 1})

        plans = [plan for statement in statements for plan in self.plan(storage, statement)]

        assert len(plans) > 10
        assert [step for step in plans if is_a_scan(step)] == []
        assert [step for step in plans if "TEMP B-TREE" in step] == []

    def test_references_are_looked_up_and_suspects_found_by_their_index(self) -> None:
        storage = self.filled()
        for day in (1, 2):
            claim(storage, limit=100, now=AT + timedelta(days=day))
        with self.traced(storage) as statements:
            claim(storage, limit=5, now=AT + timedelta(days=3))
            with storage.begin(read_only=True) as tx:
                tx.messages.by_references(UUID(int=0), ["p-1", "p-2"])
                tx.receipts.unmatched(UUID(int=0), ["p-1", "p-2"])

        plans = [plan for statement in statements for plan in self.plan(storage, statement)]

        assert any(
            "messaging_outbox_suspects (channel_id=? AND due_at<?)" in step for step in plans
        ), plans
        assert "SEARCH r USING PRIMARY KEY (workspace=? AND reference=?)" in plans
        assert any("messaging_receipts_unmatched (workspace=?" in step for step in plans), plans
        assert [step for step in plans if is_a_scan(step)] == []

    def filled(self) -> SqliteStorage:
        storage = self.open()
        add(storage, *(a_new_message(a_message(tags=("a",))) for _ in range(50)))
        page(storage, email_subject="read the settings of the full-text index, which is done once")
        return storage

    def traced(self, storage: SqliteStorage) -> "Traced":
        return Traced(storage)

    def plan(self, storage: SqliteStorage, statement: str) -> list[str]:
        if statement.split(maxsplit=1)[0] not in {"SELECT", "UPDATE", "DELETE", "INSERT"}:
            return []
        rows = storage._connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        return [row[3] for row in rows]


class Traced:
    """Collects the statements of a block, with their values."""

    def __init__(self, storage: SqliteStorage) -> None:
        self._connection = storage._connection
        self._statements: list[str] = []

    def __enter__(self) -> list[str]:
        self._connection.set_trace_callback(self._statements.append)
        return self._statements

    def __exit__(self, *_: object) -> None:
        self._connection.set_trace_callback(None)


def is_a_scan(step: str) -> bool:
    """Return whether a step reads a whole table.

    Candidates, merged walks and a full-text index only look like it; channels, the workspaces in
    which something waits and the settings of the full-text index are few.
    """
    return step.startswith("SCAN") and not any(
        harmless in step
        for harmless in (
            "json_each",
            "subquery",
            "SCAN due",  # a subquery with a name, which PostgreSQL needs
            "messaging_channels",
            "fts VIRTUAL TABLE INDEX",
            "subjects_fts_config",
            "SCAN waiting",
            "SCAN wanted",
        )
    )


def path_of(storage: Storage) -> Path:
    assert isinstance(storage, SqliteStorage)
    return Path(storage.path)


def journal_mode(storage: SqliteStorage) -> str:
    return str(storage._connection.execute("PRAGMA journal_mode").fetchone()[0])


class TestRetention(Folder):
    def test_what_was_taken_out_is_not_left_in_the_file(self) -> None:
        for exclusive in (False, True):
            storage = self.open(exclusive=exclusive)
            words = [b"kerfuffle", b"hullabaloo", b"brouhaha", b"rumpus"]
            body = a_subject("Hullabaloo indeed", "A brouhaha " * 2000)
            old = [
                a_new_message(
                    a_message(
                        body, to=f"kerfuffle{n}@x.example", tags=("rumpus",), status=Status.SENT
                    )
                )
                for n in range(30)
            ]
            young = a_new_message(a_message(a_subject("Fine weather"), to="ada@x.example"))
            add(storage, *old[:15])
            add(storage, young, *old[15:])
            content = everything_in(storage)
            assert all(word in content for word in words)

            with storage.begin() as tx:
                places = [(claim.workspace, claim.message.id) for claim in old]
                tx.retention.delete(places[::2])
                tx.retention.redact(places[1::2])

            storage.close()
            content = everything_in(storage)
            assert [word for word in words if word in content] == []
            assert b"ada@x.example" in content

    def test_words_of_subjects_leave_the_full_text_index(self) -> None:
        storage = self.open(exclusive=True)
        old = [
            a_new_message(a_message(a_subject(uuid4().hex), to="ada@x.example", status=Status.SENT))
            for _ in range(600)
        ]
        for start in range(0, 600, 20):
            add(storage, *old[start : start + 20])

        for start in range(0, 300, 20):
            with storage.begin() as tx:
                places = [(claim.workspace, claim.message.id) for claim in old[start : start + 20]]
                tx.retention.delete(places)

        storage.close()
        content = everything_in(storage)
        ends = [claim.message.body.metadata.subject[-20:].encode() for claim in old]
        assert [end for end in ends[:300] if end in content] == []
        assert all(end in content for end in ends[300:])

    def test_no_row_is_left_anywhere_for_what_was_erased(self) -> None:
        storage = self.open()
        message = a_message(
            a_subject("subject"),
            to="ada@x.example",
            status=Status.SENT,
            tags=("tag",),
            parts=(Part(platform_reference="p-1"),),
        )
        new = a_new_message(message)
        add(storage, new)
        with storage.begin() as tx:
            tx.messages.add_references(new.workspace, message.id, ["p-2"])
            tx.timeline.append([an_event(message_id=message.id)])
            tx.receipts.save_evidence(new.workspace, message.id, Evidence(doubted=True))
            tx.retention.delete([(new.workspace, message.id)])

        for table in (
            *("messages", "tags", "people", "subjects", "references"),
            *("evidence", "interactions", "events", "outbox"),
        ):
            rows = storage._connection.execute(f"SELECT count(*) FROM messaging_{table}")  # noqa: S608
            assert (table, rows.fetchone()) == (table, (0,))

    def test_a_purge_looks_at_no_more_than_it_takes_out(self) -> None:
        storage = self.open()
        finished = [a_message(at=AT, status=Status.SENT) for _ in range(1000)]
        add(storage, *[a_new_message(message) for message in finished])
        later = AT + timedelta(days=1)
        with storage.begin() as tx:
            tx.retention.redact([(DEFAULT_WORKSPACE, message.id) for message in finished[:900]])

        few = steps(storage, lambda tx: tx.retention.find_expired(before=later, limit=10))
        with storage.begin() as tx:
            tx.retention.redact([(DEFAULT_WORKSPACE, message.id) for message in finished])
        none = steps(storage, lambda tx: tx.retention.find_expired(before=later, limit=10))
        young = steps(
            storage, lambda tx: tx.retention.find_expired(before=AT, limit=10, with_redacted=True)
        )

        assert few < 1000
        assert none < 300
        assert young < 300


def everything_in(storage: SqliteStorage) -> bytes:
    files = [Path(storage.path + end) for end in ("", "-wal", "-journal")]
    return b"".join(path.read_bytes().lower() for path in files if path.exists())


def steps(storage: SqliteStorage, work: Callable[[Transaction], object]) -> int:
    """Return how many steps SQLite's virtual machine takes for some work."""
    counted = count()
    storage._connection.set_progress_handler(lambda: next(counted) and 0, 1)
    with storage.begin(read_only=True) as tx:
        work(tx)
    storage._connection.set_progress_handler(None, 1)
    return next(counted)
