"""The DB-API module with which SQLite is called, and the files that are open with each.

Two SQLite libraries in one process do not see each other's locks, and by the rules of POSIX the
one that closes a file drops the locks of the other. So one process opens one file with one library.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from weakref import WeakValueDictionary

from messaging_core.arguments import refuse
from messaging_core.errors import ConfigurationError

_NAMES: Final = (
    "connect",
    "Connection",
    "DatabaseError",
    "Error",
    "OperationalError",
    "sqlite_version",
    "sqlite_version_info",
)
_REMEDY: Final = "write driver=sqlite3, or driver=pysqlite3 after import pysqlite3"


def checked_driver(value: Any, name: str) -> Any:
    """Allow modules that do what `sqlite3` of Python 3.11 does."""
    if not isinstance(value, ModuleType):
        raise refuse(name, "a module like sqlite3", value, _REMEDY)
    if missing := [attribute for attribute in _NAMES if not hasattr(value, attribute)]:
        raise ConfigurationError(
            f"{name} must be a module like sqlite3, but {value.__name__} has no"
            f" {', '.join(missing)}: {_REMEDY}"
        )
    if value is not sqlite3 and not _tells_codes(value):
        raise ConfigurationError(
            f"{name} must be a module whose errors have sqlite_errorcode, and those of"
            f" {value.__name__} have none: install a newer version of it, or {_REMEDY}"
        )
    return value


def _tells_codes(driver: ModuleType) -> bool:
    """Return whether errors can be told from one another: busy, full, damaged."""
    with closing(driver.connect(":memory:")) as connection:
        try:
            connection.execute("SELECT")
        except driver.Error as error:
            return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR
    return False


class Claim:
    """One storage's use of a file, for as long as the object lives or until it is released."""

    def __init__(self, file: str, driver: ModuleType) -> None:
        self.file = file
        self.driver = driver

    def release(self) -> None:
        """Let the file be opened with another library again."""
        _claims.pop(id(self), None)


_claims: Final[WeakValueDictionary[int, Claim]] = WeakValueDictionary()


def claim(file: str | os.PathLike[str], driver: ModuleType) -> Claim:
    """Register that a file is going to be opened, before it is.

    Raises:
        ConfigurationError: It is open with another SQLite library in this process.
    """
    made = Claim(os.fspath(file), driver)
    # Added before the others are looked at, so that of two threads at least one sees the other.
    _claims[id(made)] = made
    for other in [reference() for reference in _claims.valuerefs()]:
        if other and other.driver.Connection is not driver.Connection and _same(other, made):
            made.release()
            raise ConfigurationError(
                f"{file} is open in this process with {library(other.driver)}, so it cannot be"
                f" opened with {library(driver)}: two SQLite libraries in one process do not see"
                " each other's locks, and can damage the file. Pass the same driver= to every"
                " storage of this file, or close the other one first"
            )
    return made


def library(driver: ModuleType) -> str:
    """Name a module and its SQLite."""
    return f"{driver.__name__} (SQLite {driver.sqlite_version})"


def _same(claim: Claim, other: Claim) -> bool:
    try:
        return claim.file == other.file or Path(claim.file).samefile(other.file)
    except OSError:  # one of them is not made yet
        return False
