"""Follow the messages of a notification."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from attrs import evolve, field

from messaging_core.context import EngineContext
from messaging_core.decisions.acceptance.notification_outcome import outcome_of
from messaging_core.lazy import define
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.messages.notification import (
    NotificationFailure,
    NotificationReport,
    NotificationSkip,
)

AT_ONCE = 1000
"""The most messages that one transaction reads."""

_NOT_TRIED = frozenset({Status.ACCEPTED, Status.SCHEDULED})


@define
class Progress:
    """Follows the messages of a notification, and reports what became of them."""

    _context: EngineContext
    _workspace: UUID
    _accepted: NotificationReport
    _next: int = field(default=0, init=False)

    def is_waiting(self, now: datetime) -> bool:
        """Return whether a due message was not attempted yet.

        Messages are read in their order, and each only until it was attempted.
        """
        ids = self._accepted.messages
        with self._context.storage.begin(read_only=True) as tx:
            while self._next < len(ids):
                message = tx.messages.get(self._workspace, ids[self._next])
                if message and message.status in _NOT_TRIED:
                    delivery = tx.outbox.delivery(self._workspace, message.id)
                    if delivery and delivery.due_at <= now and not delivery.attempts:
                        return True
                self._next += 1
        return False

    def report(self) -> NotificationReport:
        """Return the report of acceptance, with the failures and skips since then."""
        failures = {
            failure.message_id: failure for failure in self._accepted.failures if failure.message_id
        }
        skipped: list[NotificationSkip] = []
        for message in self._messages():
            platform = self._platform(message)
            outcome = outcome_of(message, message.reference or "", platform)
            if isinstance(outcome, NotificationFailure):
                failures[message.id] = outcome
            elif outcome is not None:
                skipped.append(outcome)
        refused = [failure for failure in self._accepted.failures if failure.message_id is None]
        return evolve(
            self._accepted,
            failures=(*refused, *failures.values()),
            skipped=(*self._accepted.skipped, *skipped),
        )

    def _messages(self) -> Iterator[Message]:
        ids = self._accepted.messages
        for start in range(0, len(ids), AT_ONCE):
            with self._context.storage.begin(read_only=True) as tx:
                messages = [
                    tx.messages.get(self._workspace, message_id)
                    for message_id in ids[start : start + AT_ONCE]
                ]
            yield from filter(None, messages)

    def _platform(self, message: Message) -> str:
        return self._context.channels.find(message.channel_id).platform
