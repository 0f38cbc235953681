import json
import resource
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

import pytest

from faults.integrity import damage
from faults.peers import mail_server
from faults.processes import child, count_doubts, counted_doubts, look, until
from faults.shop import ORDERS
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Message, Messenger, Worker
from messaging_core.errors import InvalidDocumentError, StorageBusyError, StorageError
from messaging_core.testing import RecordingTransport, a_request

A_REQUEST = a_request(to="ada@receiver.example")
WAITING = "SELECT count(*) FROM messaging_outbox"
MOMENT = timedelta(seconds=0.05)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture(params=[False, True], ids=["shared", "exclusive"])
def storage(database: Path, request: pytest.FixtureRequest) -> Iterator[SqliteStorage]:
    with SqliteStorage(database, exclusive=request.param) as storage:
        yield storage


@pytest.fixture
def transport() -> RecordingTransport:
    return RecordingTransport()


@pytest.fixture
def messenger(storage: SqliteStorage, transport: RecordingTransport) -> Messenger:
    return Messenger(storage=storage, channels={ORDERS: transport})


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the file as another program may, for as long as the block lasts."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def connection_of(storage: SqliteStorage) -> sqlite3.Connection:
    """Return the connection that the storage works with, which it opens again after an error."""
    with storage.begin(read_only=True):
        return storage._connection


@contextmanager
def full(storage: SqliteStorage) -> Iterator[None]:
    """Leave the file no room to grow, for as long as the connection lasts."""
    connection = connection_of(storage)
    connection.execute("PRAGMA max_page_count = 1")  # as small as it is, says SQLite
    yield
    with suppress(sqlite3.ProgrammingError):  # closed after the error
        connection.execute("PRAGMA max_page_count = 1000000")


def rows(storage: SqliteStorage) -> list[int]:
    tables = ["messages", "outbox", "tags", "people", "contacts", "contact_identifiers"]
    counts = [f"SELECT count(*) FROM messaging_{table}" for table in tables]  # noqa: S608
    return [connection_of(storage).execute(count).fetchone()[0] for count in counts]


def test_on_a_full_disk_nothing_is_accepted_by_halves(
    messenger: Messenger, storage: SqliteStorage
) -> None:
    messenger.send("orders", A_REQUEST)
    before = rows(storage)
    requests = [a_request(to=f"{n}@receiver.example", tags=("vip",)) for n in range(200)]

    with full(storage), pytest.raises(StorageError, match="full"):
        messenger.send_many("orders", requests)
    with full(storage), pytest.raises(StorageError, match="full"):
        messenger.send_batch("orders", requests[:100])

    assert rows(storage) == before
    assert damage(connection_of(storage)) == []


def test_what_was_accepted_is_delivered_once_the_disk_has_room_again(
    messenger: Messenger, storage: SqliteStorage, transport: RecordingTransport
) -> None:
    requests = [a_request(to=f"{n}@receiver.example") for n in range(100)]
    with full(storage), pytest.raises(StorageError):
        messenger.send_many("orders", requests)

    accepted = messenger.send_many("orders", requests)
    Worker(messenger, threads=2).drain()

    assert Counter(envelope.message_id for envelope in transport.sent) == Counter(
        answer.id for answer in accepted if isinstance(answer, Message)
    )
    assert damage(connection_of(storage)) == []


@pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="only Linux limits a process from outside"
)
def test_a_worker_that_can_write_nothing_sends_nothing_and_recovers(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    with SqliteStorage(database, busy_timeout=timedelta(seconds=30)) as storage:
        messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
        accepted = messenger.send_many("orders", [A_REQUEST] * 150)
    count_doubts(database)

    with mail_server() as peer, look(database) as connection:
        settings = {"database": str(database), "transport": "smtp", "target": peer.target}
        with child("delivering", settings) as worker:
            until(lambda: peer.received().total() > 10, "nothing is delivered")
            # Whatever it writes to a file from now on fails: EFBIG.
            resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            sleep(0.5)  # for what was marked already
            so_far = peer.received().total()
            sleep(0.7)
            meanwhile = peer.received().total()
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, unlimited)
            until(lambda: connection.execute(WAITING).fetchone() == (0,), "it does not recover")

        assert meanwhile == so_far < len(accepted)
        received = peer.received()
        assert received.keys() == {
            answer.id.hex for answer in accepted if isinstance(answer, Message)
        }
        assert received - Counter(set(received)) <= counted_doubts(database)
        assert damage(connection) == []


def test_a_file_that_another_program_holds_is_busy_and_then_serves_again(database: Path) -> None:
    with SqliteStorage(database, busy_timeout=MOMENT) as storage:
        messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()})

        with locked(database), pytest.raises(StorageBusyError):
            messenger.send("orders", A_REQUEST)
        with locked(database), pytest.raises(StorageBusyError):
            SqliteStorage(database, busy_timeout=MOMENT)
        afterwards = messenger.send("orders", A_REQUEST)

        assert [message.id for message in messenger.find().results] == [afterwards.id]


def test_a_worker_outlives_a_file_that_another_program_holds(
    database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    transport, stop = RecordingTransport(), threading.Event()
    with SqliteStorage(database, busy_timeout=MOMENT) as storage:
        messenger = Messenger(storage=storage, channels={ORDERS: transport})
        messenger.send_many("orders", [A_REQUEST] * 20)
        thread = threading.Thread(target=Worker(messenger, threads=2).run, args=(stop,))

        with locked(database):
            thread.start()
            until(lambda: "the storage failed; trying again" in caplog.text, "nothing is logged")
            while_locked = len(transport.sent)
        until(lambda: len(transport.sent) == 20, "the worker does not go on")
        stop.set()
        thread.join()

        assert while_locked == 0
        assert {message.status for message in messenger.find().results} == {"sent"}
        assert len(transport.attempts) == 20


def test_a_file_that_becomes_read_only_is_an_error_until_it_can_be_written_again() -> None:
    # an unprivileged user cannot enter pytest's own folders
    with (
        TemporaryDirectory() as name,
        child("unwritable", {"database": f"{name}/a.db"}) as host,
    ):
        said = [json.loads(line) for line in host.finish()]

    errors = {report["what"]: report["error"] for report in said if "what" in report}
    handed_over = [report["handed_over"] for report in said if "handed_over" in report]
    assert errors == {
        "accept": "StorageError",
        "deliver": "StorageError",
        "look": None,
        "open and look": None,
        "open and accept": "StorageError",
        "accept with the old connection": "StorageError",
        "accept afterwards": None,
        "deliver afterwards": None,
    }
    assert handed_over == [1, 3]


def test_a_row_that_is_no_json_is_an_error_of_its_own_and_hides_no_other(
    messenger: Messenger, storage: SqliteStorage
) -> None:
    spoilt, sound = (messenger.send("orders", A_REQUEST) for _ in range(2))
    storage._connection.execute(
        "UPDATE messaging_messages SET inline_document = ? WHERE id = ?",
        (b"{not json", spoilt.id.bytes),
    )

    listed = messenger.find().results

    with pytest.raises(InvalidDocumentError):
        messenger.get(spoilt.id)
    assert messenger.get(sound.id) == sound
    assert list(listed) == [sound]
