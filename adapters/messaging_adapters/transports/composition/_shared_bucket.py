"""A limit that processes share: its threads wait for a moment, and beyond that messages wait."""

import logging
import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from time import monotonic, sleep
from typing import Any, Final

from attrs import frozen

from messaging_core.errors import ConfigurationError, StorageError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.policy.shared_rate import SharedRate
from messaging_core.ports.clock import Clock
from messaging_core.ports.storage.transaction import Storage

_log = logging.getLogger(__name__)

_MICROSECONDS: Final = 1_000_000
_PATIENCE: Final = 1.0
"""Seconds that a thread waits: a message that is put off costs the storage more."""

_MOMENT: Final = timedelta(milliseconds=10)
LONGEST_REST: Final = timedelta(hours=1)
"""How long a provider may pause a limit."""

_GRACE: Final = timedelta(seconds=5)
"""How long a process may be held up during calls."""

_LEAD: Final = timedelta(milliseconds=250)
"""How long the commit before a call may take without a loss of rate."""

_LEASE: Final = timedelta(seconds=1)
"""How often a busy process tells that it goes on using its part of a concurrency."""

_STORAGE_WAIT: Final = timedelta(seconds=1)


@frozen(kw_only=True)
class Turn:
    """What a limit says of one message.

    Attributes:
        wait: How long it has to wait; then it may not go now.
        begin_at: When it may arrive at the provider, at the earliest.
        clock: Tells when that is.
    """

    wait: timedelta = timedelta(0)
    begin_at: datetime | None = None
    clock: Clock | None = None

    def await_begin(self) -> None:
        """Wait for the instant, which is a quarter of a second away at most."""
        if self.begin_at is not None and self.clock is not None:
            rest = min(self.begin_at - self.clock.now(), _LEAD)
            sleep(max(rest.total_seconds(), 0.0))


class SharedBucket:
    """Count messages on the storage, together with all processes that have the key.

    Args:
        key: Names the limit on the storage.
        limit: How many units there may be in any window, or at the same time.
        options: Further arguments of `SharedRate`.
    """

    def __init__(self, key: str, limit: int, **options: Any) -> None:
        self._key = key
        self._options: dict[str, Any] = {"key": key, "limit": limit, "grace": _GRACE} | options
        self._clock: Clock | None = None
        self._rate: SharedRate | None = None
        self._paused_until = datetime.min.replace(tzinfo=UTC)

    def share(self, storage: Storage, clock: Clock) -> None:
        """Count on a storage."""
        self._clock = clock
        self._rate = SharedRate(storage, workspace=DEFAULT_WORKSPACE, clock=clock, **self._options)

    def begin(self, units: int) -> Turn:
        """Begin with a message, or say how long it has to wait."""
        rate, clock = self._rate, self._clock
        if rate is None or clock is None:
            raise ConfigurationError(
                f"the limit {self._key!r} is shared on the storage of a messenger: give its"
                " transports to a Messenger first"
            )
        pause = self._paused_until - clock.now()
        if timedelta(0) < pause <= LONGEST_REST:  # longer only if the clock was set back
            return Turn(wait=pause)
        try:
            return _begun(rate, clock, units)
        except StorageError as error:
            _log.error("the storage of the limit %s failed: %s", self._key, type(error).__name__)
            return Turn(wait=_STORAGE_WAIT)

    def end(self, units: int) -> None:
        """End with a message: the provider has counted it."""
        if self._rate is not None:
            self._rate.end(units)

    def empty(self, rest: timedelta) -> None:
        """Let nothing of this process go for a time; others are told by the provider too."""
        if self._clock is not None:
            self._paused_until = self._clock.now() + min(rest, LONGEST_REST)


def rate_bucket(rate: float, key: str) -> SharedBucket:
    """Return a bucket for so many units a second."""
    exact = Fraction(str(rate))
    limit = math.ceil(exact)
    # At least a second, so that no second has more than the limit.
    window = timedelta(microseconds=math.ceil(limit / exact * _MICROSECONDS))
    return SharedBucket(key, limit, window=window, lead=_LEAD)


def concurrency_bucket(most: int, key: str) -> SharedBucket:
    """Return a bucket for so many units at the same time."""
    return SharedBucket(key, most, window=timedelta(milliseconds=1), lease=_LEASE, reuses=True)


def _begun(rate: SharedRate, clock: Clock, units: int) -> Turn:
    deadline, seen_at = monotonic() + _PATIENCE, None
    while True:
        begin_at = rate.acquire(units)
        if begin_at is not None:
            return Turn(begin_at=begin_at, clock=clock)
        wait, now = max(rate.wait(), _MOMENT), clock.now()
        is_patient = monotonic() + wait.total_seconds() <= deadline
        if not is_patient or now == seen_at:  # a clock of tests does not go on by itself
            return Turn(wait=wait)
        seen_at = now
        sleep(_MOMENT.total_seconds())
