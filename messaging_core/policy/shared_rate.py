"""A rate limit that many processes share, counted exactly on their storage."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from messaging_core.arguments import a_text, checked, span, uuid, whole
from messaging_core.decisions.policy.rates import merged, settled, take
from messaging_core.fork import ForkAware, ForkSafeLock, watch_forks
from messaging_core.models.common.rate import RateUse
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.storage.transaction import Storage

_SHARES: Final = 10
"""A spare is at most one part in so many of the limit."""

_RECHECKS: Final = 20
"""How often in a window a refused process asks whether others have reported."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class SharedRate(ForkAware):
    """Take units of a limit, so that no window has more uses of all processes than the limit.

    A process takes a share from the storage with one transaction, and uses it without any. A share
    is what callers wait for and a spare: at most twice what was used of the last share, and at
    most a tenth of the limit. It ends after half a window. Its uses are reported with the
    next share. If a process dies, its share is free again after one and a half windows.

    The clocks of the processes must agree, as they do on one machine: where they differ, the limit
    holds for windows that are shorter by the difference. Many threads may use one object.

    Args:
        storage: Which all processes share. With `MemoryStorage` the limit is that of one process.
        key: Names the limit within the workspace.
        limit: How many uses any window may have.
        workspace: Whose limit it is.
        window: How long a use counts.
        clock: Tells the time.
    """

    @checked(key=a_text, limit=whole(1), workspace=uuid, window=span(timedelta(milliseconds=1)))
    def __init__(  # noqa: PLR0913 - one argument for each choice, all by name
        self,
        storage: Storage,
        *,
        key: str,
        limit: int,
        workspace: UUID,
        window: timedelta = timedelta(seconds=1),
        clock: Clock | None = None,
    ) -> None:
        self._storage = storage
        self._where = (workspace, key)
        self._limit = limit
        self._window = window
        self._lease = window / 2  # longer costs fewer transactions, and leaves more unused
        self._clock = clock or SystemClock()
        self._lock = ForkSafeLock()
        self._refilling = ForkSafeLock()
        self.after_fork_in_child()
        watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Leave the share to the parent, and take others."""
        self._holder = uuid4().hex
        self._left, self._uses = 0, list[RateUse]()
        self._since = self._until = self._refused_until = self._next_at = _NEVER

    def take(self, units: int = 1) -> bool | None:
        """Use units, all or none; return true if there were so many, and false if not.

        Returns nothing if only the storage knows: call `refill`, then this again. More than the
        limit are as many as the limit.
        """
        units = min(units, self._limit)
        with self._lock:
            now = self._clock.now()
            if self._left >= units and self._since <= now <= self._until:
                self._left -= units
                self._uses.append(RateUse(at=now, count=units))
                return True
            return False if self._since <= now < self._refused_until else None

    def wait(self) -> timedelta:
        """Return how long it takes at most until units are free, after `take` returned false."""
        return max(self._next_at - self._clock.now(), timedelta(0))

    def refill(self, count: int = 1, *, least: int = 1) -> None:
        """Take a share from the storage, and report how the last one was used.

        Args:
            count: How many units callers wait for.
            least: How many the first of them needs.

        Raises:
            StorageError: The storage failed; nothing was taken.
        """
        with self._refilling:
            with self._lock:
                self._left = 0  # what is reported as unused must not be used
            uses = merged(self._uses, self._window)
            with self._storage.begin() as tx:
                now = self._clock.now()  # while no other process can take
                until = now + self._lease
                stored = tx.rates.lock(*self._where)
                share = take(
                    settled(stored, self._holder, uses, self._window),
                    holder=self._holder,
                    count=max(count, least) + self._spare(now),
                    least=min(least, self._limit),
                    limit=self._limit,
                    window=self._window,
                    now=now,
                    until=until,
                )
                if share.granted or any(use.holder == self._holder for use in stored.uses):
                    tx.rates.put(*self._where, share.log)
            with self._lock:
                self._since, self._until = now, until
                self._left, self._uses = share.granted, []
                self._next_at = share.next_at or _NEVER
                self._refused_until = self._next_at
                if any(use.holder for use in share.log.uses):  # it may report that it used less
                    recheck_at = now + self._window / _RECHECKS
                    self._refused_until = min(self._next_at, recheck_at)

    def _spare(self, now: datetime) -> int:
        is_recent = self._until > now - self._lease
        used = sum(use.count for use in self._uses)
        return min(2 * used, self._limit // _SHARES) if is_recent else 0
