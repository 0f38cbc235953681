"""Group commit: threads that call `send` at the same time share transactions."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from attrs import define

from messaging_core.acceptance.submission import AcceptResult, Submission
from messaging_core.errors import StorageError
from messaging_core.fork import ForkAware, watch_forks
from messaging_core.ports.storage.transaction_lock import Hold, TransactionLock

MOST_TOGETHER = 1000
"""How many calls of `send` share one transaction at most."""

AcceptAll = Callable[[Sequence[Submission]], list[AcceptResult]]


@define(eq=False)
class _Call:
    """One call of `send`, until it has a result or an error."""

    submission: Submission
    result: AcceptResult | None = None
    error: Exception | None = None

    @property
    def is_done(self) -> bool:
        return self.result is not None or self.error is not None


class GroupAcceptor(ForkAware):
    """Accept for many threads, with few commits.

    An fsync takes longer than everything else that accepting does. A call that finds no commit
    running leads: it commits at once, alone. Calls that arrive meanwhile wait for their turn. The
    first of them leads the next commit, which includes all that wait; the others find their
    result when their turn comes::

        send ──► wait for the turn ──► done by another call? ── yes ──► return its result
                                             │ no
                                             ▼
                                       lead: accept every call that waits, in one transaction

    Args:
        accept: Accepts requests in one transaction, and raises if that fails.
    """

    def __init__(self, accept: AcceptAll) -> None:
        self._accept = accept
        self._start()
        watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Leave what waits to the parent: its threads do not exist here."""
        self._start()

    def _start(self) -> None:
        self._waiting: deque[_Call] = deque()
        self._turn = TransactionLock(timeout=threading.TIMEOUT_MAX)

    def accept(self, submission: Submission) -> AcceptResult:
        """Accept one request; return when the transaction with it is durable.

        Raises:
            StorageError: The transaction failed; nothing was written.
        """
        call, hold = _Call(submission), Hold()
        self._waiting.append(call)
        try:
            self._turn.acquire(hold)
            if not call.is_done:
                self._lead()
        except BaseException:
            self._withdraw(call)
            raise
        finally:
            self._turn.release(hold)
        if call.error is not None:
            raise call.error
        if call.result is None:
            raise StorageError("interrupted: the commit with this message was not finished")
        return call.result

    def _withdraw(self, call: _Call) -> None:
        """Send nothing for a caller that was interrupted before its commit began."""
        with suppress(ValueError):
            self._waiting.remove(call)

    def _lead(self) -> None:
        calls = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
        try:
            self._answer(calls)
        except BaseException:
            # An interrupt is for this thread only. For the other calls the commit has failed.
            for call in calls:
                if not call.is_done:
                    call.error = StorageError("interrupted by the thread that led this commit")
            raise

    def _answer(self, calls: Sequence[_Call]) -> None:
        try:
            results = self._accept([call.submission for call in calls])
        except Exception as error:  # noqa: BLE001 - the callers get it
            if len(calls) > 1 and not isinstance(error, StorageError):
                # Code of the host failed for one of the calls; nothing was written.
                for call in calls:
                    self._answer([call])
            else:
                for call in calls:
                    call.error = error
        else:
            for call, result in zip(calls, results, strict=True):
                call.result = result
