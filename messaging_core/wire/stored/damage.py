"""Stored values that may be damaged: one that cannot be read is logged, and stops no other."""

from collections.abc import Callable
from typing import TypeVar

from messaging_core.lazy import logger

_log = logger(__name__)

S = TypeVar("S")
V = TypeVar("V")


def read_stored(read: Callable[[S], V], stored: S, what: str, which: object) -> V | None:
    """Return what a stored value says, or nothing where it is damaged.

    Args:
        read: Makes something of it.
        stored: As it is stored.
        what: What it is, for the log: `audit entry`.
        which: Its id or position, for the log.
    """
    try:
        return read(stored)
    except Exception as error:  # noqa: BLE001 - whatever its bytes are, the others go on
        # Never the traceback: an error's text may quote what a person wrote.
        shown = which.hex() if isinstance(which, bytes) else which
        _log.error("%s %s cannot be read: %s", what, shown, type(error).__name__)
        return None
