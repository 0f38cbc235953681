"""A time limit for reads, which storages keep."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Final

from messaging_core.errors import ReadTimeoutError

_deadline: Final = ContextVar[float]("messaging_read_deadline", default=inf)

INTERRUPTED: Final = "a read took longer than its caller waits: ask for less, or later"
"""Why a read was interrupted, and what to do."""


@contextmanager
def reads_until(deadline: float) -> Iterator[None]:
    """Let no read of this thread go on beyond an instant; what writes is not limited.

    It is for pages on which people wait: what they ask for must not keep the storage busy after
    they have gone. Transactions with `read_only` are limited, those in a host's own transaction
    excepted; see `Storage.begin`.

    Args:
        deadline: As `time.monotonic` tells the time.
    """
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def time_to_read(*, read_only: bool) -> float:
    """Return for how many seconds a transaction may read; infinity if it is not limited.

    A storage asks this when a transaction begins, or a statement.

    Raises:
        ReadTimeoutError: The time is over.
    """
    left = _deadline.get() - monotonic() if read_only else inf
    if left <= 0:
        raise ReadTimeoutError(INTERRUPTED)
    return left


def is_over() -> bool:
    """Return whether the time for reads is over in this thread."""
    return monotonic() >= _deadline.get()
