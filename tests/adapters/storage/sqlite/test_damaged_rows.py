"""A damaged row holds up no other, and a storage that fails is never taken for one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Message, Messenger, Status, Worker
from messaging_core.decisions.status.evidence import proves_hand_over
from messaging_core.delivery.recorder import DeliveryRecorder
from messaging_core.errors import (
    StorageBusyError,
    StorageConflictError,
    StorageFullError,
    UnknownMessageError,
)
from messaging_core.models.common.audit import AuditAction
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.delivery import OutcomeKind, Settlement
from messaging_core.models.messages.retention import Keep
from messaging_core.ports.storage.readable import readable
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_message,
    a_new_message,
    a_request,
)

ORDERS = a_channel("orders")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "messages.db"


@pytest.fixture
def storage(path: Path) -> Iterator[SqliteStorage]:
    with SqliteStorage(path) as opened:
        yield opened


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def messenger(storage: SqliteStorage, clock: ManualClock) -> Messenger:
    return Messenger(storage=storage, channels={ORDERS: RecordingTransport()}, clock=clock)


def send(messenger: Messenger) -> Message:
    return messenger.send(ORDERS, a_request(to="+31612345678"))


def test_a_full_disk_ends_the_transaction_of_a_damaged_row_and_nothing_is_written(
    storage: SqliteStorage,
) -> None:
    small, large = a_new_message(), a_new_message(a_message("x" * 100_000))
    (pages,) = storage._connection.execute("PRAGMA page_count").fetchone()
    storage._connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    with pytest.raises(StorageFullError), storage.begin() as tx:  # noqa: PT012 - one transaction
        tx.messages.add([small])
        readable(lambda: tx.messages.add([large]), "a message cannot be read")
        tx.messages.add([a_new_message()])

    with storage.begin(read_only=True) as tx:
        assert tx.messages.get(DEFAULT_WORKSPACE, small.message.id) is None


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.DeadlockDetected(),
        sqlite3.OperationalError("disk I/O error"),
        OSError(),
        StorageBusyError("held"),
    ],
    ids=repr,
)
def test_an_error_of_a_driver_is_no_damage(error: Exception) -> None:
    def read() -> None:
        raise error

    with pytest.raises(type(error)):
        readable(read, "a message cannot be read")


BROKEN = "CAST(x'22ff22' AS TEXT)"  # no UTF-8
TABLES = ["messages SET state", "outbox SET controls", "outbox SET progress", "events SET kind"]


@pytest.fixture(params=TABLES)
def damaged(request: pytest.FixtureRequest, messenger: Messenger, path: Path) -> Message:
    """Return a message of which one text is damaged, beside a second one that waits."""
    message = send(messenger)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"UPDATE messaging_{request.param} = {BROKEN}")
    return message


def test_a_damaged_text_keeps_no_other_message_from_being_sent(
    messenger: Messenger, damaged: Message
) -> None:
    other = send(messenger)

    Worker(messenger).drain()

    assert messenger.get(other.id).status is Status.SENT
    assert damaged.id != other.id


@pytest.mark.parametrize("keep", Keep)
def test_a_damaged_text_keeps_nothing_from_being_listed_and_purged(
    messenger: Messenger, damaged: Message, clock: ManualClock, keep: Keep
) -> None:
    send(messenger)
    Worker(messenger).drain()
    clock.advance(days=3)

    assert len(messenger.find().results) == 2
    assert b"\xff" not in messenger.find_json()
    messenger.purge(before=clock.now(), keep=keep)
    messenger.purge(before=clock.now())

    assert not messenger.find().results
    with pytest.raises(UnknownMessageError):
        messenger.get(damaged.id)


def test_the_first_damaged_text_costs_one_transaction_and_no_error_quotes_it(
    messenger: Messenger, storage: SqliteStorage, path: Path
) -> None:
    send(messenger)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"UPDATE messaging_events SET kind = {BROKEN}")  # noqa: S608 - a constant

    with pytest.raises(StorageConflictError) as refused, storage.begin() as tx:
        tx.timeline.after(0, limit=9)
    assert '"' not in str(refused.value)

    with storage.begin() as tx:
        assert tx.timeline.after(0, limit=9) == []
    assert messenger.damaged_rows().events == (1,)


@pytest.mark.parametrize("document", [b"{", b'{"at": 5}'])
def test_a_damaged_audit_entry_hides_no_other_and_is_purged_by_its_id(
    messenger: Messenger, path: Path, clock: ManualClock, document: bytes
) -> None:
    first, damaged, last = entries = [
        messenger.audit.entry(actor="ann", action=AuditAction.LOOKED_UP) for _ in range(3)
    ]
    for entry in entries:
        messenger.audit.record(entry)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "UPDATE messaging_audit SET document = ? WHERE id = ?", (document, damaged.id.bytes)
        )

    assert messenger.audit.find(limit=2) == [last, first]
    clock.advance(days=2)
    early = messenger.purge(before=clock.now(), audit=timedelta(days=3))
    purged = messenger.purge(before=clock.now(), audit=timedelta(days=1))

    assert (early.audit, purged.audit) == (0, 3)
    assert messenger.audit.find() == []


def test_a_late_answer_about_a_damaged_delivery_is_kept(
    messenger: Messenger, storage: SqliteStorage, path: Path, clock: ManualClock
) -> None:
    message = send(messenger)
    with storage.begin() as tx:
        recorder = DeliveryRecorder(tx, messenger.context)
        (claim,) = recorder.claim(now=clock.now(), lease=timedelta(minutes=1), limit=1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE messaging_outbox SET progress = '{', fence = fence + 1")
    answer = Settlement(
        lease=claim.lease, at=clock.now(), status=Status.SENT, outcome=OutcomeKind.ACCEPTED
    )

    with storage.begin() as tx:
        valid = DeliveryRecorder(tx, messenger.context).settle([answer])

    with storage.begin(read_only=True) as tx:
        evidence = tx.receipts.evidence(DEFAULT_WORKSPACE, [message.id])
    assert valid == [False]
    assert proves_hand_over(evidence[message.id])
