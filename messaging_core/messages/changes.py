"""Cancel or reschedule messages that wait."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from attrs import evolve

from messaging_core.acceptance.batch import messages_of
from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.escalation import stopped, waits_until
from messaging_core.decisions.delivery.settlement import may_have_gone
from messaging_core.decisions.status import events
from messaging_core.errors import InvalidMessageError, StateError, UnknownBatchError
from messaging_core.lazy import frozen
from messaging_core.messages.lookup import message_of
from messaging_core.models.common.audit import AuditEntry
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import Delivery
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.messages.message import Message, Status
from messaging_core.policy.escalation import Move, fallback_delivery, move, stop
from messaging_core.ports.storage.repetition import repeated
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.policy.lifecycle import Cause, can_cancel, can_reschedule, transition
from messaging_core.rules.policy.schedule import check_schedule, due_time, is_later
from messaging_core.rules.policy.validity import expires_at, validity_of


@frozen(kw_only=True)
class MessageChanges:
    """Cancels and reschedules messages, as long as no receiver may have them."""

    context: EngineContext

    @repeated
    def cancel(
        self, message_id: UUID, workspace: UUID, connection: Any, audit: AuditEntry | None = None
    ) -> bool:
        """Withdraw one message; return False if it may have been sent."""
        now = self.context.now()
        with self.context.storage.begin(connection) as tx:
            is_withdrawn = withdraw(tx, workspace, message_of(tx, workspace, message_id), now)
            if is_withdrawn and audit is not None:
                tx.audit.append(audit)
            return is_withdrawn

    @repeated
    def cancel_batch(self, batch_id: UUID, workspace: UUID, connection: Any) -> int:
        """Withdraw the messages of a batch that wait, and return their number."""
        now = self.context.now()
        with self.context.storage.begin(connection) as tx:
            messages = messages_of(tx, workspace, batch_id)
            if not messages:
                raise UnknownBatchError(batch_id)
            return sum(withdraw(tx, workspace, message, now) for message in messages)

    @repeated
    def reschedule(
        self,
        message_id: UUID,
        at: datetime,
        workspace: UUID,
        connection: Any,
        audit: AuditEntry | None = None,
    ) -> Message:
        """Move one message to another time."""
        now = self.context.now()
        if violations := check_schedule(at, now):
            raise InvalidMessageError(violations)
        at = at.astimezone(UTC)  # wall-clock times must not be compared with one another
        with self.context.begin_due(connection) as tx:
            message = message_of(tx, workspace, message_id)
            delivery = tx.outbox.delivery(workspace, message_id)
            if delivery is None or not can_reschedule(message.status):
                raise StateError(f"message {message_id} is {message.status}: it does not wait")
            if audit is not None:
                tx.audit.append(audit)
            return self._move(tx, workspace, message, delivery, at=at, now=now)

    def _move(  # noqa: PLR0913 - one change, and all it depends on
        self,
        tx: Transaction,
        workspace: UUID,
        message: Message,
        delivery: Delivery,
        *,
        at: datetime,
        now: datetime,
    ) -> Message:
        moved = transition(
            message,
            Status.SCHEDULED if is_later(at, now) else Status.ACCEPTED,
            now,
            cause=Cause.RESCHEDULED,
            failure=message.failure,
            scheduled_for=due_time(at, now),
        )
        channel = self.context.channels.get(message.channel_id)
        ends_at = _end(delivery, channel, at, now)
        fallbacks = self._moved_fallbacks(tx, workspace, message, delivery, at=at, now=now)
        if fallbacks:
            ends_at = min(ends_at, fallbacks[0].due_at)
        if not tx.outbox.reschedule(workspace, moved, due_at=due_time(at, now), expires_at=ends_at):
            raise StateError(f"message {message.id} is being handed over right now")
        for fallback in fallbacks:
            move(tx, workspace, fallback, now)
        tx.send_history.move(workspace, message.id, due_time(at, now))
        tx.timeline.append([events.changed(workspace, moved, EventKind.RESCHEDULED, now)])
        return moved

    def _moved_fallbacks(  # noqa: PLR0913 - as above
        self,
        tx: Transaction,
        workspace: UUID,
        message: Message,
        delivery: Delivery,
        *,
        at: datetime,
        now: datetime,
    ) -> list[Move]:
        """Return how the fallbacks of a message that wait move with it, the next one first."""
        moves: list[Move] = []
        due_at, last = due_time(at, now), message
        while waiting := fallback_delivery(tx, workspace, last):
            was_due_at = delivery.due_at
            fallback, delivery = waiting
            # The host may have taken the escalation out since: then the stored times tell.
            due_at += self._escalates_after(last) or max(delivery.due_at - was_due_at, timedelta(0))
            channel = self.context.channels.get(fallback.channel_id)
            change = Move(
                message=fallback,
                due_at=due_at,
                expires_at=_end(delivery, channel, at, now),
                reason=waits_until(last.id, due_at),
            )
            if moves:  # the one before ends when this one takes over
                moves[-1] = evolve(moves[-1], expires_at=min(moves[-1].expires_at, due_at))
            moves.append(change)
            last = fallback
        return moves

    def _escalates_after(self, message: Message) -> timedelta | None:
        channel = self.context.channels.get(message.channel_id)
        return channel.escalation.after if channel and channel.escalation else None


def _end(delivery: Delivery, channel: Channel | None, at: datetime, now: datetime) -> datetime:
    """Return until when a message may go that is moved to a time."""
    validity = validity_of(delivery.controls.validity, channel.message_type if channel else "")
    return expires_at(now, at, validity)


def withdraw(tx: Transaction, workspace: UUID, message: Message, now: datetime) -> bool:
    """Withdraw a message that waits, and its fallback; False if the message may have been sent."""
    is_withdrawn = _withdraw(tx, workspace, message, now)
    stop(tx, workspace, message, stopped(message), now)
    return is_withdrawn


def _withdraw(tx: Transaction, workspace: UUID, message: Message, now: datetime) -> bool:
    delivery = tx.outbox.delivery(workspace, message.id)
    if not can_cancel(message.status) or may_have_gone(message, delivery):
        return False
    if not tx.outbox.finish(workspace, message.id):
        return False
    tx.send_history.remove(workspace, message.id)
    deleted = transition(message, Status.DELETED, now, cause=Cause.CANCELLED)
    tx.messages.update(workspace, deleted)
    tx.timeline.append([events.changed(workspace, deleted, EventKind.CANCELLED, now)])
    return True
