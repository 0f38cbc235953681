"""A clock that stands still until a test moves it."""

import threading
from datetime import UTC, datetime, timedelta

from messaging_core.ports.clock import Clock

MONDAY_MORNING = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When things happen in tests that do not care: a working day, and no holiday anywhere."""


class ManualClock(Clock):
    """Tell the time that a test has set; one object serves many threads.

    ```python
    clock = ManualClock()
    clock.advance(minutes=10)
    ```

    Args:
        start: The first present, an aware instant.
    """

    def __init__(self, start: datetime = MONDAY_MORNING) -> None:
        self._lock = threading.Lock()
        self._now = _in_utc(start)

    def now(self) -> datetime:  # noqa: D102 - the port's
        return self._now

    def advance(self, by: timedelta = timedelta(0), /, **units: float) -> datetime:
        """Move on, and return the new present.

        Args:
            by: How far; backwards where it is negative.
            units: The same as `timedelta` takes it: `days=1, seconds=-5`.
        """
        with self._lock:
            self._now += by + timedelta(**units)
            return self._now

    def set(self, at: datetime) -> None:
        """Move to an aware instant, in either direction."""
        with self._lock:
            self._now = _in_utc(at)


def _in_utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError("a clock tells aware instants: give the time zone")
    return at.astimezone(UTC)
