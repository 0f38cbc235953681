"""A full disk of the server loses nothing that was accepted, and all goes on once it has room."""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psycopg
import pytest

from faults.processes import until
from faults.shop import ORDERS
from messaging_adapters.storage.postgres import PostgresStorage
from messaging_core import Messenger, Worker
from messaging_core.errors import StorageFullError, StorageUnavailableError
from messaging_core.testing import RecordingTransport, a_request
from postgres_server import UNPRIVILEGED, PostgresServer, postgres_binaries

SOON = timedelta(seconds=1)
A_REQUEST = a_request(to="ada@receiver.example", body="x" * 4000)


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """Mount a file system of a size."""
    with TemporaryDirectory(prefix="messaging-disk-") as folder:
        options = f"size={size},mode=0755"
        if subprocess.run(  # noqa: S603
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],  # noqa: S607
            check=False, capture_output=True,
        ).returncode:  # fmt: skip
            pytest.skip("no file system may be mounted here")
        Path(folder).chmod(0o755)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S603, S607


@contextmanager
def without_room(disk: Path) -> Iterator[None]:
    """Leave no room on a disk while a block runs."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        free = os.statvfs(disk)
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_bsize)
    try:
        yield
    finally:
        ballast.unlink()


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    server = PostgresServer(
        postgres_binaries(),
        "fsync=off",
        "min_wal_size=32MB",
        "max_wal_size=32MB",
        "wal_writer_delay=10s",
    )
    yield server
    server.remove()


def give(folder: Path) -> Path:
    """Let the server own a folder."""
    if os.geteuid() == 0:
        shutil.chown(folder, UNPRIVILEGED)
    return folder


def test_tables_without_room_take_nothing_and_go_on_when_there_is_some(
    server: PostgresServer,
) -> None:
    server.start()
    with small_disk("16m") as disk:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{give(disk)}'")
        dsn = server.dsn(options="-c default_tablespace=small")
        with PostgresStorage(dsn, busy_timeout=SOON) as storage:
            transport = RecordingTransport()
            messenger = Messenger(storage=storage, channels={ORDERS: transport})
            accepted = [messenger.send("orders", A_REQUEST).id]
            with Worker(messenger, threads=2).running():
                with without_room(disk):
                    for _ in range(3):
                        with pytest.raises(StorageFullError, match="free some space"):
                            accepted.extend(endless(messenger))
                    assert messenger.get(accepted[0]).id == accepted[0]
                accepted.append(messenger.send("orders", A_REQUEST).id)
                until(lambda: is_empty(server), "messages wait for ever")
        server.stop()

    assert Counter(envelope.message_id for envelope in transport.sent) == Counter(accepted)


@pytest.mark.parametrize("has_pipeline", [True, False], ids=["pipeline", "libpq 13"])
def test_a_log_without_room_stops_the_server_and_its_start_brings_everything_back(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch, *, has_pipeline: bool
) -> None:
    if not has_pipeline:
        monkeypatch.setattr(psycopg.Pipeline, "is_supported", lambda: False)
    with small_disk("80m") as disk:
        put_log_on(disk, server)
        server.start()
        with PostgresStorage(server.dsn(), busy_timeout=SOON) as storage:
            transport = RecordingTransport()
            messenger = Messenger(storage=storage, channels={ORDERS: transport})
            messenger.send("orders", A_REQUEST)
            with without_room(disk):
                switch_log(server)
                with pytest.raises(
                    StorageUnavailableError
                ):  # not that it is full: it may be written
                    messenger.send("orders", A_REQUEST)
                until(lambda: not server.is_running, "the server has room")
                with pytest.raises(StorageUnavailableError, match="look whether the server runs"):
                    messenger.send("orders", A_REQUEST)
            with Worker(messenger, threads=2).running():
                server.start()
                messenger.send("orders", A_REQUEST)
                until(lambda: is_empty(server), "messages wait for ever")
            stored = ids(server)
        server.stop()

    assert len(stored) in {2, 3}
    assert Counter(envelope.message_id for envelope in transport.sent) == Counter(stored)


def put_log_on(disk: Path, server: PostgresServer) -> None:
    """Move the write-ahead log of a server that is not running."""
    log = server.data / "pg_wal"
    subprocess.run(["cp", "-a", log, disk], check=True)  # noqa: S603, S607
    shutil.rmtree(log)
    log.symlink_to(disk / log.name)


def switch_log(server: PostgresServer) -> None:
    """Let what is written next begin a new file of the log."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("SELECT pg_switch_wal()")


def endless(messenger: Messenger) -> Iterator[UUID]:
    while True:
        yield messenger.send("orders", A_REQUEST).id


def is_empty(server: PostgresServer) -> bool:
    with psycopg.connect(server.dsn()) as connection:
        return connection.execute("SELECT 1 FROM messaging_outbox LIMIT 1").fetchone() is None


def ids(server: PostgresServer) -> list[UUID]:
    with psycopg.connect(server.dsn()) as connection:
        rows = connection.execute("SELECT id FROM messaging_messages").fetchall()
    return [UUID(bytes=id_) for (id_,) in rows]
