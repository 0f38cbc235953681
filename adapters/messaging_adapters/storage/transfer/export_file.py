"""The file of an export: a SQLite database with the rows of each table, in their order."""

# ruff: noqa: S608 - names of our own tables and columns; no input

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson

from messaging_adapters.storage.sql.rows.bulk_insert import Row
from messaging_adapters.storage.sqlite.schema.constants import MIGRATION_NAMES
from messaging_adapters.storage.transfer.tables import TABLES, Table
from messaging_core.errors import StorageError

FORMAT: Final = 1
"""The version of the format, which is also the `user_version` of the file."""

_APPLICATION: Final = 0x4D534758  # "MSGX"
_SCHEMA: Final = MIGRATION_NAMES[-1]


class ExportFile:
    """Write an export, or read it.

    Besides the tables it has a table `export` of keys and values: `id`, `schema` (the last
    migration of the library that wrote it), `facts` and `counts` (JSON objects), and `complete`
    when everything is in it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._about: dict[str, str] = {}
        if self._number("application_id"):
            rows = connection.execute("SELECT key, value FROM export").fetchall()
            self._about = dict(rows)

    def _number(self, pragma: str) -> int:
        (number,) = self._connection.execute(f"PRAGMA {pragma}").fetchone()
        return int(number)

    @property
    def id(self) -> str:
        """Return what tells this export from others."""
        return self._about["id"]

    @property
    def is_new(self) -> bool:
        """Return whether nothing is in the file yet."""
        return not self._about

    @property
    def is_complete(self) -> bool:
        """Return whether everything is in the file."""
        return "complete" in self._about

    @property
    def facts(self) -> Mapping[str, int]:
        """Return the single numbers of the database."""
        return self._read("facts")

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many rows each table of the database has."""
        return self._read("counts")

    def _read(self, key: str) -> dict[str, int]:
        values: dict[str, int] = orjson.loads(self._about[key])
        return values

    def check(self) -> None:
        """Raise `StorageError` unless this version of the library wrote the file."""
        application, version = self._number("application_id"), self._number("user_version")
        if application not in {0, _APPLICATION} or (not application and self._has_tables()):
            raise StorageError(f"{self.path} is no export: name another file")
        if self.is_new:
            return
        if version != FORMAT or self._about["schema"] != _SCHEMA:
            raise StorageError(
                f"{self.path} was exported by another version of this library (format {version},"
                f" schema {self._about['schema']}): export and import with the same version"
            )

    def _has_tables(self) -> bool:
        return bool(self._connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone())

    def begin(self, facts: Mapping[str, int], counts: Mapping[str, int]) -> None:
        """Make the tables, and write what will be in them."""
        about = {
            "id": str(uuid4()),
            "schema": _SCHEMA,
            "facts": orjson.dumps(facts).decode(),
            "counts": orjson.dumps(counts).decode(),
        }
        with self._transaction():
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {FORMAT}")
            self._connection.execute("CREATE TABLE export (key TEXT PRIMARY KEY, value TEXT)")
            for table in TABLES:
                columns = ", ".join(table.columns)
                self._connection.execute(f"CREATE TABLE {table.name} ({columns})")
            self._note(about)

    def _note(self, about: Mapping[str, str]) -> None:
        self._connection.executemany("INSERT INTO export VALUES (?, ?)", about.items())
        self._about |= about

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def complete(self) -> None:
        """Write that everything is there, durably."""
        self._connection.execute("PRAGMA synchronous = FULL")
        with self._transaction():
            self._note({"complete": "1"})

    def size(self, table: Table) -> int:
        """Return how many rows of a table are there."""
        (last,) = self._connection.execute(f"SELECT max(rowid) FROM {table.name}").fetchone()
        return last or 0

    def last_row(self, table: Table) -> Row | None:
        """Return the last row of a table."""
        row: Row | None = self._connection.execute(
            f"SELECT * FROM {table.name} ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
        return row

    def append(self, table: Table, rows: Sequence[Row]) -> None:
        """Write the next rows of a table; all are there when this returns, or none."""
        marks = ", ".join("?" * len(table.columns))
        with self._transaction():
            self._connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows)

    def rows_from(self, table: Table, place: int) -> list[Row]:
        """Return the next rows of a table, from a place that counts from 0."""
        return self._connection.execute(
            f"SELECT * FROM {table.name} WHERE rowid > ? ORDER BY rowid LIMIT ?",
            (place, table.at_once),
        ).fetchall()


@contextmanager
def to_write(path: Path) -> Iterator[ExportFile]:
    """Open an export that is begun, or a new one, for its owner alone: it has addresses and texts.

    Raises:
        StorageError: The file is something else, or the export is complete.
    """
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    with _connected(path) as connection:
        # What a kill leaves is whole; only a power cut in the middle of an export may damage it.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA synchronous = NORMAL")
        file = ExportFile(path, connection)
        file.check()
        if file.is_complete:
            raise StorageError(f"{path} is a complete export already: import it, or delete it")
        yield file


@contextmanager
def to_read(path: Path) -> Iterator[ExportFile]:
    """Open an export that is complete.

    Raises:
        StorageError: The file is missing, is something else, or the export has not ended.
    """
    if not path.is_file():
        raise StorageError(f"there is no file {path}")
    with _connected(path) as connection:
        file = ExportFile(path, connection)
        file.check()
        if not file.is_complete:
            raise StorageError(f"{path} is not complete: run the export again, it goes on")
        yield file


@contextmanager
def _connected(path: Path) -> Iterator[Any]:
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise StorageError(f"{path} cannot be used as an export: {error}") from error
