"""Where a configuration keeps its messages: a SQLite file, or a PostgreSQL server."""

import os
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Union
from urllib.parse import quote

from attrs import field

from messaging_adapters.config.variables import filled_in, names_in
from messaging_core.errors import MissingDependencyError
from messaging_core.lazy import frozen

if TYPE_CHECKING:  # one is imported when it is opened; the driver of the other is an extra
    from messaging_adapters.storage.postgres import PostgresStorage
    from messaging_adapters.storage.sqlite import SqliteStorage

SQLITE_DRIVERS: Final = ("sqlite3", "pysqlite3")
"""The modules that the database can be opened with; the first is that of Python."""

_SCHEMES: Final = ("postgresql://", "postgres://")
_PASSWORD: Final = re.compile(r"(://[^/@:]*):[^/@]*@|(password=)[^&]*")


@frozen
class PostgresServer:
    """A server, by its DSN, in which `${NAME}` means a variable of the environment."""

    dsn: str = field(repr=False)

    def exists(self) -> bool:
        """Return True: whether it can be reached is seen when it is opened."""
        return True

    def filled(self, environment: Mapping[str, str]) -> str:
        """Return the DSN with its variables, each encoded as a URL needs it.

        Raises:
            ConfigurationError: The environment has not all of them.
        """
        values = {name: quote(environment.get(name, ""), safe="") for name in names_in(self.dsn)}
        text: str = filled_in(self.dsn, {**environment, **values})
        return text

    def __str__(self) -> str:
        """Return the DSN without its password."""
        return _PASSWORD.sub(
            lambda match: f"{match[1]}:…@" if match[1] else f"{match[2]}…", self.dsn
        )


Database = Path | PostgresServer
"""Where messages are kept."""

AnyStorage = Union["SqliteStorage", "PostgresStorage"]
"""A storage that a configuration opens; both can be closed by a `with` block."""


def database_of(text: str, folder: Path = Path()) -> Database:
    """Return what a text names: a file in a folder, or a server."""
    return PostgresServer(text) if text.startswith(_SCHEMES) else folder / text


def open_storage(
    where: Database, driver: str = SQLITE_DRIVERS[0], environment: Mapping[str, str] | None = None
) -> AnyStorage:
    """Open a database; a file is opened in the mode that the storage chooses too.

    Args:
        where: The file, which is made when it is not there, or the server.
        driver: One of `SQLITE_DRIVERS`.
        environment: The variables that the DSN names; by default those of the process.

    Raises:
        MissingDependencyError: The driver is not installed.
        ConfigurationError: The server cannot be reached, or a variable is missing.
    """
    if isinstance(where, PostgresServer):
        from messaging_adapters.storage.postgres import PostgresStorage  # noqa: PLC0415 - an extra

        return PostgresStorage(where.filled(os.environ if environment is None else environment))
    from messaging_adapters.storage.sqlite import SqliteStorage, wal_is_safe  # noqa: PLC0415 - when used

    try:
        module = import_module(driver)
    except ImportError as error:
        raise MissingDependencyError(driver, "sqlite") from error
    is_safe = wal_is_safe(module.sqlite_version_info[:3])
    return SqliteStorage(where, journal_mode=None if is_safe else "TRUNCATE", driver=module)
