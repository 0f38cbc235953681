"""Whether a file may be trusted: it is checked after a stop in the middle, before it is used.

A stop leaves a journal or a write-ahead log with something in it. Processes at work leave the
same; so a file counts as abandoned when nothing about it changes and no other process has it
open. From then on a mark beside it, `…-unchecked`, says that it has to be checked, until a check
succeeds: SQLite itself clears all traces away the first time the file is opened.
"""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep
from types import ModuleType

from messaging_adapters.storage.sqlite.connection import files
from messaging_adapters.storage.sqlite.errors import CORRUPT, code_of, is_busy
from messaging_core.errors import StorageCorruptError
from messaging_core.lazy import logger

_log = logger(__name__)

_STILLNESS = 0.02  # seconds in which a process that commits would have touched a journal
_FAULTS = 5  # as many as are named


def mark(path: Path) -> None:
    """Mark the file, so that every process that opens it checks it first."""
    with suppress(OSError):  # a full or failing disk, of all things; this process knows anyway
        _mark_of(path).touch()


def check_if_abandoned(
    path: Path, *, is_doubtful: bool = False, driver: ModuleType = sqlite3
) -> None:
    """Check the file where it was marked, or was not closed by who had it open last.

    Args:
        path: The file.
        is_doubtful: Check it anyway.
        driver: The module to open it with.

    Raises:
        StorageCorruptError: The file is damaged.
        sqlite3.Error: It could not be checked, for instance because another process locks it.
    """
    is_marked = is_doubtful or _mark_of(path).exists()
    if not is_marked and not _is_left_behind(path):
        return
    with closing(files.connect(path, create=not is_doubtful, driver=driver)) as connection:
        try:
            if _take_alone(connection):
                mark(path)
            elif not is_marked:
                return  # it is in use, and who uses it has checked it
            _check(connection, path)
        except driver.DatabaseError as error:
            if code_of(error) not in CORRUPT:
                raise
            raise StorageCorruptError(f"{path} is damaged: {error}") from error
        _mark_of(path).unlink(missing_ok=True)


def _mark_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-unchecked")


def _is_left_behind(path: Path) -> bool:
    """Return whether a journal lies beside the file that no process is writing to."""
    before = _traces(path)
    if not any(before):
        return False
    sleep(_STILLNESS)
    return _traces(path) == before


def _traces(path: Path) -> list[tuple[bytes, int, int] | None]:
    return [_trace(path.with_name(f"{path.name}-{kind}")) for kind in ("wal", "journal")]


def _trace(journal: Path) -> tuple[bytes, int, int] | None:
    """Return what tells one state of a journal from the next; nothing when it is empty."""
    try:
        with journal.open("rb") as file:
            head = file.read(32)
        status = journal.stat()
    except OSError:
        return None
    return (head, status.st_size, status.st_mtime_ns) if head.strip(b"\0") else None


def _take_alone(connection: sqlite3.Connection) -> bool:
    """Begin a transaction that excludes all other connections; else, one that only reads."""
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except connection.OperationalError as error:
        if not is_busy(error):
            raise
        connection.execute("PRAGMA locking_mode = NORMAL")
        connection.execute("BEGIN")
        return False
    return True


def _check(connection: sqlite3.Connection, path: Path) -> None:
    _log.warning(
        "%s was not closed properly, or had an error: it is checked before it is used", path
    )
    began = monotonic()
    # The full check also compares indexes with tables, and takes several times as long.
    rows = connection.execute(f"PRAGMA quick_check({_FAULTS})").fetchall()
    if rows != [("ok",)]:
        faults = "; ".join(" ".join(row[0].split()) for row in rows)
        raise StorageCorruptError(f"{path} is damaged: {faults}")
    _log.info("%s is sound; the check took %.1f s", path, monotonic() - began)
