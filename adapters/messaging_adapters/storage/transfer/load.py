"""Import a database from a file."""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from messaging_adapters.storage.sql.rows.bulk_insert import Row
from messaging_adapters.storage.transfer.export import Advance, Progress, unseen
from messaging_adapters.storage.transfer.export_file import ExportFile, to_read
from messaging_adapters.storage.transfer.session import Session, opened
from messaging_adapters.storage.transfer.tables import ACTED_UPON, TABLES, Table
from messaging_core.errors import StorageError
from messaging_core.ports.storage.transaction import Storage


def import_storage(
    storage: Storage,
    path: str | os.PathLike[str],
    *,
    now: datetime,
    progress: Progress = unseen,
) -> int:
    """Write everything that an export holds into an empty database, and return how many rows.

    An import that was interrupted goes on when it is called again.

    Args:
        storage: A `SqliteStorage` or `PostgresStorage`.
        path: The file that `export_storage` has written.
        now: The time.
        progress: Shows how far it has come.

    Raises:
        StorageError: The file is no complete export of this version; the database is not empty, or
            a worker is running there, or has begun meanwhile; or the numbers of rows differ at the
            end.
    """
    with to_read(Path(path)) as file:
        return _Import(storage, file, now, progress).run()


class _Import:
    """One run of an import.

    Attributes:
        done: How many rows are in the database.
    """

    def __init__(
        self, storage: Storage, file: ExportFile, now: datetime, progress: Progress
    ) -> None:
        self._storage, self._file, self._now, self._progress = storage, file, now, progress
        self.done = self._begin()

    def _begin(self) -> int:
        with opened(self._storage) as session:
            session.refuse_workers(self._now)
            begun = session.imports()
            if not begun:
                session.begin_import(self._file.id)
            elif self._file.id not in begun:
                raise StorageError(
                    "the import of another file has begun in this database: end it, or import into"
                    " a new database"
                )
            return begun.get(self._file.id, 0)

    def run(self) -> int:
        total, before = sum(self._file.counts.values()), 0
        with self._progress(total) as advance:
            advance(self.done)
            for table in TABLES[:-ACTED_UPON]:
                for rows in self._missing(table, before):
                    with opened(self._storage) as session:
                        session.refuse_workers(self._now)
                        self._load(session, table, rows)
                    advance(len(rows))
                before += self._file.counts[table.name]
            self._finish(before, advance)
        return total

    def _finish(self, before: int, advance: Advance) -> None:
        """Write what a worker acts upon, all at once: it sees none of it, or a whole database."""
        with opened(self._storage) as session:
            session.refuse_workers(self._now)
            for table in TABLES[-ACTED_UPON:]:
                for rows in self._missing(table, before):
                    self._load(session, table, rows)
                    advance(len(rows))
                before += self._file.counts[table.name]
            self._end(session)

    def _missing(self, table: Table, before: int) -> Iterator[list[Row]]:
        """Yield the rows of a table that are missing.

        Args:
            table: The table.
            before: How many rows stand before its first one.
        """
        while self.done < before + self._file.counts[table.name]:
            rows = self._file.rows_from(table, self.done - before)
            if not rows:
                raise StorageError(
                    f"{self._file.path} is damaged: rows of {table.name} are missing"
                )
            yield rows
            self.done += len(rows)

    def _load(self, session: Session, table: Table, rows: Sequence[Row]) -> None:
        session.insert(table, rows)
        session.advance_import(self._file.id, self.done, self.done + len(rows))

    def _end(self, session: Session) -> None:
        for table in TABLES:
            actual, exported = session.count(table), self._file.counts[table.name]
            if actual != exported:
                raise StorageError(
                    f"{table.name} has {actual} rows and should have {exported}: something else"
                    " has written to the database; import into a new one"
                )
        session.set_facts(self._file.facts)
        session.end_import(self._file.id)
