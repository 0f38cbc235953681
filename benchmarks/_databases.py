"""New databases for benchmarks: SQLite files, and schemas of a PostgreSQL that is started."""

import logging
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from _hosts import DRIVER
from _report import option
from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.sqlite import SqliteStorage

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from postgres_server import PostgresServer, Schemas, postgres_binaries

# The journal mode that a file gets stands in the report.
logging.getLogger("messaging_adapters.storage").setLevel(logging.ERROR)

AnyStorage = SqliteStorage | PostgresStorage


def is_file(place: str) -> bool:
    """Return whether a database is a SQLite file, and not on a server."""
    return place.endswith(".db")


def open_storage(place: str, **options: Any) -> AnyStorage:
    """Open the storage of the engine, in any process."""
    if is_file(place):
        return SqliteStorage(place, driver=DRIVER, **options)
    return PostgresStorage(place, **options)


def connect(place: str) -> Any:
    """Open a plain connection, which threads may share in turns."""
    if not is_file(place):
        return psycopg.connect(place)
    return DRIVER.connect(
        place, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=60
    )


class Files:
    """SQLite files in a folder of their own.

    Attributes:
        name: What the page calls the database.
        notes: What the page tells about it.
    """

    name = "SQLite"

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._numbers = count(1)
        with SqliteStorage(self.new(), driver=DRIVER) as storage:
            (mode,) = storage._connection.execute("PRAGMA journal_mode").fetchone()  # noqa: SLF001
        self.notes = {"Journal mode of SQLite": mode.upper()}

    def new(self) -> str:
        """Return where a new database may be."""
        return str(self._folder / f"{next(self._numbers)}.db")

    def remove(self, place: str) -> None:
        """Delete a database."""
        for file in self._folder.glob(f"{Path(place).name}*"):
            file.unlink()


class Server:
    """Schemas on a server; the same attributes and methods."""

    name = "PostgreSQL"

    def __init__(self, server: PostgresServer) -> None:
        self._schemas = Schemas(server.dsn())
        with psycopg.connect(server.dsn()) as connection:
            (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
        self.notes = {"PostgreSQL": version}

    def new(self) -> str:
        """Return where a new schema is."""
        return self._schemas.new()

    def remove(self, place: str) -> None:
        """Delete a schema."""
        self._schemas.drop(place)


@contextmanager
def databases(kind: str, *settings: str) -> Iterator[Files | Server]:
    """Yield where new databases can be made; `settings` are those of a server."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield Files(folder)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the server is stopped then too
    server = PostgresServer(postgres_binaries(), "max_connections=300", *settings)
    try:
        server.start()
        yield Server(server)
    finally:
        server.remove()


KINDS = tuple(option("database", "sqlite,postgres").split(","))
"""The databases that this run measures: `--database=postgres` for one of them."""
