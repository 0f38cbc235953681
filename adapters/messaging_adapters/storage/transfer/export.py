"""Export a database to a file."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path

from messaging_adapters.storage.transfer.export_file import ExportFile, to_write
from messaging_adapters.storage.transfer.session import Session, opened
from messaging_adapters.storage.transfer.tables import TABLES, Table
from messaging_core.errors import StorageError
from messaging_core.ports.storage.transaction import Storage

Advance = Callable[[int], None]
Progress = Callable[[int], AbstractContextManager[Advance]]
"""Take the number of all rows, and yield what is called with how many more are done."""


@contextmanager
def unseen(total: int) -> Iterator[Advance]:  # noqa: ARG001 - as Progress has it
    """Show no progress."""
    yield lambda _: None


def export_storage(
    storage: Storage,
    path: str | os.PathLike[str],
    *,
    now: datetime,
    progress: Progress = unseen,
) -> int:
    """Write everything that a database holds into a file, and return how many rows.

    Nothing else can write to the database meanwhile. An export that was interrupted goes on when
    it is called again.

    Args:
        storage: A `SqliteStorage` or `PostgresStorage`.
        path: The file; it is made, and only its owner may read it.
        now: The time.
        progress: Shows how far it has come.

    Raises:
        StorageError: A worker is running; the file is something else, or complete; or the database
            has changed since an interrupted export began.
        StorageBusyError: Another process writes to the database.
    """
    with to_write(Path(path)) as file, opened(storage) as session:
        session.refuse_workers(now)
        session.freeze()
        _begin(session, file)
        total = sum(file.counts.values())
        with progress(total) as advance:
            for table in TABLES:
                _compare(session, file, table)
                advance(file.size(table))
                _copy(session, file, table, advance)
        file.complete()
        return total


def _begin(session: Session, file: ExportFile) -> None:
    facts = session.facts()
    counts = {table.name: session.count(table) for table in TABLES}
    if file.is_new:
        file.begin(facts, counts)
    elif (file.facts, file.counts) != (facts, counts):
        raise _changed(file)


def _compare(session: Session, file: ExportFile, table: Table) -> None:
    """Raise `StorageError` unless the rows that are copied already are still the same.

    Contacts, receipts and cursors are replaced in place, which changes no number.
    """
    place, last = 0, None
    while rows := file.rows_from(table, place):
        if session.rows_after(table, last)[: len(rows)] != rows:
            raise _changed(file)
        place, last = place + len(rows), rows[-1]


def _changed(file: ExportFile) -> StorageError:
    return StorageError(
        f"the database has changed since the export to {file.path} began: delete the file,"
        " stop what writes to the database, and export again"
    )


def _copy(session: Session, file: ExportFile, table: Table, advance: Advance) -> None:
    while rows := session.rows_after(table, file.last_row(table)):
        file.append(table, rows)
        advance(len(rows))
    if file.size(table) != file.counts[table.name]:
        raise StorageError(
            f"{table.name} has {file.counts[table.name]} rows, of which {file.size(table)} could"
            f" be read: check the database, delete {file.path} and export again"
        )
