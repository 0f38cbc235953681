"""A standby takes over: callers are told, what was answered is there, and all goes on by itself."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from attrs import define, field

from faults.processes import until
from faults.shop import ORDERS
from messaging_adapters.storage.postgres import PostgresStorage
from messaging_core import Messenger, Worker
from messaging_core.errors import ConfigurationError, StorageUnavailableError
from messaging_core.models.messages.status import Status
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.testing import ManualClock, RecordingTransport, a_request
from postgres_server import PostgresServer, postgres_binaries

SOON, AN_HOUR = timedelta(seconds=1), timedelta(hours=1)
A_REQUEST = a_request(to="ada@receiver.example")
SOME = 10
THREADS = 3


@define
class Pair:
    """A primary, and a standby that has whatever the primary says is committed."""

    primary: PostgresServer
    standby: PostgresServer

    def dsn(self) -> str:
        """Return both, of which the one that takes writes is chosen."""
        hosts = f"{self.primary.folder},{self.standby.folder}"
        return self.primary.dsn(host=hosts, target_session_attrs="read-write")

    def is_synchronous(self) -> bool:
        """Whether the primary waits for the standby."""
        return ask(self.primary, "SELECT sync_state FROM pg_stat_replication") == [("sync",)]


@pytest.fixture
def servers() -> Iterator[Pair]:
    binaries = postgres_binaries()
    primary = PostgresServer(
        binaries, "synchronous_standby_names=*", "synchronous_commit=remote_apply"
    )
    standby = PostgresServer(binaries, primary=primary)
    pair = Pair(primary, standby)
    try:
        primary.start()
        standby.start()
        until(pair.is_synchronous, "the standby does not follow")
        PostgresStorage.migrate(primary.dsn())
        yield pair
    finally:
        standby.remove()
        primary.remove()


@define
class Host:
    """It sends until it is told to stop, and repeats under its key what was not answered."""

    messenger: Messenger
    stop: threading.Event = field(factory=threading.Event)
    answered: list[UUID] = field(factory=list)
    errors: Counter[type[Exception]] = field(factory=Counter)

    def send(self, thread: str) -> None:
        number = 0
        while not self.stop.is_set():
            try:
                message = self.messenger.send(
                    "orders", A_REQUEST, idempotency_key=f"{thread}-{number}"
                )
            except StorageUnavailableError as error:
                self.errors[type(error)] += 1
                self.stop.wait(0.01)
            else:
                self.answered.append(message.id)
                number += 1


def test_a_standby_takes_over_and_nothing_that_was_answered_is_lost(
    servers: Pair, figure: Callable[[str], None]
) -> None:
    transport = RecordingTransport()
    with (
        PostgresStorage(servers.dsn(), busy_timeout=SOON) as storage,
        PostgresStorage(servers.standby.dsn(), migrate=False) as on_standby,
    ):
        messenger = shop_on(storage, transport)
        host, worker = Host(messenger), Worker(messenger, threads=2)
        with worker.running(), sending(host):
            until(lambda: len(host.answered) > SOME < len(transport.sent), "nothing is sent")
            refuses_writes(on_standby, servers.standby, host.answered[0])
            servers.primary.crash()
            with pytest.raises(StorageUnavailableError, match="look whether the server"):
                messenger.send("orders", A_REQUEST)
            until(lambda: sum(host.errors.values()) >= THREADS, "no caller is told")
            before = len(host.answered)
            servers.standby.promote()
            until(lambda: len(host.answered) > before + SOME, "nothing is sent any more")
        # Messages whose claim has an unknown commit wait for the end of their leases.
        later = shop_on(on_standby, transport, clock=ManualClock(SystemClock().now() + AN_HOUR))
        host.answered.append(later.send("orders", A_REQUEST).id)
        Worker(later).drain()

    rows = ask(servers.standby, "SELECT id, status FROM messaging_messages")
    stored = {UUID(bytes=id_) for id_, _ in rows}
    figure(f"failover: {len(host.answered)} answered, {sum(host.errors.values())} told otherwise")
    assert set(host.answered) <= stored
    assert {status for _, status in rows} == {Status.SENT}
    assert Counter(envelope.message_id for envelope in transport.sent) == Counter(stored)


@contextmanager
def sending(host: Host) -> Iterator[None]:
    """Let threads of a host send while a block runs."""
    with ThreadPoolExecutor(THREADS) as pool:
        threads = [pool.submit(host.send, str(number)) for number in range(THREADS)]
        try:
            yield
        finally:
            host.stop.set()
        for thread in threads:
            thread.result()


def refuses_writes(storage: PostgresStorage, server: PostgresServer, written: UUID) -> None:
    """Look at a standby: it is read, and who writes there is told what is wrong."""
    messenger = shop_on(storage, RecordingTransport())
    assert messenger.get(written).id == written
    for write in (lambda: messenger.send("orders", A_REQUEST), Worker(messenger).run_once):
        with pytest.raises(StorageUnavailableError, match="target_session_attrs"):
            write()
    with pytest.raises(ConfigurationError, match=r"cannot be reached.*read-only"):
        PostgresStorage(server.dsn(target_session_attrs="read-write"))


def shop_on(
    storage: PostgresStorage, transport: RecordingTransport, clock: Clock | None = None
) -> Messenger:
    return Messenger(storage=storage, channels={ORDERS: transport}, clock=clock)


def ask(server: PostgresServer, sql: str) -> list[Any]:
    with psycopg.connect(server.dsn()) as connection:
        return connection.execute(sql).fetchall()
