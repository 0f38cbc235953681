"""Claim, deliver and settle until nothing is left, or until a stop."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from attrs import define

from messaging_core.delivery.bulkheads import PATIENCE as LOOK_AGAIN
from messaging_core.delivery.bulkheads import Bulkheads
from messaging_core.delivery.dispatcher import Dispatcher
from messaging_core.delivery.group_commit import GroupCommit
from messaging_core.delivery.watchdog import Watchdog
from messaging_core.errors import StorageError
from messaging_core.host_code import fault_of, may_be_a_signal
from messaging_core.ports.clock import Clock
from messaging_core.ports.storage.transaction import Storage

_log = logging.getLogger(__name__)

_IDLE = 0.5  # seconds between looks at a storage that other processes write to as well
_MOMENT = 0.01  # seconds between looks at threads that are about to end


@define(kw_only=True)
class DeliveryLoop:
    """One run of a worker: claims go to their channels' threads, and results come back."""

    storage: Storage
    clock: Clock
    bulkheads: Bulkheads
    ledger: GroupCommit
    watch: Watchdog
    delivering: Dispatcher
    batch: int
    lease: timedelta
    patience: float

    def keep_busy(self, is_over: Callable[[], bool], stop: threading.Event | None) -> None:
        """Settle what is done and claim anew in one transaction, again and again."""
        while True:
            stopping = stop is not None and is_over()
            if stopping:
                self._release_unstarted()
            try:
                self.begin(0 if stopping else self.batch)
                if not self.bulkheads.busy and is_over():
                    return
                if not self.bulkheads.busy:
                    self._rest(stop)
            except BaseException as error:
                if stop is None or may_be_a_signal(error) or (stopping and not self.bulkheads.busy):
                    raise
                _log_failure(error)
                stop.wait(_IDLE)
            self._gather(self.batch // 2)

    def begin(self, limit: int, *, all_at_once: bool = False) -> None:
        """Record what is done, and hand each channel what comes next and it has places for."""
        places = self.bulkheads.places()
        if all_at_once:
            places = {channel: 0 for channel, free in places.items() if not free}
        elif places and not any(places.values()):
            limit = 0
        self.bulkheads.hand(self.ledger.claim(lease=self.lease, limit=limit, places=places))

    def finish(self) -> None:
        """Wait until no thread works any more."""
        while self.bulkheads.busy:
            self._gather(self.batch)

    def wind_up(self) -> None:
        """Interrupted: finish what was begun, give the rest back, and record both if possible."""
        for step in (self.ledger.recover, self._release_unstarted, self._dismiss, self._record):
            try:
                step()
            except BaseException as error:  # noqa: BLE001 - what interrupted is raised again
                _log_failure(error)
        if self.ledger.unwritten:
            _log.error("%d messages stay leased", self.ledger.unwritten)

    def _dismiss(self) -> None:
        while self.bulkheads.dismiss():
            self.bulkheads.gather(1, _MOMENT)
            self._give_up_overdue()

    def _record(self) -> None:
        self.ledger.claim(lease=self.lease, limit=0)

    def _release_unstarted(self) -> None:
        for claim in self.bulkheads.recall():
            self.ledger.record(self.delivering.release(claim))

    def _gather(self, enough: int) -> None:
        """Wait for some to be done, and give up those that hang."""
        if self.bulkheads.busy:
            self.bulkheads.gather(enough, self.patience)
        self._give_up_overdue()
        for claim in self.bulkheads.recall_excess():
            self.ledger.put_back(self.delivering.release(claim))

    def _give_up_overdue(self) -> None:
        for call in self.watch.overdue():
            channel = call.channel
            self.ledger.record(self.delivering.give_up(call))
            if not self.bulkheads.abandon(channel.id, call.thread):
                _log.error("every thread of channel %s hangs in its transport", channel.name)

    def _rest(self, stop: threading.Event | None) -> None:
        """Sleep until something may be due."""
        if stop is not None:
            with self.storage.begin(read_only=True) as tx:
                due_at = tx.outbox.next_due()
            wait = (due_at - self.clock.now()).total_seconds() if due_at else _IDLE
            # What is due on a channel without threads stays due.
            least = LOOK_AGAIN if self.bulkheads.has_lost else 0.0
            stop.wait(min(max(wait, least), _IDLE))


def _log_failure(error: BaseException) -> None:
    if isinstance(error, StorageError):
        _log.error("the storage failed; trying again", exc_info=error)
    else:
        _log.error("the worker was disturbed; trying again: %s", fault_of(error))
