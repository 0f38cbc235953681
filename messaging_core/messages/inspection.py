"""Everything that is stored about one message, for a page that shows it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from attrs import field

from messaging_core.context import EngineContext
from messaging_core.decisions.content.rendering import envelope_of
from messaging_core.errors import MessagingError
from messaging_core.lazy import frozen
from messaging_core.messages.lookup import message_of
from messaging_core.messages.replay import key_of
from messaging_core.models.common.audit import AuditEntry
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import Delivery
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.messages.message import Direction, Message

MOST_EVENTS = 200
MOST_INTERACTIONS = 100
_MOST_ENTRIES = 50


@frozen(kw_only=True)
class Inspection:
    """What is stored about one message at one moment.

    Attributes:
        message: The message itself.
        channel: Its channel, if the host still has it.
        delivery: How far its delivery has come, as long as it is not finished.
        evidence: What receipts reported about its parts and receivers.
        envelope: What the transport gets, or got, but for short links of a finished message;
            nothing for a message that came in, or whose content was removed.
        events: What happened, in order; the first 200.
        interactions: What people did with it; the first 100.
        replayed_as: The message that was sent in its place, if it was replayed; one that was
            replayed again and again, the first.
        audit: Who looked at it or changed it, the newest first; the last 50.
    """

    message: Message
    channel: Channel | None = None
    delivery: Delivery | None = None
    evidence: Evidence = field(factory=Evidence)
    envelope: Envelope | None = None
    events: tuple[Event, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    replayed_as: UUID | None = None
    audit: tuple[AuditEntry, ...] = ()


@frozen(kw_only=True)
class Changes:
    """What happened to messages after a position of the event log.

    Attributes:
        position: The position to continue from.
        events: Of one workspace, in order.
        is_complete: Whether nothing else happened until `position`; otherwise more happened than
            is returned, and `position` is that of the last event of all.
    """

    position: int
    events: tuple[Event, ...] = ()
    is_complete: bool = True


def changes(context: EngineContext, after: int | None, workspace: UUID, limit: int) -> Changes:
    """Read what happened after a position; without one, only where the log ends."""
    with context.storage.begin(read_only=True) as tx:
        if after is None:
            return Changes(position=tx.timeline.last_position())
        events = tx.timeline.after(after, limit=limit + 1)
        is_complete = len(events) <= limit
        if is_complete:
            position = events[-1].position if events else after
        else:
            position = tx.timeline.last_position()
    own = tuple(event for event in events[:limit] if event.workspace == workspace)
    return Changes(position=position, events=own, is_complete=is_complete)


def attempts(
    context: EngineContext, message_ids: Sequence[UUID], workspace: UUID
) -> Mapping[UUID, int]:
    """Read how often messages were tried."""
    with context.storage.begin(read_only=True) as tx:
        return tx.timeline.attempts(workspace, message_ids)


def inspect(context: EngineContext, message_id: UUID, workspace: UUID) -> Inspection:
    """Read everything about a message in one transaction.

    Raises:
        UnknownMessageError: This workspace has no such message.
    """
    with context.storage.begin(read_only=True) as tx:
        message = message_of(tx, workspace, message_id)
        delivery = tx.outbox.delivery(workspace, message_id)
        evidence = tx.receipts.evidence(workspace, [message_id]).get(message_id)
        events = tx.timeline.of_message(workspace, message_id, limit=MOST_EVENTS)
        interactions = tx.receipts.interactions(workspace, message_id, limit=MOST_INTERACTIONS)
        replays = tx.messages.by_keys(workspace, [key_of(message_id)], since=message.created_at)
        audit = tx.audit.find(workspace, limit=_MOST_ENTRIES, message_id=message_id)
    channel = context.channels.get(message.channel_id)
    return Inspection(
        message=message,
        channel=channel,
        delivery=delivery,
        evidence=evidence or Evidence(),
        envelope=_envelope(message, delivery, channel, context.now()),
        events=tuple(events),
        interactions=tuple(interactions),
        replayed_as=next((new_id for new_id, _ in replays.values()), None),
        audit=tuple(audit),
    )


def _envelope(
    message: Message, delivery: Delivery | None, channel: Channel | None, now: datetime
) -> Envelope | None:
    if channel is None or message.body is None or message.direction is Direction.INCOMING:
        return None
    try:
        return envelope_of(message, delivery or Delivery(due_at=now, expires_at=now), channel)
    except MessagingError:  # its channel was configured differently when it was accepted
        return None
