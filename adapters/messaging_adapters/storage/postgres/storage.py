"""Messages in PostgreSQL, for as many accepting and delivering processes as you like."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import psycopg

from messaging_adapters.storage.postgres.connections import Connections
from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_adapters.storage.postgres.dialect import PostgresDialect
from messaging_adapters.storage.postgres.errors import is_lost, translate, translated
from messaging_adapters.storage.postgres.host_transaction import (
    driver_connection,
    joined,
    synchronous,
)
from messaging_adapters.storage.postgres.notifications import Announcer, Listener
from messaging_adapters.storage.postgres.schema import check
from messaging_adapters.storage.postgres.stores.contacts import PostgresContacts
from messaging_adapters.storage.postgres.stores.lists import PostgresContactLists
from messaging_adapters.storage.postgres.stores.messages import PostgresMessages
from messaging_adapters.storage.postgres.stores.outbox import PostgresOutbox
from messaging_adapters.storage.postgres.stores.rates import PostgresRates
from messaging_adapters.storage.postgres.stores.receipts import PostgresReceipts
from messaging_adapters.storage.postgres.stores.retention import PostgresRetention
from messaging_adapters.storage.postgres.stores.suppressions import PostgresSuppressions
from messaging_adapters.storage.postgres.stores.timeline import PostgresTimeline
from messaging_adapters.storage.postgres.stores.webhooks import PostgresWebhooks
from messaging_adapters.storage.sql.storage import SqlStorage
from messaging_adapters.storage.sql.transaction import SqlTransaction
from messaging_core.arguments import a_text, checked, flag, span, whole
from messaging_core.errors import ConfigurationError
from messaging_core.fork import ForkAware, watch_forks
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.ports.storage.wake_up import SupportsWakeUp


class PostgresTransaction(SqlTransaction):
    """Everything one transaction can do, through one cursor.

    A store that is not named here needs no statements of its own.
    """

    def __init__(self, cursor: PostgresCursor, scan_budget: int, *, read_only: bool) -> None:
        dialect = PostgresDialect(cursor, read_only=read_only)
        super().__init__(dialect, scan_budget)
        self.messages = PostgresMessages(dialect, scan_budget)
        self.outbox = PostgresOutbox(dialect)
        self.early_outbox = self.outbox if cursor.commits_early else None
        self.contacts = PostgresContacts(dialect)
        self.lists = PostgresContactLists(dialect)
        self.suppressions = PostgresSuppressions(dialect)
        self.receipts = PostgresReceipts(dialect)
        self.timeline = PostgresTimeline(dialect)
        self.retention = PostgresRetention(dialect)
        self.rates = PostgresRates(dialect)
        self.webhooks = PostgresWebhooks(dialect)


@contextmanager
def transaction_through(
    cursor: PostgresCursor, scan_budget: int, *, read_only: bool
) -> Iterator[Transaction]:
    """Yield a transaction; at its end, write what its stores left to be written later."""
    yield PostgresTransaction(cursor, scan_budget, read_only=read_only)
    cursor.flush()


class PostgresStorage(SqlStorage, ForkAware, SupportsWakeUp):
    """Keep messages in PostgreSQL 14 or later.

    Threads and processes work at once, each in a transaction of its own (READ COMMITTED): they
    wait for one another only where they decide about the same message, address or key. All tables
    begin with `messaging_`, in the first schema of the connection's search path.

    A lost server is found again by itself. A forked child opens connections of its own.

    Args:
        dsn: Where the server is: a URL `postgresql://…` or `name=value` pairs, as libpq reads
            them. What is not named comes from the environment (`PGHOST`, `PGPASSWORD` …).
        max_connections: How many connections one process opens, as they are needed.
        busy_timeout: How long to wait for a connection, and for a row that another transaction
            has locked, before `StorageBusyError`.
        scan_budget: How many candidates a page of a listing may look at beyond its limit.
        migrate: Make the tables and bring them up to date; else only look whether they are.
        prepare: Prepare statements that are used often. A pooler between us and the server that
            gives out a connection for each transaction may not allow it.
        notify: Wake the workers of other processes with NOTIFY, some time after each commit, so
            that they need not wait until they look. That takes one more connection of a process
            that accepts, and one of a worker. A pooler that gives out a connection for each
            transaction has no LISTEN.

    Raises:
        ConfigurationError: The server cannot be reached, or refuses us.
        SchemaError: The tables are of a newer version, or not up to date and `migrate` is false.
    """

    @checked(
        dsn=a_text,
        max_connections=whole(1),
        busy_timeout=span(timedelta(0)),
        scan_budget=whole(0),
        migrate=flag,
        prepare=flag,
        notify=flag,
    )
    def __init__(  # noqa: PLR0913 - one argument for each choice, all by name
        self,
        dsn: str,
        *,
        max_connections: int = 10,
        busy_timeout: timedelta = timedelta(seconds=5),
        scan_budget: int = 1000,
        migrate: bool = True,
        prepare: bool = True,
        notify: bool = False,
    ) -> None:
        self._scan_budget = scan_budget
        self._connections = Connections(dsn, max_connections, busy_timeout, prepare=prepare)
        self._notifies = notify
        self._announcer = Announcer(self._connections.connect)
        self._listener = Listener(self._connections.connect)
        self._process = os.getpid()
        self._prepare_tables(migrates=migrate)
        watch_forks(self)

    def _prepare_tables(self, *, migrates: bool) -> None:
        try:
            with self._connections.connect() as connection:
                if check.require(connection, migrates=migrates):
                    _migrated(connection)
        except psycopg.Error as error:
            if is_lost(error):
                text = str(error).partition("\n")[0]
                raise ConfigurationError(f"PostgreSQL cannot be reached: {text}") from error
            raise translate(error) from error

    @staticmethod
    def schema_statements() -> tuple[str, ...]:
        return check.statements()

    @staticmethod
    def migrate(where: Any) -> None:
        """Make the tables, or bring them up to date; where they are, nothing happens.

        Args:
            where: A DSN, or a connection of the host's own as for `begin`: then the tables are
                part of its transaction.

        Raises:
            SchemaError: A newer version of this library has changed them.
        """
        if isinstance(where, str):
            PostgresStorage(where).close()
            return
        raw = synchronous(where)
        with translated(), joined(raw):
            check.apply(raw)

    def _check_own(self) -> None:
        with self._connections.transaction(read_only=True) as session:
            check.check(session.connection)

    def _check_hosts(self, connection: Any) -> None:
        with translated():
            check.check(synchronous(connection))

    @contextmanager
    def _begin_hosts(self, connection: Any, *, read_only: bool) -> Iterator[Transaction]:
        raw = driver_connection(connection)
        with translated(), joined(raw):
            cursor = PostgresCursor(raw, locks=not read_only)
            with transaction_through(cursor, self._scan_budget, read_only=read_only) as tx:
                yield tx

    @contextmanager
    def _begin_own(self, *, read_only: bool) -> Iterator[Transaction]:
        if os.getpid() != self._process:  # forked by code that does not tell Python
            self.after_fork_in_child()
        with self._connections.transaction(read_only=read_only) as session:
            cursor = PostgresCursor(
                session.connection,
                locks=not read_only,
                pipeline=session.pipeline,
                is_ours=True,
                commit=session.commit,
            )
            with transaction_through(cursor, self._scan_budget, read_only=read_only) as tx:
                yield tx

    def announce(self) -> None:
        if self._notifies:
            self._announcer.announce()

    def listening(self, wake: Callable[[], None]) -> AbstractContextManager[None]:
        return self._listener.listening(wake) if self._notifies else nullcontext()

    def close(self) -> None:
        self._announcer.close()
        self._connections.close()

    def after_fork_in_child(self) -> None:
        """Leave the connections to the parent."""
        self._process = os.getpid()
        self._connections.forget()
        self._announcer.forget()
        self._listener.forget()


def _migrated(connection: psycopg.Connection[Any]) -> None:
    """Apply what is missing; another process may make the first table at this moment."""
    for attempt in (1, 2):
        try:
            with connection.transaction():
                check.apply(connection)
        except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable):
            if attempt == 2:  # noqa: PLR2004 - the second time it is there
                raise
        else:
            return
