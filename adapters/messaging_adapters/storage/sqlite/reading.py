"""Rows whose content may be damaged: what can be read is, and the rest stops nobody."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

_log = logging.getLogger(__name__)

V = TypeVar("V")


def readable(
    rows: Iterable[tuple[Any, ...]],
    read: Callable[[tuple[Any, ...]], V],
    what: str,
    name: object = None,
) -> Iterator[V]:
    """Read rows one by one, and leave out with a word in the log what cannot be read.

    Args:
        rows: As they are stored.
        read: Makes something of one.
        what: What they are, for the log.
        name: Which one it is; by default what its first column says.
    """
    for row in rows:
        try:
            value = read(row)
        except Exception as error:  # noqa: BLE001 - whatever its bytes are, the others go on
            # Never the traceback: an error's text may quote what a person wrote.
            _log.error("%s %s cannot be read: %s", what, name or row[0], type(error).__name__)
        else:
            yield value
