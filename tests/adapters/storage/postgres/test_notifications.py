"""Workers of other processes are woken by NOTIFY, seldom, and never need it."""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep

import psycopg
import pytest

from messaging_adapters.storage.postgres import PostgresStorage, notifications
from messaging_adapters.storage.postgres.notifications import PAUSE
from messaging_core import Channel, Messenger, Worker
from messaging_core.ports.storage.wake_up import SupportsWakeUp
from messaging_core.testing import RecordingTransport
from postgres_server import Schemas

ORDERS = Channel(name="orders", platform="sms", sender="Shop")
SELDOM = 300.0
PATIENCE = 60.0
"""Far less than a worker waits that nothing wakes, and enough for a machine that is busy."""


@pytest.fixture
def dsn(postgres_schemas: Schemas) -> Iterator[str]:
    dsn = postgres_schemas.take()
    yield dsn
    postgres_schemas.give_back(dsn)


def until(condition: Callable[[], object]) -> None:
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "it never came true"
        sleep(0.005)


@contextmanager
def worker_beside(dsn: str) -> Iterator[RecordingTransport]:
    """Run a worker that has a storage of its own, as another process has."""
    transport = RecordingTransport()
    with PostgresStorage(dsn, notify=True) as storage:
        worker = Worker(Messenger(storage=storage, channels={ORDERS: transport}))
        worker.poll = SELDOM
        with worker.running():
            until(lambda: listeners(dsn))
            yield transport


def listeners(dsn: str) -> list[int]:
    """Return the backends that wait for notifications."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN messaging_due'"
        )
        return [pid for (pid,) in rows]


@contextmanager
def sender(dsn: str, *, notify: bool = True) -> Iterator[Messenger]:
    with PostgresStorage(dsn, notify=notify) as storage:
        yield Messenger(storage=storage, channels={ORDERS: RecordingTransport()})


def notifiers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "messaging-notify"}


def send(messenger: Messenger) -> None:
    messenger.send("orders", to="+31612345678", text="hi")


def test_a_message_wakes_the_worker_of_another_process(dsn: str) -> None:
    with worker_beside(dsn) as transport, sender(dsn) as messenger:
        for number in range(1, 4):
            send(messenger)
            until(lambda number=number: len(transport.sent) == number)


def test_a_worker_whose_connection_was_lost_is_woken_again(dsn: str) -> None:
    with worker_beside(dsn) as transport, sender(dsn) as messenger:
        send(messenger)
        until(lambda: transport.sent)
        lost = listeners(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE '%messaging_due%' AND pid <> pg_backend_pid()"
            )
        # That of the sender is lost too, and what it announces meanwhile.
        until(lambda: set(listeners(dsn)) - set(lost))
        send(messenger)
        until(lambda: len(transport.sent) == 2)


def test_many_messages_are_announced_by_few_notifications(dsn: str) -> None:
    calls: list[float] = []
    with psycopg.connect(dsn, autocommit=True) as listener, sender(dsn) as messenger:
        listener.execute("LISTEN messaging_due")
        storage = messenger.storage
        assert isinstance(storage, SupportsWakeUp)
        began = monotonic()
        for _ in range(1000):
            storage.announce()
            sleep(0)
        for _ in range(5):
            send(messenger)
        took = monotonic() - began
        calls += [monotonic() for _ in listener.notifies(timeout=2 * PAUSE + 0.5)]

    # The last may follow what it announces, and one comes at once.
    assert 1 <= len(calls) <= took / PAUSE + 2


def test_a_storage_of_another_schema_is_not_woken(postgres_schemas: Schemas, dsn: str) -> None:
    calls: list[int] = []
    other = postgres_schemas.take()
    with (
        PostgresStorage(other, notify=True) as storage,
        sender(dsn) as messenger,
        storage.listening(lambda: calls.append(1)),
        psycopg.connect(dsn, autocommit=True) as listener,
    ):
        until(lambda: calls)  # once it listens
        listener.execute("LISTEN messaging_due")
        send(messenger)
        assert list(listener.notifies(timeout=PATIENCE, stop_after=1))
        sleep(PAUSE)
    postgres_schemas.give_back(other)

    assert calls == [1]


def test_nothing_is_announced_unless_that_is_asked_for(dsn: str) -> None:
    before = notifiers()
    with sender(dsn, notify=False) as messenger:
        send(messenger)

        assert notifiers() <= before


def test_a_server_that_is_gone_fails_no_call(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    with PostgresStorage(dsn, notify=True) as storage:
        storage._announcer._connect = fails
        storage.announce()
        until(lambda: "could not announce messages: OperationalError" in caplog.text)
        storage._listener._connect = fails
        with storage.listening(lambda: None):
            until(lambda: "could not listen for messages: OperationalError" in caplog.text)

    assert "secret" not in caplog.text


def test_where_no_thread_can_be_started_nothing_fails(
    dsn: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    woken = threading.Event()
    with sender(dsn) as messenger:
        send(messenger)  # what else has threads has started them
        storage = messenger.storage
        assert isinstance(storage, PostgresStorage)
        storage._announcer.close()
        storage._announcer.forget()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_thread)
            send(messenger)
            with storage.listening(woken.set):
                pass
        assert "could not announce messages: RuntimeError" in caplog.text
        assert "could not listen for messages: RuntimeError" in caplog.text

        with storage.listening(woken.set):
            until(lambda: listeners(dsn))
            woken.clear()
            storage.announce()
            assert woken.wait(PATIENCE)


def test_the_thread_of_a_storage_that_was_dropped_ends(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "_LOOK", 0.01)
    before = notifiers()
    storage = PostgresStorage(dsn, notify=True)
    storage.announce()
    assert notifiers() - before

    del storage
    gc.collect()

    until(lambda: notifiers() <= before)


def fails() -> psycopg.Connection[object]:
    raise psycopg.OperationalError("secret")
