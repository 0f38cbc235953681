"""Limit how often a visitor asks, so that no one walks through a list of numbers."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Final

from messaging_adapters.viewer.reads import Readers
from messaging_core.errors import StorageBusyError
from messaging_core.messenger import Messenger
from messaging_core.policy.shared_rate import SharedRate

_MOST_VISITORS: Final = 10_000
_TRIES: Final = 3
_DIGITS: Final = 4
_TOO_SLOW: Final = "the storage is too slow to count requests"


class TooManyRequestsError(Exception):
    """A visitor asks too often.

    Args:
        seconds: After what time to ask again.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class LocalLimit:
    """A bucket for each visitor, which fills up again with time; it counts in this process only.

    Args:
        number: How many requests a full bucket allows at once.
        seconds: In what time an empty bucket becomes full.
        now: Tells the time in seconds.
    """

    def __init__(
        self, number: int, seconds: float, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._number = number
        self._rate = number / seconds
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, visitor: str) -> bool:
        """Count one request; return False if the bucket is empty."""
        now = self._now()
        left, then = self._buckets.pop(visitor, (float(self._number), now))
        left = min(self._number, left + max(0.0, now - then) * self._rate)
        self._buckets[visitor] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > _MOST_VISITORS:
            self._buckets.popitem(last=False)
        return left >= 1


class SharedLimit:
    """A limit for each visitor, which all processes count on their storage.

    Most visitors ask rarely, and what they ask must not become a write for each page. So each
    process has some requests of its own first, and only then takes from those that all share.

    Args:
        messenger: Has the storage.
        readers: The threads on which it is asked.
        name: Of the limit.
        number: How many requests of a visitor any window may have.
        seconds: How long a window is.
        own: How many more each process allows in such a time without asking the storage.
    """

    def __init__(  # noqa: PLR0913 - by keyword beyond the second
        self,
        messenger: Messenger,
        readers: Readers,
        *,
        name: str,
        number: int,
        seconds: float,
        own: int = 0,
    ) -> None:
        self._messenger = messenger
        self._readers = readers
        self._name = name
        self._number = number
        self._window = timedelta(seconds=seconds)
        self._own = LocalLimit(own, seconds) if own else None
        self._rates: OrderedDict[str, SharedRate] = OrderedDict()

    async def take(self, visitor: str) -> None:
        """Count one request.

        Raises:
            TooManyRequestsError: It is one too many.
            StorageError: The storage failed, or is too slow.
        """
        if self._own is not None and self._own.take(visitor):
            return
        rate = self._rate(visitor)
        for _ in range(_TRIES):
            taken = rate.take()
            if taken:
                return
            if taken is False:
                raise TooManyRequestsError(math.ceil(rate.wait().total_seconds()) or 1)
            await self._readers.act(rate.refill)
        raise StorageBusyError(_TOO_SLOW)

    def _rate(self, visitor: str) -> SharedRate:
        # No name or address is stored, and no more limits than there are such keys.
        digest = sha256(visitor.encode(errors="surrogatepass")).hexdigest()
        key = f"{self._name}.{digest[:_DIGITS]}"
        if key not in self._rates:
            records = self._messenger.page_records
            self._rates[key] = records.limit(key, number=self._number, window=self._window)
            if len(self._rates) > _MOST_VISITORS:
                self._rates.popitem(last=False)
        self._rates.move_to_end(key)
        return self._rates[key]
