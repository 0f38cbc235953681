"""The messenger of a Django project, made of its settings on first use."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Unpack, cast

from django.db import connections
from django.utils.functional import SimpleLazyObject, empty

from messaging_adapters.config.messenger import messenger_from
from messaging_adapters.django import conf
from messaging_adapters.django.storage import DjangoStorage
from messaging_adapters.storage.sqlite import SqliteStorage, wal_is_safe
from messaging_core.acceptance.submission import Request
from messaging_core.channels import ChannelReference
from messaging_core.errors import ConfigurationError
from messaging_core.messenger import Messenger
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.request_fields import RequestFields
from messaging_core.ports.storage.transaction import Storage

_LIBPQ: Final = ("dbname", "service", "user", "password", "host", "port", "options", "sslmode")


class DjangoMessenger(Messenger):
    """A `Messenger` whose `send` is part of Django's transaction of the calling thread.

    A plain messenger lets threads share a commit. Here each thread has a transaction of its own.
    """

    storage: DjangoStorage

    def send(
        self,
        channel: ChannelReference,
        request: Request | None = None,
        *,
        idempotency_key: str | None = None,
        connection: Any = None,
        **fields: Unpack[RequestFields],
    ) -> Message:
        """Accept one message; see `Messenger.send`."""
        return super().send(
            channel,
            request,
            idempotency_key=idempotency_key,
            connection=self.storage.connection if connection is None else connection,
            **fields,
        )


def make_messenger() -> DjangoMessenger:
    """Make the messenger that the settings describe, on Django's connection.

    Raises:
        ConfigurationError: With a line for each fault in the settings.
    """
    storage = DjangoStorage(conf.database())
    return messenger_from(conf.source(), storage=storage, make=DjangoMessenger, **conf.options())


def make_worker_messenger() -> Messenger:
    """Make the same with connections of its own, for the threads of a worker.

    Raises:
        ConfigurationError: As above, or the database is in memory.
        SchemaError: The tables are not up to date: run `manage.py migrate`.
    """
    storage = _own_storage(connections[conf.database()])
    return messenger_from(conf.source(), storage=storage, make=Messenger, **conf.options())


def _own_storage(django: Any) -> Storage:
    if django.vendor == "postgresql":
        from messaging_adapters.storage.postgres import PostgresStorage

        return PostgresStorage(_dsn(django), migrate=False)
    if django.vendor != "sqlite" or django.is_in_memory_db():
        raise ConfigurationError(
            f"a worker cannot share the database {django.alias}: it takes a file of SQLite or"
            " PostgreSQL. In a test, use the mixin of messaging_adapters.django.test"
        )
    is_safe = wal_is_safe(sqlite3.sqlite_version_info[:3])
    return SqliteStorage(
        Path(django.settings_dict["NAME"]),
        migrate=False,
        journal_mode=None if is_safe else "TRUNCATE",  # without the warning about it
    )


def _dsn(django: Any) -> str:
    from psycopg.conninfo import make_conninfo

    given = django.get_connection_params()
    return make_conninfo(**{name: given[name] for name in _LIBPQ if name in given})


_lazy: Final = SimpleLazyObject(make_messenger)

messenger: Final = cast("DjangoMessenger", _lazy)
"""The messenger of the project; it is made when it is first used, so any module can import it."""


def forget() -> None:
    """Let the next use make the messenger again, after the settings have changed."""
    _lazy._wrapped = empty  # noqa: SLF001 - as Django does with its own lazy objects


@contextmanager
def replaced(other: Messenger) -> Iterator[None]:
    """Let `messenger` be another one while a block runs, such as a test."""
    before = _lazy._wrapped  # noqa: SLF001 - as above
    _lazy._wrapped = other  # noqa: SLF001 - as above
    try:
        yield
    finally:
        _lazy._wrapped = before  # noqa: SLF001 - as above
