"""Replay messages that failed or that wait in doubt."""

from typing import Any
from uuid import UUID

from attrs import evolve

from messaging_core.acceptance.telemetry import accepted, send_operation
from messaging_core.context import EngineContext
from messaging_core.decisions.acceptance.drafting import lane_of
from messaging_core.decisions.content.link_planning import Linking
from messaging_core.decisions.delivery.settlement import IN_DOUBT
from messaging_core.decisions.status import events
from messaging_core.decisions.status.redaction import is_redacted
from messaging_core.errors import StateError, UnknownMessageError
from messaging_core.lazy import frozen
from messaging_core.models.common.audit import AuditEntry
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import Delivery, IdempotencyKey, NewMessage, Resolution
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.webhook import MessageWebhook
from messaging_core.models.messages.message import Direction, Message, Origin, Status
from messaging_core.policy.escalation import fallback_delivery
from messaging_core.ports.storage.repetition import repeated
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.policy.lifecycle import begun
from messaging_core.rules.policy.validity import expires_at, validity_of
from messaging_core.wire.stored.fingerprint import hash_of

REPLAY = "replay"
"""The type of the `origin` of a message that was replayed; its id is that of the first one."""


@frozen(kw_only=True)
class MessageReplayer:
    """Sends messages again that failed or are in doubt."""

    context: EngineContext
    linking: Linking

    def replay(  # noqa: PLR0913 - one act, and all it depends on
        self,
        message_id: UUID,
        workspace: UUID,
        channel: Channel,
        *,
        again: bool,
        connection: Any,
        audit: AuditEntry | None = None,
    ) -> Message:
        """Accept a copy of a message that failed, or send a message in doubt now."""
        with send_operation(self.context, channel) as done:
            message = self._replay(
                message_id, workspace, channel, again=again, connection=connection, audit=audit
            )
            done(accepted(message))
        return message

    @repeated
    def _replay(  # noqa: PLR0913 - the same
        self,
        message_id: UUID,
        workspace: UUID,
        channel: Channel,
        *,
        again: bool,
        connection: Any,
        audit: AuditEntry | None,
    ) -> Message:
        with self.context.begin_due(connection) as tx:
            message = tx.messages.get(workspace, message_id)
            if message is None:
                raise UnknownMessageError(message_id)
            if audit is not None:
                tx.audit.append(audit)
            if message.status is Status.PROCESSING and message.details == IN_DOUBT:
                return self._send_now(tx, workspace, message, channel)
            if message.status is Status.SENDING_FAILED and _is_outgoing(message):
                return self._replay_failed(tx, workspace, message, channel, again=again)
            raise StateError(
                f"message {message_id} is {message.status}: it did not fail to be sent"
            )

    def _send_now(
        self, tx: Transaction, workspace: UUID, message: Message, channel: Channel
    ) -> Message:
        now, delivery = self.context.now(), tx.outbox.delivery(workspace, message.id)
        # Its failure still says that it may have been sent, so that it cannot be cancelled.
        moved = evolve(message, details=None, last_status_at=now, updated_at=now)
        validity = validity_of(
            delivery.controls.validity if delivery else None, channel.message_type
        )
        ends_at = expires_at(now, None, validity)
        if waiting := fallback_delivery(tx, workspace, message):
            ends_at = min(ends_at, waiting[1].due_at)  # then its fallback takes over
        if not tx.outbox.reschedule(workspace, moved, due_at=now, expires_at=ends_at):
            raise StateError(f"message {message.id} is being handed over right now")
        event = events.changed(workspace, moved, EventKind.RESCHEDULED, now)
        tx.timeline.append([evolve(event, due_at=now)])
        tx.timeline.increment(events.resolved(Resolution.RESENT))
        return moved

    def _replay_failed(
        self, tx: Transaction, workspace: UUID, old: Message, channel: Channel, *, again: bool
    ) -> Message:
        name = key_of(old.id)
        key = IdempotencyKey(key=name, request_hash=hash_of(old.id.bytes), lasting=True)
        since = old.created_at
        earlier = None if again else tx.messages.by_keys(workspace, [name], since=since).get(name)
        resent = tx.messages.get(workspace, earlier[0]) if earlier else None
        if resent is not None:
            return resent
        if is_redacted(old):
            raise StateError(f"message {old.id} was redacted, so it cannot be sent again")
        new = self._copy(old)
        validity = validity_of(None, channel.message_type)
        delivery = Delivery(
            due_at=new.created_at,
            expires_at=expires_at(new.created_at, None, validity),
            lane=lane_of(channel),
        )
        controls = evolve(delivery.controls, trace=self.context.telemetry.trace())
        delivery = evolve(delivery, controls=controls)
        delivery, links = self.linking.draw(new, delivery, channel)
        tx.short_links.add(links)
        row = NewMessage(
            workspace=workspace,
            platform=channel.platform,
            message=new,
            delivery=delivery,
            idempotency=None if again or earlier else key,
        )
        tx.messages.add([row])
        if url := tx.webhooks.url_of(workspace, old.id):
            webhook = MessageWebhook(workspace_id=workspace, message_id=new.id, url=url)
            tx.webhooks.add_urls([webhook])
        tx.timeline.append([events.admitted(workspace, new, delivery)])
        return new

    def _copy(self, old: Message) -> Message:
        now = self.context.now()
        return begun(
            old,
            Status.ACCEPTED,
            id=self.context.ids.new(now),
            last_status_at=now,
            created_at=now,
            updated_at=now,
            scheduled_for=None,
            parts=(),
            reason=None,
            details=None,
            failure=None,
            origin=Origin(type=REPLAY, id=str(old.id)),
        )


def key_of(message_id: UUID) -> str:
    """Return the lasting idempotency key by which a message is replayed once."""
    return f"{REPLAY}:{message_id}"


def _is_outgoing(message: Message) -> bool:
    return message.direction is Direction.OUTGOING
