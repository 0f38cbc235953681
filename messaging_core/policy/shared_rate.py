"""A rate limit that many processes share, counted exactly on their storage."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from messaging_core.arguments import a_text, any_span, checked, span, uuid, whole
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

    A use that lasts, such as the call of a provider, is counted from its begin until one window
    after its end: so the provider never sees more in any window, whenever it counted the call.

    The clocks of the processes must agree, as they do on one machine: where they differ, the limit
    holds for windows that are shorter by the difference. Many threads may use one object.

    Args:
        storage: Which all processes share. With `MemoryStorage` the limit is that of one process.
        key: Names the limit within the workspace.
        limit: How many uses any window may have.
        workspace: Whose limit it is.
        window: How long a use counts.
        longest: How long a use of `begin` may last and is counted exactly, whatever else happens.
            A share of a process that dies is free that much later.
        clock: Tells the time.
    """

    @checked(
        key=a_text,
        limit=whole(1),
        workspace=uuid,
        window=span(timedelta(milliseconds=1)),
        longest=any_span,
    )
    def __init__(  # noqa: PLR0913 - one argument for each choice, all by name
        self,
        storage: Storage,
        *,
        key: str,
        limit: int,
        workspace: UUID,
        window: timedelta = timedelta(seconds=1),
        longest: timedelta = timedelta(0),
        clock: Clock | None = None,
    ) -> None:
        self._storage = storage
        self._where = (workspace, key)
        self._limit = limit
        self._window = window
        self._lease = window / 2  # longer costs fewer transactions, and leaves more unused
        self._longest = longest
        self._clock = clock or SystemClock()
        self._lock = ForkSafeLock()
        self._refilling = ForkSafeLock()
        self._turn = ForkSafeLock()
        self.after_fork_in_child()
        watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Leave the share to the parent, and take others."""
        self._holder = uuid4().hex
        self._left = self._going_on = self._waiting = 0
        self._uses = list[RateUse]()
        self._since = self._until = self._refused_until = self._next_at = _NEVER

    def take(self, units: int = 1) -> bool | None:
        """Use units, all or none; return true if there were so many, and false if not.

        Returns nothing if only the storage knows: call `refill`, then this again. More than the
        limit are as many as the limit.
        """
        return self._take(units, lasts=False)

    def begin(self, units: int = 1) -> bool | None:
        """Use units as `take` does, until `end` is called with as many."""
        return self._take(units, lasts=True)

    def end(self, units: int = 1) -> None:
        """End a use that `begin` or `acquire` began."""
        units = min(units, self._limit)
        with self._lock:
            self._going_on -= units
            self._uses.append(RateUse(at=self._clock.now(), count=units))

    def acquire(self, units: int = 1) -> bool:
        """Begin a use, with a share of the storage if need be; return false if nothing is free.

        Threads that come meanwhile wait, and one share is taken for all of them.

        Raises:
            StorageError: The storage failed; nothing was taken.
        """
        with self._lock:
            self._waiting += units
        try:
            begun = self.begin(units)
            if begun is None:
                with self._turn:
                    begun = self.begin(units)  # another thread may have fetched a share meanwhile
                    if begun is None:
                        self.refill(self._waiting, least=units)
                        begun = self.begin(units)
        finally:
            with self._lock:
                self._waiting -= units
        return bool(begun)

    def _take(self, units: int, *, lasts: bool) -> bool | None:
        units = min(units, self._limit)
        with self._lock:
            now = self._clock.now()
            if self._left >= units and self._since <= now <= self._until:
                self._left -= units
                if lasts:
                    self._going_on += units
                else:
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
                uses, going_on = list(self._uses), self._going_on
            with self._storage.begin() as tx:
                now = self._clock.now()  # while no other process can take
                until = now + self._lease
                held_until = until + self._longest
                stored = tx.rates.lock(*self._where)
                held = _held(self._holder, going_on, held_until)
                share = take(
                    settled(stored, self._holder, merged(uses, self._window), self._window, held),
                    holder=self._holder,
                    count=max(count, least) + self._spare(uses, now),
                    least=min(least, self._limit),
                    limit=self._limit,
                    window=self._window,
                    now=now,
                    until=held_until,
                )
                own = [use for use in stored.uses if use.holder == self._holder]
                if share.granted or uses or _has_changed(own, going_on, now + self._longest):
                    tx.rates.put(*self._where, share.log)
            with self._lock:
                self._since, self._until = now, until
                self._left = share.granted
                del self._uses[: len(uses)]  # others may have ended meanwhile
                self._next_at = share.next_at or _NEVER
                self._refused_until = self._next_at
                if any(use.holder for use in share.log.uses):  # it may report that it used less
                    recheck_at = now + self._window / _RECHECKS
                    self._refused_until = min(self._next_at, recheck_at)

    def _spare(self, uses: Sequence[RateUse], now: datetime) -> int:
        is_recent = self._until > now - self._lease
        used = sum(use.count for use in uses)
        return min(2 * used, self._limit // _SHARES) if is_recent else 0


def _has_changed(stored: Sequence[RateUse], going_on: int, until: datetime) -> bool:
    """Return whether a holder no longer holds what is stored, or would not for long enough."""
    return sum(use.count for use in stored) != going_on or any(use.at < until for use in stored)


def _held(holder: str, count: int, until: datetime) -> RateUse | None:
    return RateUse(at=until, count=count, holder=holder) if count else None
