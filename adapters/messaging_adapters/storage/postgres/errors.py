"""What errors of PostgreSQL mean to the caller."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg

from messaging_core.errors import (
    SchemaError,
    StorageBusyError,
    StorageConflictError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
)

REMEDY: Final = (
    "make the tables with PostgresStorage.migrate(), or in your own migrations with"
    " PostgresStorage.schema_statements(); if they are there, look at the search_path"
)
"""How to get the tables right."""
HANDED_BACK: Final = (
    "a statement of this transaction failed, so it was rolled back: repeat all of it"
)

_KINDS: Final[Mapping[str, type[StorageError]]] = {
    "40001": StorageConflictError,  # serialization failure, under a host's isolation level
    "40P01": StorageConflictError,  # deadlock
    "23505": StorageConflictError,  # another transaction wrote the same key meanwhile
    "55P03": StorageBusyError,  # lock_timeout
    "57014": StorageBusyError,  # statement_timeout
    "53300": StorageBusyError,  # too many connections
    "25P03": StorageBusyError,  # idle for too long inside the transaction
    "53100": StorageFullError,  # disk full
    "XX001": StorageCorruptError,
    "XX002": StorageCorruptError,
    "25006": StorageUnavailableError,  # a standby, or a server that takes no writes
}
_HINTS: Final[Mapping[str, str]] = {
    "40001": "the whole transaction may be repeated",
    "40P01": "the whole transaction may be repeated",
    "23505": "another transaction wrote the same key meanwhile; the whole may be repeated",
    "55P03": "another transaction held the row for too long; the call may be repeated",
    "53100": "free some space on the disk of the server, then the call may be repeated",
    "25006": (
        "the server is a standby, or read-only: connect to the primary, for instance with several"
        " hosts and target_session_attrs=read-write in the DSN"
    ),
}
_TABLES: Final = frozenset({"42P01", "42703", "42883", "42P10"})
_LOST: Final = ("08", "57P")


def translate(error: psycopg.Error) -> Exception:
    """Return the port's error for one of the driver.

    The text names what the server says first: details and contexts of errors quote values.
    """
    state = error.sqlstate or ""
    text = error.diag.message_primary or str(error).partition("\n")[0]
    if isinstance(error, psycopg.errors.PipelineAborted):  # the statement before it failed
        return StorageError(HANDED_BACK)
    if state in _TABLES:
        return SchemaError([text], REMEDY)
    if state in _KINDS:
        hint = _HINTS.get(state)
        return _KINDS[state](f"{text}: {hint}" if hint else text)
    if is_lost(error):
        return StorageUnavailableError(
            f"the connection to PostgreSQL was lost: {text}; nothing was written, and the call may"
            " be repeated"
        )
    return StorageError(text)


def is_lost(error: psycopg.Error) -> bool:
    """Return whether the connection is of no use any more."""
    if error.diag.severity_nonlocalized == "PANIC":  # of any code: the whole server stops
        return True
    if error.sqlstate:
        return error.sqlstate.startswith(_LOST) and error.sqlstate != "57014"
    is_of_pipeline = isinstance(error, psycopg.errors.PipelineAborted)
    return isinstance(error, psycopg.OperationalError) and not is_of_pipeline


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the driver into the port's."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error
