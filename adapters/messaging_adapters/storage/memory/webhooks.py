"""Webhook subscriptions and deliveries in the memory of this process."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from attrs import evolve, field

from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.errors import InvalidDocumentError
from messaging_core.lazy import frozen
from messaging_core.models.delivery.webhook import (
    MessageWebhook,
    WebhookClaim,
    WebhookDelivery,
    WebhookReceiver,
    WebhookSubscription,
)
from messaging_core.ports.storage.webhooks import Webhooks
from messaging_core.wire import encode, load


@frozen(kw_only=True)
class StoredDelivery:
    """One delivery as bytes, with when it can be claimed."""

    receiver_id: UUID
    workspace_id: UUID
    message_id: UUID
    position: int
    host: str
    document: bytes
    due_at: datetime
    is_dead: bool = False
    is_damaged: bool = False
    fence: int = 0

    @property
    def waits(self) -> bool:
        """Return whether it is still to be sent."""
        return not self.is_dead and not self.is_damaged

    def is_due(self, now: datetime, longest: timedelta) -> bool:
        """Return whether it is time to send it."""
        return self.waits and (self.due_at <= now or self.due_at > now + longest)

    def load(self) -> WebhookDelivery | None:
        """Return the delivery, or nothing if it cannot be read."""
        try:
            return evolve(load(WebhookDelivery, self.document), due_at=self.due_at)
        except InvalidDocumentError:
            return None


@frozen
class WebhookTables:
    """The data."""

    subscriptions: dict[UUID, tuple[UUID, bytes, str | None]] = field(factory=dict)
    urls: dict[tuple[UUID, UUID], str] = field(factory=dict)
    deliveries: dict[UUID, StoredDelivery] = field(factory=dict)


class MemoryWebhooks(Webhooks):
    """Keep webhooks inside one transaction."""

    def __init__(self, tables: WebhookTables, undo: Undoable) -> None:
        self._tables = tables
        self._undo = undo

    def add(self, subscription: WebhookSubscription, *, signing_key: str | None) -> None:
        row = (subscription.workspace_id, encode(subscription), signing_key)
        self._undo.put(self._tables.subscriptions, subscription.id, row)

    def update(self, subscription: WebhookSubscription) -> None:
        if self.get(subscription.workspace_id, subscription.id):
            key = self.signing_key(subscription.workspace_id, subscription.id)
            self.add(subscription, signing_key=key)

    def get(self, workspace: UUID, subscription_id: UUID) -> WebhookSubscription | None:
        owner, document, _ = self._tables.subscriptions.get(subscription_id, (None, b"", None))
        return load(WebhookSubscription, document) if owner == workspace else None

    def signing_key(self, workspace: UUID, subscription_id: UUID) -> str | None:
        owner, _, key = self._tables.subscriptions.get(subscription_id, (None, b"", None))
        return key if owner == workspace else None

    def of_workspace(self, workspace: UUID) -> list[WebhookSubscription]:
        return [
            subscription
            for owner, document, _ in self._tables.subscriptions.values()
            if owner == workspace and (subscription := _subscription(document))
        ]

    def delete(self, workspace: UUID, subscription_id: UUID) -> bool:
        if not self.get(workspace, subscription_id):
            return False
        self._undo.remove(self._tables.subscriptions, subscription_id)
        for delivery_id, stored in list(self._tables.deliveries.items()):
            if stored.receiver_id == subscription_id:
                self._undo.remove(self._tables.deliveries, delivery_id)
        return True

    def add_urls(self, webhooks: Sequence[MessageWebhook]) -> None:
        for webhook in webhooks:
            place = (webhook.workspace_id, webhook.message_id)
            self._undo.put(self._tables.urls, place, webhook.url)

    def url_of(self, workspace: UUID, message_id: UUID) -> str | None:
        return self._tables.urls.get((workspace, message_id))

    def add_deliveries(self, deliveries: Sequence[WebhookDelivery]) -> None:
        for delivery in deliveries:
            self._put(delivery, fence=0)

    def _put(self, delivery: WebhookDelivery, *, fence: int) -> None:
        stored = StoredDelivery(
            receiver_id=delivery.receiver_id,
            workspace_id=delivery.workspace_id,
            message_id=delivery.message_id,
            position=delivery.position,
            host=delivery.host,
            document=encode(delivery),
            due_at=delivery.due_at,
            is_dead=delivery.is_dead,
            fence=fence,
        )
        self._undo.put(self._tables.deliveries, delivery.id, stored)

    def due(
        self, now: datetime, *, longest: timedelta, after: UUID | None, limit: int
    ) -> list[WebhookReceiver]:
        first: dict[UUID, StoredDelivery] = {}
        for _, stored in self._ready(now, longest):
            if after is None or stored.receiver_id > after:
                first.setdefault(stored.receiver_id, stored)
        return [
            WebhookReceiver(id=receiver_id, workspace_id=stored.workspace_id, host=stored.host)
            for receiver_id, stored in sorted(first.items(), key=lambda item: item[0])
        ][:limit]

    def _ready(self, now: datetime, longest: timedelta) -> list[tuple[UUID, StoredDelivery]]:
        """Return what can be claimed, the first one first."""
        table = self._tables.deliveries
        first: dict[tuple[UUID, UUID], int] = {}
        for stored in table.values():
            if stored.waits:
                place = (stored.receiver_id, stored.message_id)
                first[place] = min(stored.position, first.get(place, stored.position))
        due = [
            (delivery_id, stored)
            for delivery_id, stored in table.items()
            if stored.is_due(now, longest)
            and stored.position == first[stored.receiver_id, stored.message_id]
        ]
        return sorted(due, key=lambda item: (item[1].due_at, item[1].position, item[0]))

    def claim(
        self, receiver_id: UUID, *, now: datetime, lease: timedelta, longest: timedelta
    ) -> WebhookClaim | None:
        while mine := [
            place for place in self._ready(now, longest) if place[1].receiver_id == receiver_id
        ]:
            delivery_id, stored = mine[0]
            delivery = stored.load()
            if delivery is None:
                self._change(delivery_id, evolve(stored, is_damaged=True))
                continue
            leased = evolve(stored, due_at=now + lease, fence=stored.fence + 1)
            self._change(delivery_id, leased)
            return WebhookClaim(delivery=delivery, fence=leased.fence)
        return None

    def _change(self, delivery_id: UUID, stored: StoredDelivery) -> None:
        self._undo.put(self._tables.deliveries, delivery_id, stored)

    def settle(self, claim: WebhookClaim, after: WebhookDelivery | None) -> bool:
        stored = self._tables.deliveries.get(claim.delivery.id)
        if stored is None or stored.fence != claim.fence:
            return False
        if after is None:
            self._undo.remove(self._tables.deliveries, claim.delivery.id)
        else:
            self._put(after, fence=claim.fence)
        return True

    def dead(self, workspace: UUID, *, limit: int) -> list[WebhookDelivery]:
        dead = [stored.load() for stored in self._tables.deliveries.values() if stored.is_dead]
        mine = [delivery for delivery in dead if delivery and delivery.workspace_id == workspace]
        return sorted(mine, key=_in_order)[:limit]

    def restart(self, workspace: UUID, *, now: datetime, expires_at: datetime, limit: int) -> int:
        dead = self.dead(workspace, limit=limit)
        for delivery in dead:
            fence = self._tables.deliveries[delivery.id].fence
            again = evolve(delivery, due_at=now, expires_at=expires_at, attempts=0, is_dead=False)
            self._put(again, fence=fence)
        return len(dead)

    def forget_dead(self, *, before: datetime, limit: int) -> int:
        old = [
            delivery_id
            for delivery_id, stored in self._tables.deliveries.items()
            if stored.is_dead and stored.due_at < before
        ]
        for delivery_id in old[:limit]:
            self._undo.remove(self._tables.deliveries, delivery_id)
        return len(old[:limit])

    def damaged(self, *, limit: int) -> list[UUID]:
        table = self._tables.deliveries
        return [delivery_id for delivery_id, stored in table.items() if stored.is_damaged][:limit]


def _subscription(document: bytes) -> WebhookSubscription | None:
    try:
        return load(WebhookSubscription, document)
    except InvalidDocumentError:
        return None


def _in_order(delivery: WebhookDelivery) -> tuple[datetime, int, UUID]:
    return delivery.due_at, delivery.position, delivery.id
