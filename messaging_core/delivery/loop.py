"""The loop of a worker: claim, deliver and settle, until nothing is due or until a stop."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from math import inf
from time import monotonic
from typing import Final
from uuid import UUID

from messaging_core.context import EngineContext
from messaging_core.delivery.bulkheads import MAX_WAIT, Bulkheads
from messaging_core.delivery.dispatcher import Dispatcher
from messaging_core.delivery.group_commit import GroupCommit
from messaging_core.delivery.watchdog import Watchdog
from messaging_core.errors import StorageError
from messaging_core.host_code import fault_of, may_be_a_signal
from messaging_core.lazy import define, logger

_log = logger(__name__)

POLL: Final = 0.5
"""Seconds between looks at a storage that other processes write to as well."""

REST: Final = 0.1
"""Seconds within which a worker that finds nothing looks at most twice, however often it is woken.

Every message that is accepted wakes every idle worker of the process, and one of them gets it.
"""

_PAUSE = 0.5  # seconds after a failure
_MOMENT = 0.01  # seconds between looks at threads that are about to end


@define(kw_only=True)
class DeliveryLoop:
    """One run of a worker: claim messages, give them to threads, and time out hung calls.

    Only the thread that runs the loop calls it.

    Attributes:
        batch: How many messages are claimed at most in one transaction.
        lease: How long no other worker gets a claimed message.
        max_wait: Seconds after which the loop claims again although no message is finished.
        poll: Seconds after which an idle loop claims again although nothing woke it.
        turn_at: When it last looked for messages.
        idle_at: When it last began to wait with nothing to do, unless it had something since; by
            the clock of the operating system that never goes back.
    """

    context: EngineContext
    bulkheads: Bulkheads
    commits: GroupCommit
    watchdog: Watchdog
    dispatcher: Dispatcher
    batch: int
    lease: timedelta
    max_wait: float
    poll: float = POLL
    turn_at: datetime | None = None
    idle_at: float = -inf

    @property
    def in_flight(self) -> int:
        """Return how many messages are taken and not finished."""
        return self.bulkheads.in_flight

    def run(self, is_over: Callable[[], bool], stop: threading.Event | None) -> None:
        """Claim and wait in turns, until `is_over` returns True and no message is in flight.

        Args:
            is_over: Asked when no message is in flight; with `stop`, also while messages are.
            stop: Set to end the run. Without it, a failure of the storage ends the run.
        """
        while True:
            stopping = stop is not None and is_over()
            if stopping:
                self._release_unstarted()
            try:
                if stopping:
                    self.commits.flush()
                else:
                    self.claim()
                if not self.bulkheads.in_flight and is_over():
                    return
                if not self.bulkheads.in_flight:
                    self._wait_until_due(stop)
            except BaseException as error:
                if (
                    stop is None
                    or may_be_a_signal(error)
                    or (stopping and not self.bulkheads.in_flight)
                ):
                    raise
                _log_failure(error)
                stop.wait(_PAUSE)
            self._wait(self.batch // 2)

    def claim(self) -> None:
        """Claim what is due and its channel has places for; commit settlements in any case."""
        self.turn_at = self.context.clock.now()
        places = self._capacity()
        if any(places.values()) or not places:
            self._claim(places)
        else:
            self.commits.flush()

    def claim_batch(self) -> None:
        """Claim one batch, for every channel that has a thread which does not hang."""
        self._claim({channel: 0 for channel, free in self._capacity().items() if not free})

    def _capacity(self) -> dict[UUID, int]:
        """Return for how many more messages of each channel there is room."""
        return self.bulkheads.places()

    def _claim(self, places: dict[UUID, int]) -> None:
        claims = self.commits.claim(lease=self.lease, limit=self.batch, places=places)
        if claims:
            self.idle_at = -inf
            self.bulkheads.submit(claims)

    def drain(self, is_late: Callable[[], bool] = lambda: False) -> None:
        """Wait until no message is in flight, and commit the settlements.

        Args:
            is_late: Returns True once no further message may begin. Then those that no thread has
                begun are released, and only the calls under way are waited for.
        """
        while self.bulkheads.in_flight:
            if is_late():
                self._release_unstarted()
            self._wait(self.batch)
        self.commits.flush()

    def abort(self) -> None:
        """End after an interruption: finish calls, release the other claims, and commit both."""
        recover, flush = self.commits.recover, self.commits.flush
        for step in (recover, self._release_unstarted, self._end_threads, flush):
            try:
                step()
            except BaseException as error:  # noqa: BLE001 - what interrupted is raised again
                _log_failure(error)
        if self.commits.queued:
            _log.error("%d messages stay leased", self.commits.queued)

    def _end_threads(self) -> None:
        while self.bulkheads.end_threads():
            self.bulkheads.wait(1, _MOMENT)
            self._time_out_overdue()

    def _release_unstarted(self) -> None:
        for claim in self.bulkheads.take_unstarted():
            self.dispatcher.release(claim)

    def _wait(self, enough: int) -> None:
        """Wait for finished messages, time out hung calls, and release excess claims."""
        if self.bulkheads.in_flight:
            self.bulkheads.wait(enough, self.max_wait)
        self._time_out_overdue()
        for claim in self.bulkheads.take_excess():
            self.dispatcher.release(claim, is_counted=False)

    def _time_out_overdue(self) -> None:
        for call in self.watchdog.expire_overdue():
            channel = call.channel
            self.dispatcher.time_out(call)
            if not self.bulkheads.replace_hung(channel.id, call.thread):
                _log.error("every thread of channel %s hangs in its transport", channel.name)

    def _wait_until_due(self, stop: threading.Event | None) -> None:
        """Sleep until a message may be due, `send` wakes the loop, or `stop` is set."""
        if stop is None:
            return
        # What wakes the worker meanwhile ends the wait below at once.
        if (rest := self.idle_at + min(REST, self.poll) - monotonic()) > 0 and stop.wait(rest):
            return
        self.idle_at = monotonic()
        with self.context.storage.begin(read_only=True) as tx:
            due_at = tx.outbox.next_due()
        wait = (due_at - self.context.clock.now()).total_seconds() if due_at else self.poll
        # A message of a channel without threads stays due: without a pause this would be a spin.
        least = MAX_WAIT if self.bulkheads.is_exhausted else 0.0
        self.bulkheads.wait(1, min(max(wait, least), self.poll))


def _log_failure(error: BaseException) -> None:
    if isinstance(error, StorageError):
        _log.error("the storage failed; trying again", exc_info=error)
    else:
        _log.error("the worker was disturbed; trying again: %s", fault_of(error))
