"""The file of a database: its name, and whether it is still the one that was opened."""

import os
import re
import sqlite3
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Final

from messaging_core.errors import ConfigurationError, StorageError
from messaging_core.lazy import logger

_log = logger(__name__)

MEMORY: Final = ":memory:"

_PAUSE: Final = 0.05  # seconds between looks that are not made in each transaction

_URL: Final = re.compile(r"file:|[A-Za-z][A-Za-z0-9+.-]+:/", re.IGNORECASE)
"""What begins with more than a drive letter of Windows and a colon."""

Identity = tuple[int, int]
"""Device and inode: what tells one file from another."""


def checked_name(path: str | os.PathLike[str]) -> str:
    """Return the name of a file or `:memory:`.

    Raises:
        ConfigurationError: It is the name of neither.
    """
    name = os.fspath(path)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"path takes a name that can be written as UTF-8, not {name!r}: rename the file or its"
            " folder"
        ) from error
    if name != MEMORY and (not name.strip() or name.startswith(":") or "\0" in name):
        raise ConfigurationError(
            f'path takes the name of a file or ":memory:", not {name!r}: SQLite would make a'
            " temporary database, or a file that is hard to find"
        )
    if _URL.match(name):
        # It may hold a password, so only its scheme is shown.
        raise ConfigurationError(
            f'path takes the name of a file, not a URL ("{name.split(":", 1)[0]}:…"): give the'
            " plain name, as in SqliteStorage('shop.db')"
        )
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            "path holds a lone surrogate, which no name of a file has: give it as text that was"
            " decoded with os.fsdecode"
        ) from error
    return name


def absolute(name: str) -> str:
    """Return a name that stays the same file when the process changes its folder."""
    if name == MEMORY:
        return name
    try:
        return str(Path(name).absolute())
    except OSError as error:
        raise ConfigurationError(f"cannot use {name}: the folder at work is gone") from error


def connect(path: Path | str, *, create: bool, driver: ModuleType = sqlite3) -> sqlite3.Connection:
    """Return a connection that begins no transactions of its own, and waits for no other.

    Args:
        path: The file.
        create: Make it where it is missing; else that is an error.
        driver: The module to open it with.
    """
    name = str(path) if create else f"{Path(path).as_uri()}?mode=rw"
    connection: sqlite3.Connection = driver.connect(
        name,
        uri=not create,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )
    return connection


def require_regular(path: Path) -> None:
    """Raise `ConfigurationError` for a folder, a device or a pipe; a missing file may be made."""
    if path.exists() and not path.is_file():
        raise ConfigurationError(
            f"cannot use {path} as a database: it is a folder or a device. Give the name of a file"
        )


def identity_of(path: Path | str) -> Identity | None:
    """Return which file a name leads to now; nothing where it leads to none.

    Raises:
        OSError: It cannot be looked at.
    """
    try:
        status = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def require_same(path: Path | str, identity: Identity, *, may_be_empty: bool = False) -> None:
    """Raise `StorageError` unless a name still leads to the file that was opened."""
    try:
        status = os.stat(path)  # noqa: PTH116 - on the way of every transaction
    except (FileNotFoundError, NotADirectoryError):
        change = "was deleted or moved"
    except OSError as error:
        raise StorageError(f"cannot look at {path}: {error.strerror}") from error
    else:
        is_same = (status.st_dev, status.st_ino) == identity
        if is_same and (status.st_size or may_be_empty):
            return
        change = "was emptied" if is_same else "was replaced by another file"
    raise StorageError(
        f"{path} {change} while it was in use: nothing is accepted, since it would be lost."
        " Put the file back; or stop all processes that use it, restore it, and start them again"
    )


class WatchedFile:
    """Notice that a file, or its write-ahead log, is not the one that a connection has open.

    Args:
        path: The database.
        identity: Which file it was when it was first opened.
        mode: The journal mode of the connection.
        version: The SQLite version of the connection.
    """

    def __init__(self, path: str, identity: Identity, mode: str, version: str) -> None:
        self.path = path
        self.identity = identity
        self._version = version
        # SQLite follows links, and keeps its log beside the file itself.
        self._real_path = os.path.realpath(path)
        self._log_path = f"{self._real_path}-wal"
        self._due_at = 0.0
        self._is_wal = mode == "wal"
        self._log_identity = identity_of(self._log_path) if self._is_wal else None

    @property
    def is_wal(self) -> bool:
        """Return whether the file is in WAL mode, of our own accord or of another connection's."""
        return self._is_wal

    def check(self, *, read_only: bool) -> None:
        """Look at the files, inside a transaction, which keeps others from changing the mode.

        Readers look now and then, and so does a writer at the log: each look is a system call.

        Raises:
            StorageError: One was deleted, moved, emptied or replaced.
        """
        due_at = self._due_at
        is_due = monotonic() >= due_at
        if read_only and not is_due:
            return
        self._due_at = 0.0  # if something is wrong, every transaction must check
        require_same(self.path, self.identity)
        if self._real_path != self.path:
            require_same(self._real_path, self.identity)
        if self._log_identity is None:
            if os.access(self._log_path, os.F_OK):
                self._take_log()
        elif is_due:
            require_same(self._log_path, self._log_identity, may_be_empty=True)
        self._due_at = monotonic() + _PAUSE if is_due else due_at

    def _take_log(self) -> None:
        self._log_identity = identity_of(self._log_path)
        if not self._is_wal:
            self._is_wal = True
            _log.error("another connection uses WAL: %s", wal_text(self.path, self._version))


def wal_text(path: str, version: str) -> str:
    """Return what is wrong when another connection has set the journal mode WAL."""
    return (
        f"{path} is in journal mode WAL, which another connection has set;"
        f" SQLite {version} can corrupt a file that several connections write in"
        " WAL mode, unless its version is one that wal_is_safe() knows: take"
        ' "PRAGMA journal_mode = WAL" out of your own code, and close every connection once; or'
        " open the file with the same newer SQLite in every process (driver=)"
    )
