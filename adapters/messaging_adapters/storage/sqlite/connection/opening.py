"""How a file is opened: in which journal mode, with which tables, and only when it is sound."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from types import ModuleType
from typing import Literal

import attrs

from messaging_adapters.storage.sqlite.connection import files, health, inherited
from messaging_adapters.storage.sqlite.connection.locking import ask
from messaging_adapters.storage.sqlite.errors import is_busy, is_doubtful, translate
from messaging_adapters.storage.sqlite.schema import check
from messaging_core.errors import ConfigurationError, StorageBusyError
from messaging_core.lazy import logger

_log = logger(__name__)

MINIMUM_VERSION = (3, 38, 0)

JournalMode = Literal["WAL", "TRUNCATE", "DELETE"]
"""The journal modes in which what was committed survives a power cut."""

# Versions in which two connections that write in WAL mode can corrupt the file: 3.7.0 to 3.51.2,
# but for the back-ports (the "WAL-reset" bug, https://sqlite.org/wal.html). 3.52.0 was withdrawn.
_WAL_FIXED = (3, 51, 3)
_WAL_BACKPORTS = {(3, 44): 6, (3, 50): 7}
_WITHDRAWN = (3, 52, 0)

WAL_FACTOR = "two to four"
"""How many times as many commits a second WAL makes, in words."""

_PAUSE = 0.002  # seconds between attempts to open a file that others hold


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """Return whether several connections may write in WAL mode with this SQLite version."""
    major, minor, patch = version
    if version == _WITHDRAWN:
        return False
    backport = _WAL_BACKPORTS.get((major, minor))
    return version >= _WAL_FIXED or (backport is not None and patch >= backport)


def choose_journal_mode(
    mode: JournalMode | None, version: tuple[int, int, int], *, exclusive: bool
) -> JournalMode:
    """Return the journal mode for a file, which is the fastest safe one if the host has no wish.

    Raises:
        ConfigurationError: The host wants WAL where it can corrupt the file.
    """
    is_safe = exclusive or wal_is_safe(version)
    if mode == "WAL" and not is_safe:
        raise ConfigurationError(
            f"SQLite {'.'.join(map(str, version))} can corrupt a file that several connections"
            ' write in WAL mode: say exclusive=True, or journal_mode="TRUNCATE", or nothing'
        )
    return mode or ("WAL" if is_safe else "TRUNCATE")


@attrs.frozen(kw_only=True)
class Opening:
    """Open one file, again and again, in the same way."""

    path: str
    exclusive: bool
    synchronous: str
    journal_mode: JournalMode | None
    busy_timeout: float
    migrate: bool
    driver: ModuleType = sqlite3

    @property
    def file(self) -> Path | None:
        """Return where the file is; nothing for a database in memory, which cannot be reopened.

        Links are followed: SQLite keeps its journal beside the file itself.
        """
        return None if self.path == files.MEMORY else Path(os.path.realpath(self.path))

    @property
    def is_shared(self) -> bool:
        """Tell whether other processes may open it as well."""
        return self.file is not None and not self.exclusive

    def open(
        self, identity: files.Identity | None = None, *, is_doubtful: bool = False
    ) -> sqlite3.Connection:
        """Return a connection to a file that is sound and has its tables.

        Args:
            identity: Which file it was before; then it is opened again, and never made.
            is_doubtful: The file had an error, so check it however it looks.

        Raises:
            ConfigurationError: The file cannot be used: no folder, no permission, no database,
                other tables, or inherited by a fork.
            StorageError: It is another file than before.
            StorageBusyError: Others held the file for too long.
            StorageCorruptError: The file is damaged.
        """
        if self.driver.sqlite_version_info < MINIMUM_VERSION:
            raise ConfigurationError(f"SQLite {self.driver.sqlite_version} is older than 3.38")
        deadline = monotonic() + self.busy_timeout
        while True:
            try:
                if self.file:
                    self._look_at(self.file, identity)
                    health.check_if_abandoned(
                        self.file, is_doubtful=is_doubtful, driver=self.driver
                    )
                return self._connect(is_known=identity is not None)
            except OSError as error:
                raise ConfigurationError(
                    f"cannot use {self.path}: {error.strerror} ({error.filename})"
                ) from error
            except self.driver.Error as error:
                if not is_busy(error):
                    raise self._refusal(error) from error
                if monotonic() > deadline:
                    raise StorageBusyError(self._who_holds_it(error)) from error
            # SQLite does not wait while the journal mode of a file is changed, nor can it be
            # changed before all others let go: processes that start together take turns.
            sleep(_PAUSE)

    def _look_at(self, file: Path, identity: files.Identity | None) -> None:
        if identity is not None:
            files.require_same(file, identity)
        files.require_regular(file)
        inherited.require_usable(identity or files.identity_of(file), self.path)

    def _who_holds_it(self, error: sqlite3.Error) -> str:
        """Return what keeps the file from being opened, and what to do."""
        if self.file and self._wanted_mode() != "WAL" and self._is_wal(self.file):
            return f"{files.wal_text(self.path, self.driver.sqlite_version)}: {error}"
        return (
            f"{self.path} is held by another connection for more than {self.busy_timeout:g} s."
            " If your own code has a transaction open, make the storage before it begins; else"
            " another process holds the file, for a while or exclusively (exclusive=True):"
            f" {error}"
        )

    def _wanted_mode(self) -> JournalMode:
        version = self.driver.sqlite_version_info[:3]
        return choose_journal_mode(self.journal_mode, version, exclusive=self.exclusive)

    def _refusal(self, error: sqlite3.Error) -> Exception:
        if is_doubtful(error) and error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            return translate(error, f"{self.path}: ")
        return ConfigurationError(f"cannot use {self.path} as a database: {error}")

    def _connect(self, *, is_known: bool) -> sqlite3.Connection:
        connection = files.connect(self.path, create=not is_known, driver=self.driver)
        try:
            self._prepare(connection, migrate=self.migrate and not is_known)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, *, migrate: bool) -> None:
        if self.exclusive:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        mode = self._set_journal_mode(connection)
        connection.execute(f"PRAGMA synchronous = {self.synchronous}")
        connection.execute("PRAGMA cache_size = -16384")
        # What was deleted is gone from the file too, not only from the tables.
        connection.execute("PRAGMA secure_delete = ON")
        # Beside a process that writes all the time, SQLite's own waiting would hardly ever succeed.
        ask(connection, "BEGIN IMMEDIATE", self.busy_timeout)
        try:
            (check.apply if migrate else check.check)(connection)
            ask(connection, "COMMIT", self.busy_timeout)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute(f"PRAGMA busy_timeout = {round(self.busy_timeout * 1000)}")
        _log.info(
            "opened %s: SQLite %s, journal mode %s, synchronous %s%s",
            self.path,
            self.driver.sqlite_version,
            mode,
            self.synchronous,
            ", exclusively" if self.exclusive else "",
        )

    def warn_if_slow(self) -> None:
        """Log how commits get faster, where only the SQLite version stands in the way."""
        version = self.driver.sqlite_version
        if self.is_shared and not self.journal_mode and self._wanted_mode() != "WAL":
            _log.warning(
                "%s is in journal mode TRUNCATE, since SQLite %s can corrupt a file that several"
                " connections write in WAL mode. Commits are %s times as fast with a newer SQLite"
                ' (pip install "messaging-engine[sqlite]", import pysqlite3 and pass'
                " driver=pysqlite3 in every process), or with exclusive=True where one process"
                ' opens the file. journal_mode="TRUNCATE" keeps it as it is, without this warning',
                self.path,
                version,
                WAL_FACTOR,
            )

    def _set_journal_mode(self, connection: sqlite3.Connection) -> str:
        demanded = self._wanted_mode()
        (mode,) = connection.execute(f"PRAGMA journal_mode = {demanded}").fetchone()
        if self.journal_mode and self.file and mode != demanded.lower():
            raise ConfigurationError(
                f"{self.path} cannot have journal mode {demanded}, only {mode}"
            )
        return str(mode)

    def _is_wal(self, file: Path) -> bool:
        """Return whether the file is in WAL mode; false if it cannot be read."""
        try:
            with closing(files.connect(file, create=False, driver=self.driver)) as connection:
                (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        except self.driver.Error:
            return False
        return bool(mode == "wal")
