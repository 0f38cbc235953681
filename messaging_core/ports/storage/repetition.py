"""Repeat a transaction that gave way to another, or whose commit was not answered."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from messaging_core.errors import CommitUnknownError, StorageConflictError, StorageError

_MOST: Final = 5
_FIRST_PAUSE: Final = 0.005  # seconds

P = ParamSpec("P")
R = TypeVar("R")


def repeated(call: Callable[P, R]) -> Callable[P, R]:
    """Call again what raises `StorageConflictError`, at most five times in all.

    The call does all of its work in transactions that it begins itself, so that nothing is left of
    one that failed. In a host's transaction it may still fail: then only the host can repeat it.
    """

    @wraps(call)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(_MOST - 1):
            try:
                return call(*args, **kwargs)
            except StorageConflictError:
                # Different pauses, so that two callers do not meet again.
                time.sleep(random.random() * _FIRST_PAUSE * 2**attempt)  # noqa: S311 - no secret
        return call(*args, **kwargs)

    return guarded


def resolved(call: Callable[[], R]) -> R:
    """Call again, once, what raises `CommitUnknownError`.

    The call has idempotency keys, which tell the second what the first has written. If the second
    fails too, that remains unknown, and so the error is that of the first.
    """
    try:
        return call()
    except CommitUnknownError as unknown:
        try:
            return call()
        except StorageError as error:  # the first may have been written
            raise unknown from error
