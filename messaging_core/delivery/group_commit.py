"""What a worker writes down: points of no return, results and claims, in shared commits."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import compress
from time import monotonic
from uuid import UUID

from attrs import frozen

from messaging_core.context import EngineContext
from messaging_core.delivery.recorder import DeliveryRecorder, PendingHandoff
from messaging_core.errors import ConfigurationError, StorageError, Withdrawn
from messaging_core.fork import ForkAware, watch_forks
from messaging_core.models.delivery.delivery import Claim, Lease, Settlement, Withdrawal
from messaging_core.models.messages.message import Status

_SUSPENSE = 5.0
"""Seconds that a message which crashed before keeps the others from being claimed.

One that kills its worker does so soon; one that hangs must not hold up those of other channels.
"""


class LatestTime:
    """Notice a clock that is set back; kept by a worker as long as it lives.

    Attributes:
        seen: The latest time at which something was claimed.
    """

    def __init__(self) -> None:
        self.seen: datetime | None = None


@frozen(kw_only=True)
class DeliveryReport:
    """Count what a worker did.

    Attributes:
        sent: Messages that the provider took.
        failed: Messages that will never be sent.
        waiting: Messages that will be tried again.
        stale: Messages that another worker had taken over by the time they were settled.
    """

    sent: int = 0
    failed: int = 0
    waiting: int = 0
    stale: int = 0

    @property
    def total(self) -> int:
        """Return how many messages were worked on."""
        return self.sent + self.failed + self.waiting + self.stale

    def __add__(self, other: "DeliveryReport") -> "DeliveryReport":
        """Join two counts."""
        return DeliveryReport(
            sent=self.sent + other.sent,
            failed=self.failed + other.failed,
            waiting=self.waiting + other.waiting,
            stale=self.stale + other.stale,
        )


class GroupCommit(ForkAware):
    """Make marks, results and claims durable, for many messages with one commit.

    Whoever comes first writes; those who come meanwhile are written next, together, by one of
    them. So a lone message waits for nobody, and many share the cost. A result waits
    for nothing but goes with the very next commit, whoever makes it: the sooner it is durable, the
    fewer messages a worker that dies leaves in doubt.

    Args:
        context: The parts and settings of the messenger.
        gathers: Leave results to the next claim: fewer commits, where nothing is in doubt anyway.
        deduplicates: Tells whether a message's provider knows it again.
        latest: When was last claimed.

    Attributes:
        report: What became of the messages whose results were written.
    """

    def __init__(
        self,
        context: EngineContext,
        *,
        gathers: bool = False,
        deduplicates: Callable[[Claim], bool] = lambda _: False,
        latest: LatestTime | None = None,
    ) -> None:
        self._latest = latest or LatestTime()
        self._context = context
        self._gathers = gathers
        self._deduplicates = deduplicates
        self._lock = threading.Lock()
        self._marks: list[_Mark] = []
        self._turns: list[_Turn] = []
        self._results: list[Settlement] = []
        self._suspects: dict[int, float] = {}
        self._not_begun: set[Lease] = set()
        self._is_writing = False
        self._is_forked = False
        self.report = DeliveryReport()
        watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Write nothing more: the parent does, and the threads that write are not here."""
        self._is_forked = True
        self._lock = threading.Lock()
        self._marks, self._turns, self._results = [], [], []
        self._suspects, self._not_begun = {}, set()

    def mark(self, going: PendingHandoff) -> None:
        """Mark that a leased message goes now; when this returns, the mark is durable.

        Raises:
            Withdrawn: The message may no longer go.
            StorageError: The mark could not be made; the message was not sent.
        """
        self._require_own_process()
        mark = _Mark(going)
        with self._lock:
            self._marks.append(mark)
            leads, self._is_writing = not self._is_writing, True
        if leads or mark.is_asked_to_lead():
            self._lead()
        if mark.error is not None:
            raise mark.error

    def put_back(self, result: Settlement) -> None:
        """Take a message that was claimed and not begun; it is written with the next claim.

        It is not reported: nothing was done with it.
        """
        with self._lock:
            self._results.append(result)
            self._not_begun.add(result.lease)
            self._suspects.pop(result.lease.position, None)

    def record(self, result: Settlement) -> None:
        """Take what became of a message; it is written now, or with the very next commit.

        A storage that fails is no error here: the result is kept, and written with a later commit.
        """
        if self._is_forked:
            return  # the parent has it too
        with self._lock:
            self._results.append(result)
            self._suspects.pop(result.lease.position, None)
            leads = not self._is_writing and not self._gathers
            self._is_writing = self._is_writing or leads
        if leads:
            self._lead()

    def claim(
        self, *, lease: timedelta, limit: int, places: Mapping[UUID, int] | None = None
    ) -> list[Claim]:
        """Write every result that waits, and lease what comes next, in one transaction.

        While there is no result of a message that crashed before, no other such is leased for a
        while.

        Args:
            lease: How long no other worker gets them.
            limit: How many at most.
            places: How many of each channel.

        Raises:
            StorageError: Neither was done; the results wait on.
        """
        self._require_own_process()
        if not self._results and limit <= 0:
            return []
        before = monotonic() - _SUSPENSE
        turn = _Turn(
            lease,
            limit,
            suspects=all(since < before for since in list(self._suspects.values())),
            places=places,
            deduplicates=self._deduplicates,
            latest=self._latest,
        )
        with self._lock:
            waits, self._is_writing = self._is_writing, True
            if waits:
                self._turns.append(turn)
        if waits:
            self._wait(turn)
        self._lead(turn)
        if turn.error:
            raise turn.error
        suspects = [one.lease.position for one in turn.claims if one.delivery.crashes]
        with self._lock:
            self._suspects |= dict.fromkeys(suspects, monotonic())
        return turn.claims

    def _require_own_process(self) -> None:
        if self._is_forked:
            raise ConfigurationError(
                "this process was forked while a worker was at work, and cannot go on with its"
                " messages: call run, run_once or drain in the child anew"
            )

    @property
    def unwritten(self) -> int:
        """Return how many results wait to be written."""
        return len(self._results)

    def _lead(self, turn: "_Turn | None" = None) -> None:
        """Write all that waits, one's own among it, and let the next in line go on."""
        marks: list[_Mark] = []
        try:
            self._write(marks, turn)
        except BaseException:
            for mark in marks:
                mark.interrupt()
            raise
        finally:
            self._pass_on()

    def recover(self) -> None:
        """Let the threads go on that wait for a claim which was interrupted and is not made."""
        with self._lock:
            self._turns.clear()
        self._pass_on()

    def _pass_on(self) -> None:
        """Let the next in line go on: a claim first, since results go with it and marks as well."""
        with self._lock:
            self._is_writing = bool(self._marks or self._turns)
            if self._turns:
                self._turns.pop(0).lead()
            elif self._marks:
                self._marks[0].lead()

    def _wait(self, turn: "_Turn") -> None:
        """Wait for one's turn; who is interrupted leaves the line without holding it up."""
        try:
            turn.wait()
        except BaseException:
            with self._lock:
                is_in_line = turn in self._turns
                if is_in_line:
                    self._turns.remove(turn)
            if not is_in_line:
                self._pass_on()
            raise

    def _write(self, marks: list["_Mark"], turn: "_Turn | None") -> None:
        results: list[Settlement] = []
        reasons: Sequence[Withdrawal | None] = []
        try:
            with self._lock:
                marks += self._marks
                results += self._results
                self._marks, self._results = [], []
            goings = [mark.going for mark in marks]
            with self._context.storage.begin() as tx:
                books = DeliveryRecorder(tx, self._context, marks=not self._gathers)
                valid = books.settle(results) if results else []
                if goings:
                    reasons = books.hand_over(goings, self._context.clock.now())
                if turn:
                    turn.take(books, self._context.clock.now())
        except BaseException as error:
            self._put_back(results)
            everybody = error if isinstance(error, Exception) else StorageError("interrupted")
            for mark in marks:
                mark.end(everybody)
            if turn:
                turn.error = everybody
            if everybody is not error:
                raise
        else:
            for mark, reason in zip(marks, reasons, strict=True):
                mark.end(Withdrawn(reason) if reason else None)
            if turn:
                turn.keep_time()
            self._count(results, valid)

    def _put_back(self, results: Sequence[Settlement]) -> None:
        with self._lock:
            self._results = [*results, *self._results]

    def _count(self, results: Sequence[Settlement], valid: Sequence[bool]) -> None:
        with self._lock:
            if self._not_begun:
                begun = [result.lease not in self._not_begun for result in results]
                self._not_begun.difference_update([result.lease for result in results])
                results, valid = list(compress(results, begun)), list(compress(valid, begun))
            self.report += _report(results, valid)


