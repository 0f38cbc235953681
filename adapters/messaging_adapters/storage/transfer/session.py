"""One transaction that reads or writes whole tables, below the storage's port."""

# ruff: noqa: S608 - names of our own tables and columns; no input

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, cast

from messaging_adapters.storage.sql.rows.bulk_insert import BulkInsert, Row
from messaging_adapters.storage.sql.transaction import SqlTransaction
from messaging_adapters.storage.sqlite.storage import SqliteStorage
from messaging_adapters.storage.transfer.tables import FACTS, TABLES, Table
from messaging_core.errors import ConfigurationError, StorageError
from messaging_core.models.delivery.health import SILENT_AFTER
from messaging_core.ports.storage.transaction import Storage

Facts = Mapping[str, int]
"""The last numbers that were given to events, messages and receipts, by their names."""

_MARK: Final = "import "
_HIGHEST: Final = (
    ("last_event", "events"),
    ("last_message", "messages"),
    ("last_receipt", "receipts"),
)

_WITHOUT_WORKSPACE: Final = {"messaging_subjects", "messaging_documents"}
"""The tables that have no workspace in SQLite; there it is that of the message."""


class Session:
    """Read and write whole tables through the cursor of one transaction."""

    def __init__(self, tx: SqlTransaction) -> None:
        self._tx = tx
        self._dialect = tx.dialect
        self._cursor: Any = tx.dialect.cursor

    def refuse_workers(self, now: datetime) -> None:
        """Raise `StorageError` if a worker is running.

        Args:
            now: The time.
        """
        for worker in self._tx.workers.find(limit=1):
            if now - worker.seen_at <= SILENT_AFTER:
                raise StorageError(
                    f"a worker is running on {worker.host} (process {worker.process}): stop all"
                    f" workers; one that was killed counts as stopped after"
                    f" {SILENT_AFTER.total_seconds():.0f} s"
                )

    def freeze(self) -> None:
        """Let nothing else write before the transaction ends."""

    def source(self, table: Table) -> str:
        """Return where the rows of a table are, with the columns of an export."""
        return table.name

    def order(self, table: Table) -> tuple[str, ...]:
        """Return the columns by which an index finds rows in their order."""
        return table.key

    def count(self, table: Table) -> int:
        """Return how many rows a table has."""
        (count,) = self._cursor.execute(f"SELECT count(*) FROM {self.source(table)}").fetchone()
        return int(count)

    def rows_after(self, table: Table, last: Row | None) -> list[Row]:
        """Return the next rows of a table, in their order, after one or from the first."""
        order = self.order(table)
        key = ", ".join(order)
        beyond = f" WHERE ({key}) > ({', '.join('?' * len(order))})" if last else ""
        values = [last[table.columns.index(column)] for column in order] if last else []
        return self._cursor.execute(  # type: ignore[no-any-return] # tuples
            f"SELECT {', '.join(table.columns)} FROM {self.source(table)}{beyond}"
            f" ORDER BY {key} LIMIT ?",
            (*values, table.at_once),
        ).fetchall()

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows with the columns of an export."""
        if table.name == "messaging_subjects":
            self._dialect.add_subjects(_by_workspace(rows))
        elif table.name == "messaging_documents":
            self._dialect.add_documents(_by_workspace(rows))
        else:
            self._insert(table.name, table.columns, rows)

    def _insert(self, name: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        marks = ", ".join("?" * len(columns))
        self._dialect.insert(BulkInsert(f"{name} ({', '.join(columns)})", f"({marks})"), rows)

    def facts(self) -> Facts:
        """Return the single numbers, each as high as what is in the tables."""
        rows = self._cursor.execute(f"SELECT name, value FROM {FACTS}").fetchall()
        facts = {name: value for name, value in rows if not name.startswith(_MARK)}
        for name, table in _HIGHEST:
            (last,) = self._cursor.execute(
                f"SELECT max(position) FROM messaging_{table}"
            ).fetchone()
            facts[name] = max(facts.get(name, 0), last or 0)
        return facts

    def set_facts(self, facts: Facts) -> None:
        """Write the single numbers."""
        self._cursor.executemany(
            f"UPDATE {FACTS} SET value = ? WHERE name = ?",
            [(value, name) for name, value in facts.items()],
        )

    def imports(self) -> Mapping[str, int]:
        """Return how many rows of which exports are here, as far as imports have not ended."""
        rows = self._cursor.execute(f"SELECT name, value FROM {FACTS}").fetchall()
        return {name.removeprefix(_MARK): value for name, value in rows if name.startswith(_MARK)}

    def begin_import(self, export_id: str) -> None:
        """Write that an import has begun.

        Raises:
            StorageError: The database is not empty.
        """
        for table in TABLES:
            if self.rows_after(table, None):
                raise StorageError(
                    f"the database to import into is not empty: {table.name} has rows; import"
                    " into a new one"
                )
        self._cursor.execute(
            f"INSERT INTO {FACTS} (name, value) VALUES (?, 0)", (_MARK + export_id,)
        )

    def advance_import(self, export_id: str, before: int, now: int) -> None:
        """Write how many rows are imported.

        Raises:
            StorageError: Another import has gone on meanwhile.
        """
        self._cursor.execute(
            f"UPDATE {FACTS} SET value = ? WHERE name = ? AND value = ?",
            (now, _MARK + export_id, before),
        )
        if self._cursor.rowcount != 1:
            raise StorageError("another import works on the same database: let one end")

    def end_import(self, export_id: str) -> None:
        """Write that an import has ended."""
        self._cursor.execute(f"DELETE FROM {FACTS} WHERE name = ?", (_MARK + export_id,))


class SqliteSession(Session):
    """The same in SQLite, where a transaction that may write lets no other write."""

    def source(self, table: Table) -> str:
        if table.name not in _WITHOUT_WORKSPACE:
            return table.name
        columns = ", ".join(f"m.{c}" if c == "workspace" else f"t.{c}" for c in table.columns)
        return (
            f"(SELECT {columns} FROM {table.name} t"
            " CROSS JOIN messaging_messages m ON m.position = t.position) AS t"
        )

    def order(self, table: Table) -> tuple[str, ...]:
        by_message = {"messaging_evidence", "messaging_message_webhooks"}
        return ("message_id",) if table.name in by_message else table.key


@contextmanager
def opened(storage: Storage) -> Iterator[Session]:
    """Yield a transaction that may write.

    Raises:
        ConfigurationError: The storage is neither in SQLite nor in PostgreSQL.
    """
    kind = _kind_of(storage)
    with storage.begin() as tx:
        yield kind(cast("SqlTransaction", tx))


def _kind_of(storage: Storage) -> type[Session]:
    if isinstance(storage, SqliteStorage):
        return SqliteSession
    postgres = sys.modules.get("messaging_adapters.storage.postgres")  # its driver is an extra
    if postgres is not None and isinstance(storage, postgres.PostgresStorage):
        from messaging_adapters.storage.transfer.postgres_session import (  # noqa: PLC0415
            PostgresSession,
        )

        return PostgresSession
    raise ConfigurationError(
        f"only a SqliteStorage or a PostgresStorage can be moved, not {type(storage).__name__}"
    )


def _by_workspace(rows: Sequence[Row]) -> list[tuple[bytes, int, Any]]:
    """Return what stands in an export as position, workspace and content, the workspace first."""
    return [(workspace, position, content) for position, workspace, content in rows]
