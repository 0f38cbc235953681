"""Find the webhooks that events make: for subscriptions, and for the URLs of requests."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.webhooks import (
    RETRY_FOR,
    event_name,
    host_of,
    interested,
)
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.delivery.webhook import WebhookDelivery, WebhookSubscription
from messaging_core.models.messages.message import Message
from messaging_core.ports.storage.readable import readable
from messaging_core.ports.storage.transaction import Transaction


@frozen(kw_only=True)
class _EventDetails:
    """An event with what its webhooks are made of."""

    event: Event
    message: Message
    channel: Channel
    name: str
    interaction: Interaction | None


class WebhookFinder:
    """Find who gets events, inside one transaction."""

    def __init__(self, tx: Transaction, context: EngineContext) -> None:
        self._tx = tx
        self._context = context
        self._now: datetime = context.now()
        self._subscriptions: dict[UUID, list[WebhookSubscription]] = {}

    def find(self, event: Event) -> list[WebhookDelivery]:
        """Return a delivery for each subscription that an event matches, and for its URL."""
        what = f"event {event.position} makes no webhook"
        return readable(lambda: list(self._find(event)), what) or []

    def _find(self, event: Event) -> Iterator[WebhookDelivery]:
        subscriptions = self._of_workspace(event.workspace)
        url = self._tx.webhooks.url_of(event.workspace, event.message_id)
        details = self._read(event) if subscriptions or url else None
        if details is None:
            return
        for subscription in interested(
            subscriptions,
            name=details.name,
            event=event,
            message=details.message,
            platform=details.channel.platform,
        ):
            yield self._delivery(details, subscription.url, subscription_id=subscription.id)
        if url is not None:
            yield self._delivery(details, url)

    def _read(self, event: Event) -> _EventDetails | None:
        """Return what webhooks of an event are made of; nothing if no receiver gets it."""
        message = self._tx.messages.get(event.workspace, event.message_id, stays=False)
        channel = message and self._context.channels.get(message.channel_id)
        if message is None or not channel:
            return None
        history = self._tx.timeline.of_message(event.workspace, event.message_id)
        # What was written since may have no position yet.
        before = [earlier for earlier in history if 0 < earlier.position < event.position]
        name = event_name(channel.platform, event, before)
        if name is None:
            return None
        interaction = self._interaction(event, before)
        return _EventDetails(
            event=event, message=message, channel=channel, name=name, interaction=interaction
        )

    def _delivery(
        self, details: _EventDetails, url: str, *, subscription_id: UUID | None = None
    ) -> WebhookDelivery:
        is_requested = subscription_id is None
        return WebhookDelivery(
            id=self._context.ids.new(self._now),
            subscription_id=subscription_id,
            workspace_id=details.event.workspace,
            message_id=details.event.message_id,
            status=details.event.status,
            interaction_id=details.interaction.id if details.interaction else None,
            position=details.event.position,
            url=url if is_requested else None,
            event=details.name if is_requested else None,
            host=host_of(url),
            created_at=self._now,
            due_at=self._now,
            expires_at=self._now + RETRY_FOR,
        )

    def _of_workspace(self, workspace: UUID) -> list[WebhookSubscription]:
        if workspace not in self._subscriptions:
            self._subscriptions[workspace] = self._tx.webhooks.of_workspace(workspace)
        return self._subscriptions[workspace]

    def _interaction(self, event: Event, before: Sequence[Event]) -> Interaction | None:
        """Return the interaction of an event: both are stored in the same order."""
        if event.kind is not EventKind.INTERACTED:
            return None
        interactions = self._tx.receipts.interactions(event.workspace, event.message_id)
        index = sum(earlier.kind is EventKind.INTERACTED for earlier in before)
        return interactions[index] if index < len(interactions) else None
