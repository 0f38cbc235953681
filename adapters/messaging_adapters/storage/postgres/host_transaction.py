"""The host's own transaction: found in what the host holds, joined, and left as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from messaging_adapters.storage.postgres.cursor import Connection, raw_cursor
from messaging_core.errors import ConfigurationError, StorageError

_NUMBERS: Final = count(1)
_BEGIN_FIRST: Final = "begin a transaction on this connection first"
_ASYNC: Final = (
    "connection= takes no connection of asyncio ({kind}): inside `await session.run_sync(f)` or"
    " `await connection.run_sync(f)`, pass what f is given; or use a synchronous driver"
)


@contextmanager
def joined(raw: Connection) -> Iterator[None]:
    """Work inside the host's transaction, all or nothing, and leave it open.

    Never with `raw.transaction()`: that commits where the host has begun nothing.
    """
    status = raw.info.transaction_status
    if status == TransactionStatus.IDLE and raw.autocommit:
        raise ConfigurationError(_BEGIN_FIRST)
    if status == TransactionStatus.INERROR:
        raise StorageError("the host's transaction has failed: roll it back first")
    name = f"messaging_{next(_NUMBERS)}"
    cursor = raw_cursor(raw)
    # The driver begins the host's transaction with it, where none is open yet.
    cursor.execute(f"SAVEPOINT {name}")
    is_done = False
    try:
        yield
        cursor.execute(f"RELEASE SAVEPOINT {name}")
        is_done = True
    finally:
        if not is_done and _is_open(raw):
            cursor.execute(f"ROLLBACK TO SAVEPOINT {name}")
            cursor.execute(f"RELEASE SAVEPOINT {name}")


def _is_open(raw: Connection) -> bool:
    states = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
    return not raw.closed and raw.info.transaction_status in states


def synchronous(connection: Any) -> psycopg.Connection[Any]:
    """Return the connection of psycopg inside one of the host's, where it is not of asyncio.

    Raises:
        ConfigurationError: It is, or has none.
    """
    raw = driver_connection(connection)
    if isinstance(raw, psycopg.AsyncConnection):
        raise ConfigurationError("tables are made and checked through a synchronous connection")
    return raw


def driver_connection(connection: Any) -> Connection:
    """Return the connection of psycopg inside one of the host's.

    SQLAlchemy and Django are never imported: their connections are known by what they can do. The
    transaction of a `Connection` of SQLAlchemy is begun, so that its `commit` and `rollback` end
    what is written below it.

    Raises:
        ConfigurationError: It has none, or cannot be used as it is.
    """
    if isinstance(connection, psycopg.Connection):
        return connection
    if hasattr(type(connection), "run_sync"):
        raise ConfigurationError(_ASYNC.format(kind=type(connection).__name__))
    driver = _of_django(connection) if _is_django(connection) else _of_sqlalchemy(connection)
    if isinstance(driver, psycopg.Connection | psycopg.AsyncConnection):
        return driver
    raise ConfigurationError(
        "connection= takes a psycopg.Connection, a Connection or Session of SQLAlchemy on one"
        f" (postgresql+psycopg://), or a connection of Django, not {_described(driver)}"
    )


def _described(driver: Any) -> str:
    kind = type(driver)
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"


def _is_django(connection: Any) -> bool:
    return hasattr(connection, "in_atomic_block") and hasattr(connection, "ensure_connection")


def _of_django(connection: Any) -> Any:
    if not connection.in_atomic_block:
        raise ConfigurationError(f"{_BEGIN_FIRST}: with transaction.atomic()")
    connection.ensure_connection()
    return connection.connection


def _of_sqlalchemy(connection: Any) -> Any:
    if callable(getattr(connection, "connection", None)):  # a Session begins as it gives it out
        connection = connection.connection()
    if callable(getattr(connection, "in_nested_transaction", None)):
        if not connection.in_transaction():
            # Without this the host's `commit` would do nothing, and the pool would roll back.
            connection.begin()
        connection = connection.connection
    return getattr(connection, "driver_connection", connection)
