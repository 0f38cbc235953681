"""Purge while a soak test runs, and nothing that is still to be told; see `faults.soak_host`."""

import threading
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any

from attrs import define

from faults.processes import until
from faults.soak_worker import SUBSCRIBER
from messaging_core import Message, Messenger
from messaging_core.errors import StateError, UnknownMessageError
from messaging_core.models.delivery.event import WEBHOOKS
from messaging_core.models.messages.query import MessageQuery

UNFINISHED = ("accepted", "scheduled", "processing", "sent")
_LATER = timedelta(minutes=30)
_PATIENCE = 300.0  # seconds for what waits; the parent waits longer for the end of a process
_OLDEST = "SELECT message_id FROM messaging_webhook_queue ORDER BY message_id LIMIT 1"


@define
class Cleaner:
    """Purges what is finished, and whose events have been told to all subscribers and receivers."""

    messenger: Messenger
    connect: Callable[[], Any]
    retention: timedelta
    unmatched: timedelta

    def run(self, is_over: threading.Event) -> None:
        """Purge several times in each retention until it is over."""
        while not is_over.wait(self.retention.total_seconds() / 4):
            self.withdraw_scheduled(self.retention / 2)
            self.purge()

    def purge(self) -> None:
        """Purge what is old; what is unfinished, and all that is younger, waits."""
        before = self.messenger.clock.now() - self.retention
        unfinished = self.oldest_unfinished()
        if unfinished is not None:
            before = min(before, unfinished.created_at)
        self.wait_for_subscribers()
        told = self._told_before()
        if told is not None:
            before = min(before, told)
        self.messenger.purge(
            before=before, unmatched=self.unmatched, audit=self.retention, limit=10_000
        )

    def oldest_unfinished(self) -> Message | None:
        query = MessageQuery(status=UNFINISHED, reverse=True, limit=1)
        return next(iter(self.messenger.find(query).results), None)

    def withdraw_scheduled(self, age: timedelta) -> None:
        """Withdraw what a host scheduled and forgot about, unless it goes at this moment."""
        end_at = self.messenger.clock.now() - age
        query = MessageQuery(status=("scheduled",), end_at=end_at, limit=1000)
        for message in self.messenger.find(query).results:
            with suppress(StateError, UnknownMessageError):
                self.messenger.cancel(message.id)

    def wait_for_subscribers(self) -> None:
        """Wait until all events of this moment are read: `purge` deletes them."""
        with self.messenger.storage.begin(read_only=True) as tx:
            last = tx.timeline.last_position()
        until(lambda: min(self._positions()) >= last, "subscribers are slow", _PATIENCE)

    def _told_before(self) -> datetime | None:
        """Return when the oldest message was made of which a webhook waits, in its UUIDv7.

        A worker that was killed leaves its webhook for as long as its lease lasts.
        """
        with closing(self.connect()) as connection:
            row = connection.execute(_OLDEST).fetchone()
        if row is None:
            return None
        return datetime.fromtimestamp(int.from_bytes(bytes(row[0])[:6]) / 1000, UTC)

    def _has_webhooks(self) -> bool:
        """Return whether a webhook is still to be sent."""
        with self.messenger.storage.begin(read_only=True) as tx:
            later = self.messenger.clock.now() + _LATER
            waiting = tx.webhooks.due(later, longest=_LATER, after=None, limit=1)
            return bool(waiting) or tx.timeline.is_behind(WEBHOOKS)

    def _positions(self) -> list[int]:
        with self.messenger.storage.begin(read_only=True) as tx:
            cursors = [tx.timeline.cursor(name) for name in (SUBSCRIBER, WEBHOOKS)]
        return [cursor.position if cursor else 0 for cursor in cursors]

    def end(self) -> None:
        """See everything through, and purge it all."""
        self.withdraw_scheduled(timedelta(0))
        deadline = monotonic() + _PATIENCE
        while waiting := self._waiting():
            assert monotonic() < deadline, f"{waiting} still waits after {_PATIENCE} seconds"
            sleep(0.1)
        self.retention = self.unmatched = timedelta(0)
        self.purge()

    def _waiting(self) -> str:
        """Return what is not seen through yet, if anything is not."""
        message = self.oldest_unfinished()
        if message is not None:
            return f"message {message.id.hex}, which is {message.status},"
        return "a webhook" if self._has_webhooks() else ""
