"""The fallback of a message: found by its key, stopped or hastened by what becomes of the message.

The fallback is stored with its message, in one transaction. So there is at most one, whatever
crashes. Everything here happens in the transaction that changes the message.
"""

from datetime import datetime
from uuid import UUID

from attrs import evolve

from messaging_core.decisions.acceptance.fallback import ESCALATION
from messaging_core.decisions.delivery.escalation import goes_at_once, reason_to_stop
from messaging_core.decisions.delivery.settlement import IN_DOUBT, UNPROVEN
from messaging_core.decisions.status import events
from messaging_core.decisions.status.evidence import NO_EVIDENCE, proves_hand_over
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import Delivery, IdempotencyKey, Resolution
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.policy.plan import Reason
from messaging_core.models.policy.reasons import ReasonCode, because
from messaging_core.ports.storage.readable import (
    readable,
    readable_delivery,
    readable_message,
)
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.policy.lifecycle import Cause, can_exclude, can_reschedule, transition
from messaging_core.wire.stored.fingerprint import hash_of


def key_of_fallback(message_id: UUID) -> IdempotencyKey:
    """Return the idempotency key of the fallback of a message; it never expires."""
    name = f"{ESCALATION}:{message_id}"
    return IdempotencyKey(key=name, request_hash=hash_of(message_id.bytes), lasting=True)


def may_have_fallback(channel: Channel | None) -> bool:
    """Return False if no message of a channel has a fallback; the host may have removed it."""
    return channel is None or channel.escalation is not None


def fallback_of(tx: Transaction, workspace: UUID, message: Message) -> Message | None:
    """Return the message that takes over from a message, if it has one that can be read."""
    key = key_of_fallback(message.id).key
    entries = readable(
        lambda: tx.messages.by_keys(workspace, [key], since=message.created_at),
        f"the key of the fallback of message {message.id} cannot be read",
    )
    entry = entries.get(key) if entries else None
    return readable_message(tx, workspace, entry[0]) if entry else None


def follow(tx: Transaction, workspace: UUID, message: Message, now: datetime) -> None:
    """Let the fallback of a message do what follows from the new status of the message.

    It is skipped once the message is delivered, withdrawn or forbidden. It goes at once if the
    message failed for good. A fallback that was handed over stays as it is.
    """
    reason = reason_to_stop(message)
    if reason is not None:
        stop(tx, workspace, message, reason, now)
    elif goes_at_once(message):
        _hasten(tx, workspace, message, now)


def stop(tx: Transaction, workspace: UUID, message: Message, reason: Reason, now: datetime) -> None:
    """Skip the fallbacks of a message that still wait, and do not send again what is in doubt."""
    fallback = fallback_of(tx, workspace, message)
    if fallback is not None and not exclude(tx, workspace, fallback, reason, now):
        stop(tx, workspace, fallback, reason, now)


def exclude(
    tx: Transaction, workspace: UUID, message: Message, reason: Reason, now: datetime
) -> bool:
    """Skip a message that waits, and its fallback; return False if it may have been sent."""
    if not can_exclude(message.status):
        return False
    if message.details == IN_DOUBT:
        return _give_up(tx, workspace, message, reason, now)
    if not tx.outbox.finish(workspace, message.id):
        return False
    skipped = transition(
        message,
        Status.SKIPPED,
        now,
        cause=Cause.EXCLUDED,
        reason=reason.message,
        details=reason.code,
    )
    tx.messages.update(workspace, skipped)
    tx.send_history.remove(workspace, message.id)
    event = events.changed(workspace, skipped, EventKind.ENDED, now)
    tx.timeline.append([evolve(event, reasons=(reason,))])
    follow(tx, workspace, skipped, now)
    return True


def _give_up(
    tx: Transaction, workspace: UUID, message: Message, reason: Reason, now: datetime
) -> bool:
    """Fail a message in doubt; return False always, since it may have been sent."""
    evidence = tx.receipts.evidence(workspace, [message.id]).get(message.id, NO_EVIDENCE)
    # What is proved to be sent is shown so by the next claim, which also sends nothing.
    if proves_hand_over(evidence) or not tx.outbox.finish(workspace, message.id):
        return False
    ended = transition(
        message,
        Status.SENDING_FAILED,
        now,
        cause=Cause.FAILED,
        reason=IN_DOUBT,
        failure=UNPROVEN,
    )
    tx.messages.update(workspace, ended)
    tx.timeline.increment(events.resolved(Resolution.FAILED))
    event = events.changed(workspace, ended, EventKind.ENDED, now)
    tx.timeline.append([evolve(event, failure=ended.failure, reasons=(reason,))])
    return False


def fallback_delivery(
    tx: Transaction, workspace: UUID, message: Message
) -> tuple[Message, Delivery] | None:
    """Return the fallback of a message and its delivery, if it waits for its first attempt."""
    fallback = fallback_of(tx, workspace, message)
    if fallback is None or not can_reschedule(fallback.status):
        return None
    (delivery,) = readable_delivery(tx, workspace, fallback.id) or (None,)
    return None if delivery is None else (fallback, delivery)


@frozen(kw_only=True)
class Move:
    """Another time at which a fallback takes over."""

    message: Message
    due_at: datetime
    expires_at: datetime
    reason: Reason


def move(tx: Transaction, workspace: UUID, change: Move, now: datetime) -> None:
    """Let a fallback that waits take over at another time; a worker that holds it goes on."""
    moved = transition(
        change.message,
        Status.SCHEDULED if change.due_at > now else Status.ACCEPTED,
        now,
        cause=Cause.RESCHEDULED,
        scheduled_for=change.due_at,
    )
    if not tx.outbox.reschedule(
        workspace, moved, due_at=change.due_at, expires_at=change.expires_at
    ):
        return
    tx.send_history.move(workspace, moved.id, change.due_at)
    event = events.changed(workspace, moved, EventKind.RESCHEDULED, now)
    tx.timeline.append([evolve(event, reasons=(change.reason,))])


def _hasten(tx: Transaction, workspace: UUID, message: Message, now: datetime) -> None:
    waiting = fallback_delivery(tx, workspace, message)
    if waiting is None or waiting[1].due_at <= now:
        return
    fallback, delivery = waiting
    reason = because(ReasonCode.ESCALATION_FAILED, messageId=str(message.id))
    change = Move(message=fallback, due_at=now, expires_at=delivery.expires_at, reason=reason)
    move(tx, workspace, change, now)


def escalated(workspace: UUID, first: Message, fallback_id: UUID, now: datetime) -> Event:
    """Return the event of a message whose fallback takes over."""
    reason = because(ReasonCode.ESCALATION_OVERTAKEN, messageId=str(fallback_id))
    event = events.changed(workspace, first, EventKind.ESCALATED, now)
    return evolve(event, reasons=(reason,))
