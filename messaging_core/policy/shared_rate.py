"""A rate limit that many processes share, counted exactly on their storage."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Final, Literal
from uuid import UUID, uuid4

from messaging_core.arguments import a_text, any_span, checked, flag, optional, span, uuid, whole
from messaging_core.decisions.policy.rates import Share, settled, take
from messaging_core.errors import MessagingError
from messaging_core.fork import ForkAware, ForkSafeLock, watch_forks
from messaging_core.lazy import logger
from messaging_core.models.common.rate import RateLog, RateUse
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.storage.transaction import Storage

_log = logger(__name__)

_SHARES: Final = 10
"""A spare is at most one part in so many of the limit."""

_RECHECKS: Final = 10
"""How often in a lease a refused process asks whether others have reported."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class SharedRate(ForkAware):
    """Take units of a limit, so that no window has more uses of all processes than the limit.

    A process takes a share from the storage with one transaction, and uses it without any. A share
    is what callers wait for and a spare: at most twice what was used of the last share, and at
    most a tenth of the limit. It ends after half a window. Its uses are reported with the
    next share. If a process dies, its share is free again after one and a half windows.

    A use that lasts, such as the call of a provider, is counted from its begin until one window
    after its end: so the provider never sees more in any window, whenever it counted the call. A
    thread reports for as long as uses last.

    The clocks of the processes must agree, as they do on one machine: where they differ, the limit
    holds for windows that are shorter by the difference. Many threads may use one object.

    Args:
        storage: Which all processes share. With `MemoryStorage` the limit is that of one process.
        key: Names the limit within the workspace.
        limit: How many uses any window may have.
        workspace: Whose limit it is.
        window: How long a use counts.
        grace: How long a process may be held up while it has uses that last. A share of a process
            that dies is free that much later.
        lead: How long before units are free they are given out by `acquire`.
        lease: How long a share may be used; by default half a window.
        reuses: Whether units whose use has ended may be used again at once, as those of a limit of
            concurrency, whose window is next to nothing.
        clock: Tells the time.
    """

    @checked(
        key=a_text,
        limit=whole(1),
        workspace=uuid,
        window=span(timedelta(milliseconds=1)),
        grace=any_span,
        lead=any_span,
        lease=optional(span()),
        reuses=flag,
    )
    def __init__(  # noqa: PLR0913 - one argument for each choice, all by name
        self,
        storage: Storage,
        *,
        key: str,
        limit: int,
        workspace: UUID,
        window: timedelta = timedelta(seconds=1),
        grace: timedelta = timedelta(0),
        lead: timedelta = timedelta(0),
        lease: timedelta | None = None,
        reuses: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._storage = storage
        self._where = (workspace, key)
        self._limit = limit
        self._window = window
        self._reuses = reuses
        self._lease = lease or window / 2  # longer costs fewer transactions, and leaves more unused
        self._grace = grace
        self._lead = lead
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
        self._since = self._until = self._refused_until = self._next_at = self._begin_at = _NEVER
        self._reporter: threading.Thread | None = None

    def take(self, units: int = 1) -> bool | None:
        """Use units, all or none; return true if there were so many, and false if not.

        Returns nothing if only the storage knows: call `refill`, then this again. More than the
        limit are as many as the limit.
        """
        taken = self._take(units, lasts=False)
        return None if taken is None else bool(taken)

    def end(self, units: int = 1) -> None:
        """End a use that `acquire` began."""
        units = min(units, self._limit)
        with self._lock:
            self._going_on -= units
            now = self._clock.now()
            if self._reuses and self._since <= now <= self._until:
                self._left += units
            else:
                self._uses.append(RateUse(at=now, count=units))

    def acquire(self, units: int = 1) -> datetime | None:
        """Begin a use that lasts until `end`, with a share of the storage if need be.

        Threads that come meanwhile wait, and one share is taken for all of them.

        Returns:
            From when on the units may be used, which is at most `lead` away; or nothing if none
            are free: then `wait` tells how long to wait.

        Raises:
            StorageError: The storage failed; nothing was taken.
        """
        with self._lock:
            self._waiting += units
        try:
            begun = self._take(units, lasts=True)
            if begun is None:
                with self._turn:
                    begun = self._take(units, lasts=True)  # another thread may have fetched some
                    if begun is None:
                        self.refill(self._waiting, least=units)
                        begun = self._take(units, lasts=True)
        finally:
            with self._lock:
                self._waiting -= units
        return begun or None

    def _take(self, units: int, *, lasts: bool) -> datetime | Literal[False] | None:
        units = min(units, self._limit)
        with self._lock:
            now = self._clock.now()
            if self._left >= units and self._since <= now <= self._until:
                self._left -= units
                if lasts:
                    self._going_on += units
                    self._start_reporter()
                else:
                    self._uses.append(RateUse(at=now, count=units))
                return self._begin_at
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
            self._exchange(max(count, least), min(least, self._limit), can_spare=True)

    def report(self) -> None:
        """Report how the last share was used, give the rest back, and hold on to what lasts.

        Raises:
            StorageError: The storage failed.
        """
        with self._refilling:
            self._exchange(0, 0, can_spare=False)

    def _exchange(self, count: int, least: int, *, can_spare: bool) -> None:
        with self._lock:
            self._left = 0  # what is reported as unused must not be used
            uses, going_on = list(self._uses), self._going_on
        with self._storage.begin() as tx:
            now = self._clock.now()  # while no other process can take
            until = now + self._lead + self._lease
            stored = tx.rates.lock(*self._where)
            held = _held(self._holder, going_on, until + self._grace)
            known = settled(stored, self._holder, uses, self._window, held)
            share, begin_at = self._share(
                known, count + can_spare * self._spare(uses, now), least, now, until + self._grace
            )
            own = [use for use in stored.uses if use.holder == self._holder]
            if share.granted or uses or _has_changed(own, going_on, now + self._grace):
                tx.rates.put(*self._where, share.log)
        with self._lock:
            self._since, self._until = now, until
            self._left, self._begin_at = share.granted, begin_at
            del self._uses[: len(uses)]  # others may have ended meanwhile
            self._note_refusal(share, now)

    def _share(
        self, known: RateLog, count: int, least: int, now: datetime, until: datetime
    ) -> tuple[Share, datetime]:
        """Take what is free now, or else soon; and return from when on."""
        for begin_at in (now, now + self._lead):
            share = take(
                known,
                holder=self._holder,
                count=count,
                least=least,
                limit=self._limit,
                window=self._window,
                now=now,
                until=until,
                begin_at=begin_at,
            )
            if share.granted or not self._lead:
                break
        return share, begin_at

    def _note_refusal(self, share: Share, now: datetime) -> None:
        self._next_at = share.next_at - self._lead if share.next_at else _NEVER
        self._refused_until = self._next_at
        if any(use.holder for use in share.log.uses):  # it may report that it used less
            recheck_at = now + self._lease / _RECHECKS
            self._refused_until = min(self._next_at, recheck_at)

    def _start_reporter(self) -> None:
        if self._reporter is None:
            self._reporter = threading.Thread(
                target=self._report_on, name="messaging-shared-rate", daemon=True
            )
            self._reporter.start()

    def _report_on(self) -> None:
        """Report what no refill reports, until nothing is left to report."""
        while True:
            sleep(self._lease.total_seconds())
            with self._lock:
                is_over = self._until <= self._clock.now()
                if is_over and not (self._going_on or self._uses or self._left):
                    self._reporter = None
                    return
            if is_over:
                self._try_report()

    def _try_report(self) -> None:
        try:
            self.report()
        except MessagingError as error:
            _log.warning("a share of a limit was not reported: %s", type(error).__name__)
            with self._lock:
                # What has ended is free by itself after a while, and the storage may be closed.
                if not self._going_on:
                    self._left, self._uses = 0, []

    def _spare(self, uses: Sequence[RateUse], now: datetime) -> int:
        is_recent = self._until > now - self._lease
        used = sum(use.count for use in uses)
        return min(2 * used, self._limit // _SHARES) if is_recent else 0


def _has_changed(stored: Sequence[RateUse], going_on: int, until: datetime) -> bool:
    """Return whether a holder no longer holds what is stored, or would not for long enough."""
    return sum(use.count for use in stored) != going_on or any(use.at < until for use in stored)


def _held(holder: str, count: int, until: datetime) -> RateUse | None:
    return RateUse(at=until, count=count, holder=holder) if count else None
