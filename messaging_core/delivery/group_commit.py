"""Group commit: threads share transactions for their hand-off marks, settlements and claims."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import compress
from time import monotonic
from typing import Final
from uuid import UUID

from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.settlement import release
from messaging_core.delivery.early_commit import ClaimStep, EarlyClaims, look_at, mark_at_once
from messaging_core.delivery.followers import HandoffMark, OwnCommit
from messaging_core.delivery.recorder import DeliveryRecorder, PendingHandoff
from messaging_core.delivery.report import DeliveryReport, report_of
from messaging_core.errors import ConfigurationError, StorageBusyError, StorageError, Withdrawn
from messaging_core.fork import ForkAware, watch_forks
from messaging_core.models.delivery.delivery import Claim, Lease, Settlement, Withdrawal
from messaging_core.models.delivery.telemetry import StatusCount
from messaging_core.ports.storage.repetition import repeated

_SUSPENSE = 5.0
"""Seconds that a message which crashed before keeps others that crashed from being claimed.

A message that kills its worker does so soon. One that hangs must not hold up other channels.
"""

_Answer = Withdrawal | Exception | None
"""Why a message must not go, or what failed; nothing where it is marked."""

_UNDECIDED: Final = StorageError("not marked yet")
_ALONE: Final = StorageError("not marked yet: with others it took too long")


class LatestTime:
    """The time of a worker's latest claim, which shows when its clock is set back.

    Attributes:
        seen: The latest time at which messages were claimed.
    """

    def __init__(self) -> None:
        self.seen: datetime | None = None


class GroupCommit(ForkAware):
    """Write for many threads, with few commits.

    An fsync takes longer than everything else a delivery writes. Therefore requests that arrive
    during a commit wait, and share the next commit. A single request is committed at once.

    There is no writer thread. The first caller is the leader: it commits on its own thread.
    Callers that arrive during the commit are followers. A leader that has finished promotes one
    follower, which then commits for all that wait::

                 first caller leads
        +------+ --------------------> +------------+ --+  leader promotes
        | IDLE |                       | COMMITTING |   |  a follower
        +------+ <-------------------- +------------+ <-+
                 no follower waits

    The requests differ in what they wait for:

    - `mark` returns when the mark is durable.
    - `claim` and `flush` lead a commit of their own and return when it is durable.
    - `record` never waits for another thread. It commits at once if no commit is running;
      otherwise the next commit includes the settlement, no matter which thread leads it.

    Guarantees: one transaction at a time; each request ends in exactly one of success and error;
    a settlement is kept until a commit with it has succeeded. All methods are thread-safe.

    Args:
        context: The storage to write to, and what the recorder needs.
        defer_settlements: Let `record` only queue, and write with the next claim: fewer commits.
            A crash loses the queued settlements. With durable marks their messages would be in
            doubt, so use this only without marks.
        deduplicates: Returns True if the provider will recognise a repeated message.
        latest: The time of the latest claim, kept by the caller from one run to the next.

    Attributes:
        report: The settlements committed so far.
    """

    def __init__(
        self,
        context: EngineContext,
        *,
        defer_settlements: bool = False,
        deduplicates: Callable[[Claim], bool] = lambda _: False,
        latest: LatestTime | None = None,
    ) -> None:
        self._context = context
        self._defer_settlements = defer_settlements
        self._deduplicates = deduplicates
        self._latest = latest or LatestTime()
        self._is_forked = False
        self._early_claims = EarlyClaims(context)
        self._clear()
        self.report = DeliveryReport()
        watch_forks(self)

    def _clear(self) -> None:
        self._lock = threading.Lock()  # guards all of the following
        self._marks: list[HandoffMark] = []
        self._waiting_leaders: list[OwnCommit] = []
        self._settlements: list[Settlement] = []
        self._uncounted: set[Lease] = set()
        self._untold: dict[Lease, StatusCount] = {}
        self._crashed_since: dict[int, float] = {}  # by the position of the message
        self._is_committing = False

    def after_fork_in_child(self) -> None:
        """Write nothing more: the parent does, and the threads that write are not here."""
        self._is_forked = True
        self._clear()

    def mark(self, handoff: PendingHandoff) -> None:
        """Record durably that a message is handed over now; return when that is on disk.

        Raises:
            Withdrawn: The message must not be sent: it was cancelled, has expired, its receiver
                was suppressed, or the lease is lost.
            StorageError: The commit failed. Nothing was recorded; do not send the message.
        """
        self._require_own_process()
        mark = HandoffMark(handoff)
        with self._lock:
            self._marks.append(mark)
            is_leader = not self._is_committing
            self._is_committing = True
        if is_leader or mark.wait_until_promoted_or_done():
            self._commit_as_leader()
        if mark.error is not None:
            raise mark.error

    def record(
        self, settlement: Settlement, *, is_counted: bool = True, told: StatusCount | None = None
    ) -> None:
        """Queue a settlement, and commit it at once if no commit is running.

        Never raises `StorageError`: after a failed commit the settlement stays queued, and is
        part of the next one.

        Args:
            settlement: What becomes of a claimed message.
            is_counted: False for a message that no thread has begun. It is not urgent, so it is
                written with the next commit; the report leaves it out.
            told: What the telemetry gets once it is committed, if the lease was not lost.
        """
        if self._is_forked:
            return  # the parent has it too
        with self._lock:
            if not is_counted:
                self._uncounted.add(settlement.lease)
            if told is not None:
                self._untold[settlement.lease] = told
            self._settlements.append(settlement)
            self._crashed_since.pop(settlement.lease.position, None)
            is_leader = is_counted and not self._is_committing and not self._defer_settlements
            self._is_committing = self._is_committing or is_leader
        if is_leader:
            self._commit_as_leader()

    def claim(
        self, *, lease: timedelta, limit: int, places: Mapping[UUID, int] | None = None
    ) -> list[Claim]:
        """Commit all queued settlements and lease due messages, in one transaction.

        Of messages that crashed a worker before, only one is leased within a few seconds, unless
        it is settled: if it kills this process too, few other messages are affected.

        Args:
            lease: How long no other worker gets them.
            limit: How many at most.
            places: How many of each channel at most.

        Raises:
            StorageError: The commit failed. Nothing is leased; the settlements stay queued.
        """
        crashed_before = monotonic() - _SUSPENSE
        crashed_since = list(self._crashed_since.values())
        step = ClaimStep(
            context=self._context,
            latest=self._latest.seen,
            lease=lease,
            limit=limit,
            suspects=all(since < crashed_before for since in crashed_since),
            places=places,
            deduplicates=self._deduplicates,
            is_early=self._early_claims.are_tried(),
        )
        self._lead_own_commit(OwnCommit(step.run))
        if step.claims is None:
            self._early_claims.refused()
            step.is_early = False
            self._lead_own_commit(OwnCommit(step.run))
        claims = step.claims or []
        if step.asks_more and step.claimed_at:
            claims = self._examined(claims, step.claimed_at)
        self._latest.seen = step.claimed_at
        crashed = [claim.lease.position for claim in claims if claim.delivery.crashes]
        if crashed:
            with self._lock:
                self._crashed_since |= dict.fromkeys(crashed, monotonic())
        return claims

    def _examined(self, claims: Sequence[Claim], now: datetime) -> list[Claim]:
        """Return the claims that may go; those that cannot be examined are released."""
        try:
            return look_at(self._context, claims, now, marks=not self._defer_settlements)
        except BaseException:
            for claim in claims:
                self.record(release(claim, now), is_counted=False)
            raise

    def flush(self) -> None:
        """Commit all queued settlements; return at once if there is none.

        Raises:
            StorageError: The commit failed. The settlements stay queued.
        """
        if self._settlements:
            self._lead_own_commit(OwnCommit())

    @property
    def queued(self) -> int:
        """Return the number of settlements that are not committed yet."""
        return len(self._settlements)

    def recover(self) -> None:
        """Promote a waiting mark after the thread that claims was interrupted in a claim."""
        with self._lock:
            self._waiting_leaders.clear()
        self._promote_next()

    def _require_own_process(self) -> None:
        if self._is_forked:
            raise ConfigurationError(
                "this process was forked while a worker was at work, and cannot go on with its"
                " messages: call run, run_once or drain again in the child"
            )

    def _lead_own_commit(self, commit: OwnCommit) -> None:
        """Lead a commit on this thread, as soon as no other commit is running."""
        self._require_own_process()
        with self._lock:
            must_wait, self._is_committing = self._is_committing, True
            if must_wait:
                self._waiting_leaders.append(commit)
        if must_wait:
            self._wait_for_promotion(commit)
        self._commit_as_leader(commit)
        if commit.error is not None:
            raise commit.error

    def _wait_for_promotion(self, commit: OwnCommit) -> None:
        try:
            commit.wait_until_promoted_or_done()
        except BaseException:
            # Ctrl-C reaches the main thread, and `claim` runs there. (`mark` runs on pool
            # threads, which are never interrupted, so it needs no such care.)
            with self._lock:
                was_promoted = commit not in self._waiting_leaders
                if not was_promoted:
                    self._waiting_leaders.remove(commit)
            if was_promoted:
                # Leadership was handed to this thread in the meantime. Pass it on: otherwise
                # every later caller would wait for a leader that does not exist.
                self._promote_next()
            raise

    def _commit_as_leader(self, own: OwnCommit | None = None) -> None:
        """Commit everything that is queued, then promote the next leader."""
        marks: list[HandoffMark] = []
        try:
            self._commit(marks, own)
        except BaseException:
            # An interrupt may have come outside the transaction, before the marks ended.
            for mark in marks:
                if not mark.is_woken:
                    mark.finish(StorageError("interrupted"))
            raise
        finally:
            self._promote_next()

    def _promote_next(self) -> None:
        with self._lock:
            self._is_committing = bool(self._waiting_leaders or self._marks)
            # A claim goes before marks, because its commit includes them. The other way round
            # the claim would wait for one more commit.
            if self._waiting_leaders:
                self._waiting_leaders.pop(0).promote()
            elif self._marks:
                self._marks[0].promote()
            # Settlements alone promote no follower: their threads did not wait. The next mark or
            # claim takes them along; the delivery loop claims or flushes again in any case.

    def _commit(self, marks: list[HandoffMark], own: OwnCommit | None) -> None:
        settlements: list[Settlement] = []
        try:
            with self._lock:
                # Not by assignment: an interrupt between two statements must lose none of them.
                marks += self._marks
                settlements += self._settlements
                self._marks, self._settlements = [], []
            is_valid, answers = self._write(marks, settlements, own)
        except BaseException as error:
            with self._lock:
                self._settlements = [*settlements, *self._settlements]
            # An interrupt is for this thread only. For the followers the commit has failed.
            failure = error if isinstance(error, Exception) else StorageError("interrupted")
            for mark in marks:
                mark.finish(failure)
            if own is not None:
                own.error = failure
            if failure is not error:
                raise
        else:
            # What is committed ends now, whatever becomes of the marks that are left.
            self._finish(marks, answers)
            if settlements:
                self._count(settlements, is_valid)
                if self._untold:
                    self._tell(settlements, is_valid)
            if _UNDECIDED in answers:
                self._decide(list(compress(marks, [item is _UNDECIDED for item in answers])))
            for mark in compress(marks, [item is _ALONE for item in answers]):
                self._decide([mark])

    def _write(
        self,
        marks: Sequence[HandoffMark],
        settlements: Sequence[Settlement],
        own: OwnCommit | None,
    ) -> tuple[list[bool], list[_Answer]]:
        """Write everything at once; where a mark waits too long, everything but the marks."""
        try:
            return self._written(marks, settlements, own, is_early=own is None)
        except StorageBusyError:
            if len(marks) < 2 and not (marks and (settlements or own)):  # noqa: PLR2004 - alone
                raise
            # A mark may wait for a host that keeps a suppression of its receiver open. The others
            # wait no longer with it. Where the storage has no connection, the next line raises.
            is_valid, _ = self._written((), settlements, own)
            return is_valid, [_ALONE] * len(marks)

    def _decide(self, marks: Sequence[HandoffMark]) -> None:
        """Mark what is not decided yet, in a transaction of its own."""
        answers: Sequence[_Answer]
        try:
            _, answers = self._written(marks, (), None)
        except Exception as error:  # noqa: BLE001 - of these alone: each raises it on its thread
            answers = [error] * len(marks)
        self._finish(marks, answers)

    @staticmethod
    def _finish(marks: Sequence[HandoffMark], answers: Sequence[_Answer]) -> None:
        """Let the threads go on whose marks are decided."""
        for mark, answer in zip(marks, answers, strict=True):
            if answer is not _UNDECIDED and answer is not _ALONE:
                mark.finish(Withdrawn(answer) if isinstance(answer, Withdrawal) else answer)

    @repeated
    def _written(
        self,
        marks: Sequence[HandoffMark],
        settlements: Sequence[Settlement],
        own: OwnCommit | None,
        *,
        is_early: bool = False,
    ) -> tuple[list[bool], list[_Answer]]:
        """Write all in one transaction; return which settlements count, and what marks get."""
        with self._context.storage.begin() as tx:
            recorder = DeliveryRecorder(tx, self._context, marks=not self._defer_settlements)
            # Settlements first: a message that is released in this transaction can be claimed
            # again in the same one.
            is_valid = recorder.settle(settlements) if settlements else []
            answers: list[_Answer] = []
            if marks:
                now = self._context.clock.now()
                handoffs = [mark.handoff for mark in marks]
                if is_early and tx.early_outbox is not None:
                    marked = mark_at_once(tx, self._context, handoffs, now)
                    answers = [None if ok else _UNDECIDED for ok in marked]
                else:
                    answers = list(recorder.hand_over(handoffs, now))
            if own is not None:
                own.run(recorder)
        recorder.tell()
        return is_valid, answers

    def _count(self, settlements: Sequence[Settlement], is_valid: Sequence[bool]) -> None:
        with self._lock:
            if self._uncounted:
                leases = [settlement.lease for settlement in settlements]
                counted = [lease not in self._uncounted for lease in leases]
                self._uncounted.difference_update(leases)
                settlements = list(compress(settlements, counted))
                is_valid = list(compress(is_valid, counted))
            self.report += report_of(settlements, is_valid)

    def _tell(self, settlements: Sequence[Settlement], is_valid: Sequence[bool]) -> None:
        for settlement, ok in zip(settlements, is_valid, strict=True):
            count = self._untold.pop(settlement.lease, None)
            if count is not None and ok:
                self._context.telemetry.count(count)
