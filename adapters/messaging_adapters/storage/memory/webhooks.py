"""Webhook subscriptions and deliveries in the memory of this process."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from attrs import evolve, field

from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.lazy import frozen
from messaging_core.models.delivery.webhook import (
    WebhookClaim,
    WebhookDelivery,
    WebhookSubscription,
)
from messaging_core.ports.storage.webhooks import Webhooks
from messaging_core.wire import encode, load


@frozen(kw_only=True)
class StoredDelivery:
    """One delivery as bytes, with when it can be claimed."""

    subscription_id: UUID
    document: bytes
    due_at: datetime
    is_dead: bool
    fence: int = 0

    def load(self) -> WebhookDelivery:
        """Return the delivery."""
        return evolve(load(WebhookDelivery, self.document), due_at=self.due_at)


@frozen
class WebhookTables:
    """The data."""

    subscriptions: dict[UUID, tuple[UUID, bytes, str | None]] = field(factory=dict)
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
            load(WebhookSubscription, document)
            for owner, document, _ in self._tables.subscriptions.values()
            if owner == workspace
        ]

    def delete(self, workspace: UUID, subscription_id: UUID) -> bool:
        if not self.get(workspace, subscription_id):
            return False
        self._undo.remove(self._tables.subscriptions, subscription_id)
        for delivery_id, stored in list(self._tables.deliveries.items()):
            if stored.subscription_id == subscription_id:
                self._undo.remove(self._tables.deliveries, delivery_id)
        return True

    def add_deliveries(self, deliveries: Sequence[WebhookDelivery]) -> None:
        for delivery in deliveries:
            self._put(delivery, fence=0)

    def _put(self, delivery: WebhookDelivery, *, fence: int) -> None:
        stored = StoredDelivery(
            subscription_id=delivery.subscription_id,
            document=encode(delivery),
            due_at=delivery.due_at,
            is_dead=delivery.is_dead,
            fence=fence,
        )
        self._undo.put(self._tables.deliveries, delivery.id, stored)

    def due(self, now: datetime) -> list[tuple[UUID, UUID]]:
        due = {
            stored.subscription_id
            for stored in self._tables.deliveries.values()
            if not stored.is_dead and stored.due_at <= now
        }
        return [
            (workspace, subscription_id)
            for subscription_id, (workspace, *_) in self._tables.subscriptions.items()
            if subscription_id in due
        ]

    def claim(
        self, subscription_id: UUID, *, now: datetime, lease: timedelta
    ) -> WebhookClaim | None:
        due = [
            (stored.due_at, delivery_id)
            for delivery_id, stored in self._tables.deliveries.items()
            if stored.subscription_id == subscription_id
            and not stored.is_dead
            and stored.due_at <= now
        ]
        if not due:
            return None
        _, delivery_id = min(due)
        stored = self._tables.deliveries[delivery_id]
        leased = evolve(stored, due_at=now + lease, fence=stored.fence + 1)
        self._undo.put(self._tables.deliveries, delivery_id, leased)
        return WebhookClaim(delivery=stored.load(), fence=leased.fence)

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
        mine = [delivery for delivery in dead if delivery.workspace_id == workspace]
        return sorted(mine, key=lambda delivery: (delivery.due_at, delivery.id))[:limit]

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
