"""Limit how often a visitor asks, so that no one walks through a list of numbers."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_MOST_VISITORS: Final = 10_000


class TooManyRequestsError(Exception):
    """A visitor asks too often.

    Args:
        seconds: After what time to ask again.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class RequestLimit:
    """A bucket for each visitor, which fills up again with time.

    It counts in this process only: several processes allow as many times as much.

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

    def take(self, visitor: str) -> None:
        """Count one request.

        Raises:
            TooManyRequestsError: The bucket is empty.
        """
        now = self._now()
        left, then = self._buckets.pop(visitor, (float(self._number), now))
        left = min(self._number, left + max(0.0, now - then) * self._rate)
        if left < 1:
            self._buckets[visitor] = (left, now)
            raise TooManyRequestsError(int((1 - left) / self._rate) + 1)
        self._buckets[visitor] = (left - 1, now)
        if len(self._buckets) > _MOST_VISITORS:
            self._buckets.popitem(last=False)