class _Turn:
    """One claim on its way: it stands in line like a mark, and is made by the one who waits."""

    def __init__(  # noqa: PLR0913 - by keyword beyond the second
        self,
        lease: timedelta,
        limit: int,
        *,
        suspects: bool,
        places: Mapping[UUID, int] | None,
        deduplicates: Callable[[Claim], bool],
        latest: LatestTime,
    ) -> None:
        self.claims: list[Claim] = []
        self.error: Exception | None = None
        self._lease = lease
        self._limit = limit
        self._suspects = suspects
        self._places = places
        self._deduplicates = deduplicates
        self._latest = latest
        self._now: datetime | None = None
        self._ready = threading.Event()

    def wait(self) -> None:
        """Wait until it is one's turn."""
        self._ready.wait()

    def lead(self) -> None:
        """Tell the one who waits that it is its turn."""
        self._ready.set()

    def take(self, books: DeliveryRecorder, now: datetime) -> None:
        """Lease what comes next."""
        if self._limit > 0:
            self._now = now
            books.follow_clock(now, self._latest.seen)
            self.claims = books.claim(
                now=now,
                lease=self._lease,
                limit=self._limit,
                suspects=self._suspects,
                places=self._places,
                deduplicates=self._deduplicates,
            )

    def keep_time(self) -> None:
        """Remember when was claimed, once that is written."""
        if self._now is not None:
            self._latest.seen = self._now


class _Mark:
    """One mark on its way."""

    def __init__(self, going: PendingHandoff) -> None:
        self.going = going
        self.error: Exception | None = None
        self._leads = False
        self._ready = threading.Event()

    def is_asked_to_lead(self) -> bool:
        """Wait until the mark was made, or is to be made by the one who waits."""
        self._ready.wait()
        return self._leads

    def lead(self) -> None:
        """Ask the one who waits to write."""
        self._leads = True
        self._ready.set()

    def end(self, error: Exception | None) -> None:
        """Let the one who waits go on."""
        self.error = error
        self._ready.set()

    def interrupt(self) -> None:
        """Let the one who waits go on, unless that was done: the mark may not have been made."""
        if not self._ready.is_set():
            self.end(StorageError("interrupted"))


def _report(results: Sequence[Settlement], valid: Sequence[bool]) -> DeliveryReport:
    kept = [one for one, is_valid in zip(results, valid, strict=True) if is_valid]
    waiting = sum(one.next_due_at is not None for one in kept)
    sent = sum(one.status is Status.SENT for one in kept)
    return DeliveryReport(
        sent=sent,
        waiting=waiting,
        failed=len(kept) - waiting - sent,
        stale=len(results) - len(kept),
    )
