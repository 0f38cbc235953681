"""The clock of a test: it stands still, and follows freezegun where that has frozen the time."""

import sys
from datetime import datetime, timedelta

from messaging_core.ports.clock import SystemClock
from messaging_core.testing.clock import ManualClock

_SYSTEM = SystemClock()


class FreezableClock(ManualClock):
    """A `ManualClock` that begins now, as `datetime.now` tells it to the code under test.

    Inside `freezegun.freeze_time` it tells the frozen time, and moves when freezegun moves. What
    `advance` and `set` did is added in both cases.
    """

    def __init__(self) -> None:
        self._start = _SYSTEM.now()
        super().__init__(self._start)

    def now(self) -> datetime:
        return super().now() + self._moved_by_freezegun()

    def set(self, at: datetime) -> None:
        super().set(at - self._moved_by_freezegun())

    def _moved_by_freezegun(self) -> timedelta:
        return _SYSTEM.now() - self._start if _is_frozen() else timedelta(0)


def _is_frozen() -> bool:
    freezegun = sys.modules.get("freezegun.api")  # a host that has not imported it freezes nothing
    return bool(freezegun and freezegun.freeze_factories)
