"""What errors of SQLite mean: to the caller, and to the connection that had them."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from messaging_core.errors import (
    ReadTimeoutError,
    SchemaError,
    StorageBusyError,
    StorageConflictError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
)
from messaging_core.ports.time_limit import INTERRUPTED

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_KINDS: dict[int, type[StorageError]] = {
    sqlite3.SQLITE_FULL: StorageFullError,
    **dict.fromkeys(CORRUPT, StorageCorruptError),
}
# After these it is unknown what reached the disk: an fsync that failed once may succeed the next
# time without having written what the first one had to. And a connection that was opened while the
# file could not be written stays as it is when the file can be written again.
_DOUBTFUL = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, *CORRUPT}

# What SQLite says about our statements when the tables are missing, or of another version.
_OTHER_TABLES = re.compile(
    r"no such table: (main\.)?messaging_|table messaging_\w+ has |no such column"
)

REMEDY = (
    "make the tables with SqliteStorage.migrate(), "
    "or in your own migrations with SqliteStorage.schema_statements()"
)
"""How to get the tables right."""


_NO_TEXT = "Could not decode to UTF-8"
DAMAGED_TEXT = "a text in this file is damaged. From now on it is read as it is: repeat the call"
"""What becomes of the transaction that is the first to read one."""

BUSY = (
    "another connection has a transaction open in this file. If it is your own code's, pass it as"
    " connection= to take part in it, or commit it first; else another process took too long,"
    " and the call may be repeated"
)
"""Why our own connection does not get its turn, and what to do."""


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether another connection held the lock."""
    return code_of(error) in _BUSY


def is_doubtful(error: sqlite3.Error) -> bool:
    """Return whether the connection can be trusted no longer."""
    return code_of(error) in _DOUBTFUL


def is_damaged_text(error: sqlite3.Error) -> bool:
    """Return whether Python could not decode a text; SQLite itself had no error."""
    return not hasattr(error, "sqlite_errorcode") and str(error).startswith(_NO_TEXT)


def decode_damaged(text: bytes) -> str:
    """Return a text whose damaged bytes stand as lone surrogates, which its reader refuses."""
    return text.decode("utf-8", "surrogateescape")


def translate(error: sqlite3.Error, where: str = "", *, remedy: str = "") -> Exception:
    """Return the port's error for one of SQLite.

    Args:
        error: It.
        where: Put before what SQLite says.
        remedy: Put after it, where another connection was in the way.
    """
    code, text = code_of(error), f"{where}{error}"
    if is_damaged_text(error):
        return StorageConflictError(DAMAGED_TEXT)  # never what the text says
    if code in _BUSY:
        return StorageBusyError(f"{text}: {remedy}" if remedy else text)
    if code == sqlite3.SQLITE_INTERRUPT:
        return ReadTimeoutError(INTERRUPTED)
    if code == sqlite3.SQLITE_ERROR and _OTHER_TABLES.search(text):
        return SchemaError([text], REMEDY)
    return _KINDS.get(code, StorageError)(text)


@contextmanager
def translated(errors: type[sqlite3.Error]) -> Iterator[None]:
    """Turn errors of SQLite into the port's; `errors` is the root of the driver's."""
    try:
        yield
    except errors as error:
        raise translate(error) from error


def code_of(error: sqlite3.Error) -> int:
    """Return the primary code, without what extends it."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
