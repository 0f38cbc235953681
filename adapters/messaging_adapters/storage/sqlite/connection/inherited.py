"""Connections that a process inherits when it is forked: never used, and never closed."""

from importlib import import_module
from typing import Any, Final

from messaging_adapters.storage.sqlite.connection.files import Identity
from messaging_core.errors import ConfigurationError

EXCLUSIVE: Final = (
    "this process is a fork of one that has opened {path} with exclusive=True, so it cannot use"
    " the file: open the storage after the fork, in the one process that uses it (with gunicorn"
    " without --preload, or in post_fork); or leave out exclusive=True, and every fork may use it"
)
BEGUN: Final = (
    "this process was forked while a transaction was open in {path}, so it cannot use the file:"
    " fork when none is open, or open the storage in a new process that is no fork"
    ' (multiprocessing: the method "spawn")'
)

_kept: Final[list[Any]] = []
_refused: Final[dict[Identity, str]] = {}


def prepare() -> None:
    """Load what `keep` needs, which is better done before a fork than after it."""
    import_module("ctypes")


def keep(*inherited: Any) -> None:
    """Keep a connection and its cursors from ever being closed.

    SQLite takes the parent's locks for its own. Closing the connection would roll back the
    parent's transaction in the file, or delete its write-ahead log. References of ours go when
    the interpreter ends, so there is one more that does not.
    """
    _kept.append(inherited)
    try:
        ctypes = import_module("ctypes")
    except ImportError:  # an interpreter without it; then what is kept is closed at its end
        return
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))


def refuse(identity: Identity, reason: str) -> None:
    """Let this process never open a file: what it inherited of SQLite takes it for locked."""
    _refused[identity] = reason


def require_usable(identity: Identity | None, path: str) -> None:
    """Raise `ConfigurationError` where a fork has made a file unusable in this process."""
    if identity in _refused:
        raise ConfigurationError(_refused[identity].format(path=path))
