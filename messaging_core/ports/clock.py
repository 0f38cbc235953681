"""Where time and identity come from."""

import os
from abc import abstractmethod
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from messaging_core.fork import ForkSafeLock


class Clock(Protocol):
    """Tell the time."""

    @abstractmethod
    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""


class SystemClock(Clock):
    """Tell the time of this machine."""

    def now(self) -> datetime:  # noqa: D102 - the port's
        return datetime.now(UTC)  # noqa: TID251 - the one place that reads the clock


class Ids(Protocol):
    """Make identifiers."""

    @abstractmethod
    def new(self, now: datetime) -> UUID:
        """Return an identifier that was never used before; safe to call from many threads."""


class TimeOrderedIds(Ids):
    """Make UUIDv7 (RFC 9562), each greater than the one before in this process."""

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._last = 0

    def new(self, now: datetime) -> UUID:  # noqa: D102 - the port's
        fresh = int(now.timestamp() * 1000) << 74 | int.from_bytes(os.urandom(10)) >> 6
        with self._lock:
            # Within a millisecond, and when the clock steps back, count on from the last one.
            self._last = fresh if fresh > self._last else self._last + 1 + (fresh & 0xFFFFFFFF)
            value = self._last
        return UUID(int=_uuid7(value))


def _uuid7(value: int) -> int:
    """Spread 48 bits of milliseconds and 74 bits of sequence around version and variant."""
    high, low = value >> 62, value & (1 << 62) - 1
    milliseconds, sequence = high >> 12, high & 0xFFF
    return milliseconds << 80 | 7 << 76 | sequence << 64 | 2 << 62 | low
