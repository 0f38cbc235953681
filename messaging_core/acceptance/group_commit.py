"""Group commit: calls of `send` at the same time share transactions."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from messaging_core.acceptance.submission import AcceptResult, Submission
from messaging_core.errors import CommitUnknownError, StorageError
from messaging_core.fork import ForkAware, watch_forks
from messaging_core.lazy import define
from messaging_core.models.messages.message import Message
from messaging_core.ports.storage.transaction_lock import Hold, TransactionLock

MOST_TOGETHER = 1000
"""How many calls of `send` share one transaction at most."""

AcceptAll = Callable[[Sequence[Submission]], list[AcceptResult]]


def accept_each(
    accept: AcceptAll, submissions: Sequence[Submission]
) -> Iterator[Message | Exception]:
    """Accept all in one transaction, and yield the message or the error of each of them.

    If code of the host fails for one of them, nothing was written: then each is accepted in a
    transaction of its own, so that the fault of one caller does not affect the others.
    """
    try:
        yield from accept(submissions)
    except CommitUnknownError as error:
        for submission in submissions:
            if len(submissions) == 1 or submission.idempotency_key is None:
                yield error
            else:  # its key tells whether it was written
                yield from accept_each(accept, [submission])
    except Exception as error:  # noqa: BLE001 - the callers get it
        if len(submissions) == 1 or isinstance(error, StorageError):
            yield from [error] * len(submissions)
            return
        for submission in submissions:
            yield from accept_each(accept, [submission])


@define(eq=False)
class _Call:
    """One call of `send`, until it has a result."""

    submission: Submission
    result: Message | Exception | None = None


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

    def accept(self, submission: Submission) -> Message:
        """Accept one request; return when the transaction with it is durable.

        Raises:
            InvalidRequestError: The request was refused; nothing was written.
            StorageError: The transaction failed; nothing was written.
        """
        call, hold = _Call(submission), Hold()
        self._waiting.append(call)
        try:
            self._turn.acquire(hold)
            if call.result is None:
                self._lead()
        except BaseException:
            self._withdraw(call)
            raise
        finally:
            self._turn.release(hold)
        if call.result is None:
            raise StorageError("interrupted: the commit with this message was not finished")
        if isinstance(call.result, Exception):
            raise call.result
        return call.result

    def _withdraw(self, call: _Call) -> None:
        """Send nothing for a caller that was interrupted before its commit began."""
        with suppress(ValueError):
            self._waiting.remove(call)

    def _lead(self) -> None:
        calls = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
        try:
            results = accept_each(self._accept, [call.submission for call in calls])
            for call, result in zip(calls, results, strict=True):
                call.result = result
        except BaseException:
            # An interrupt is for this thread only. For the other calls the commit has failed.
            for call in calls:
                if call.result is None:
                    call.result = StorageError("interrupted by the thread that led this commit")
            raise
