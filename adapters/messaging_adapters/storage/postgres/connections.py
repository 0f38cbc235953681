"""The connections of a storage: pooled, and replaced when the server was lost."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from math import inf
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout

from messaging_adapters.storage.postgres.cursor import adapt
from messaging_adapters.storage.postgres.errors import HANDED_BACK, is_lost, translate
from messaging_core.errors import (
    CommitUnknownError,
    ReadTimeoutError,
    StorageBusyError,
    StorageError,
    StorageUnavailableError,
)
from messaging_core.ports.time_limit import INTERRUPTED, time_to_read

_CANCELLED: Final = "57014"
_CLOSED: Final = "the storage is closed: make a new one"
_LOST_AT_COMMIT: Final = (
    "the connection to PostgreSQL was lost during the commit: all of it was written, or nothing."
    " A request with an idempotency key can be repeated"
)


class Session:
    """A connection inside a transaction.

    Args:
        connection: Of the driver.
        stack: Ends the pipeline.
        read_only: The transaction writes nothing.

    Attributes:
        pipeline: Of the connection, where the driver has one.
        read_only: Whether the transaction writes nothing.
        is_over: Whether it is committed.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], stack: ExitStack, *, read_only: bool
    ) -> None:
        self.connection = connection
        self.pipeline = _enter(stack, connection)
        self.is_over = False
        self._stack = stack
        self.read_only = read_only

    def commit(self) -> None:
        """Commit, together with what was sent before."""
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            raise StorageError(HANDED_BACK)
        try:
            commit = self.connection.execute("COMMIT")
            self._stack.close()  # waits for the answers
        except psycopg.Error as error:
            if is_lost(error) and not self.read_only:
                raise CommitUnknownError(_LOST_AT_COMMIT) from error
            raise
        if commit.statusmessage != "COMMIT":  # of a transaction that failed: ROLLBACK
            raise StorageError(HANDED_BACK)
        self.is_over = True


class Connections:
    """Give each transaction a connection of its own.

    Args:
        dsn: Where the server is.
        most: How many connections are open at once.
        busy_timeout: How long to wait for a connection, and for a row that another has locked.
        prepare: Whether statements are prepared that are used often.
    """

    def __init__(self, dsn: str, most: int, busy_timeout: timedelta, *, prepare: bool) -> None:
        self.dsn = dsn
        self._most = most
        self._seconds = busy_timeout.total_seconds()
        self._options = {"autocommit": True, "prepare_threshold": 5 if prepare else None}
        self._pool: ConnectionPool[psycopg.Connection[Any]] | None = None
        self._is_closed = False

    def connect(self) -> psycopg.Connection[Any]:
        """Open a connection beside the pool."""
        connection = psycopg.connect(self.dsn, **self._options)  # type: ignore[arg-type]
        self._configure(connection)
        return connection

    def _configure(self, connection: psycopg.Connection[Any]) -> None:
        # What a host or a role has set as its default must not change what locks are worth here.
        adapt(connection.adapters)
        connection.execute(
            "SELECT set_config('default_transaction_isolation', 'read committed', false),"
            " set_config('lock_timeout', %s, false)",
            (str(max(1, int(self._seconds * 1000))),),
        )

    def _opened(self) -> ConnectionPool[psycopg.Connection[Any]]:
        if self._is_closed:
            raise StorageError(_CLOSED)
        if self._pool is None:
            self._pool = ConnectionPool(
                self.dsn,
                min_size=0,
                max_size=self._most,
                kwargs=self._options,
                configure=self._configure,
                timeout=self._seconds,
                reconnect_timeout=self._seconds,
                name="messaging",
                open=True,
            )
        return self._pool

    @contextmanager
    def transaction(self, *, read_only: bool) -> Iterator[Session]:
        """Lend a connection inside a transaction, which ends with the block.

        Statements are sent without a wait for their answers. Who reads one waits for those before
        it too; the last ones are answered together with the commit. So an error may be raised by
        a later statement than the one it is about, or by the commit, but is never lost.
        """
        pool = self._opened()
        seconds = time_to_read(read_only=read_only)
        connection = self._taken_alive(pool, min(self._seconds, seconds))
        pipeline = ExitStack()
        try:
            session = Session(connection, pipeline, read_only=read_only)
            connection.execute("BEGIN")
            if seconds < inf:
                connection.execute(statement_timeout(seconds))
            yield session
            if not session.is_over:
                session.commit()
        except psycopg.Error as error:
            if error.sqlstate == "25006":  # a server that was the primary
                connection.close()
            if seconds < inf and error.sqlstate == _CANCELLED:
                raise ReadTimeoutError(INTERRUPTED) from error
            raise translate(error) from error
        finally:
            _roll_back(connection, pipeline)
            pool.putconn(connection)

    def _taken_alive(
        self, pool: ConnectionPool[psycopg.Connection[Any]], seconds: float
    ) -> psycopg.Connection[Any]:
        """Return a connection that answers: after a lost server, the pooled ones do not."""
        while True:
            connection = self._taken(pool, seconds)
            if _is_alive(connection):
                return connection
            connection.close()
            pool.putconn(connection)

    def _taken(
        self, pool: ConnectionPool[psycopg.Connection[Any]], seconds: float
    ) -> psycopg.Connection[Any]:
        try:
            return pool.getconn(seconds)
        except PoolTimeout as error:
            if pool.get_stats().get("pool_size", 0) >= self._most:
                raise StorageBusyError(
                    f"all {self._most} connections were in use for {seconds:.3g} s: keep"
                    " transactions short, or raise max_connections"
                ) from error
            raise StorageUnavailableError(
                f"PostgreSQL gave no connection within {seconds:.3g} s: look whether the server"
                " runs, and whether the DSN is right"
            ) from error

    def forget(self) -> None:
        """Leave the connections to the parent process, after a fork."""
        self._pool = None

    def close(self) -> None:
        """Close them all."""
        self._is_closed = True
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


def statement_timeout(seconds: float) -> str:
    """Return what lets the server interrupt statements of a transaction after a time."""
    return f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}"


def _enter(stack: ExitStack, connection: psycopg.Connection[Any]) -> psycopg.Pipeline | None:
    """Begin to send without waiting, where the driver's libpq can: it is of version 14 or later."""
    if not psycopg.Pipeline.is_supported():
        return None
    return stack.enter_context(connection.pipeline())


def _is_alive(connection: psycopg.Connection[Any]) -> bool:
    """Return False where the server has ended the connection; nothing is sent."""
    try:
        connection.pgconn.consume_input()  # why it ended
        connection.pgconn.is_busy()
        connection.pgconn.consume_input()  # that it ended
    except psycopg.Error:
        return False
    return not connection.closed


def _roll_back(connection: psycopg.Connection[Any], pipeline: ExitStack) -> None:
    """End a transaction that was not committed; close a connection that cannot even do that."""
    with suppress(psycopg.Error):  # what was raised before is the reason
        pipeline.close()
    if connection.closed or connection.info.transaction_status == TransactionStatus.IDLE:
        return
    try:
        if connection.info.transaction_status == TransactionStatus.INERROR:
            # What was to be prepared behind the error was not, which only this lets psycopg forget.
            connection.rollback()
        else:
            connection.execute("ROLLBACK")
    except psycopg.Error:
        with suppress(psycopg.Error):
            connection.close()
