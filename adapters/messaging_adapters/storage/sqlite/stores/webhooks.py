"""Webhook subscriptions and deliveries in SQLite: one row each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from sqlite3 import Cursor
from uuid import UUID

from attrs import evolve

from messaging_adapters.storage.sqlite.rows.columns import from_micros, to_micros
from messaging_core.models.delivery.webhook import (
    WebhookClaim,
    WebhookDelivery,
    WebhookSubscription,
)
from messaging_core.ports.storage.webhooks import Webhooks
from messaging_core.wire import encode, load

_ADD = (
    "INSERT INTO messaging_webhook_subscriptions (id, workspace, signing_key, document)"
    " VALUES (?, ?, ?, ?)"
)
_UPDATE = "UPDATE messaging_webhook_subscriptions SET document = ? WHERE id = ? AND workspace = ?"
_GET = "SELECT document FROM messaging_webhook_subscriptions WHERE id = ? AND workspace = ?"
_KEY = "SELECT signing_key FROM messaging_webhook_subscriptions WHERE id = ? AND workspace = ?"
_OF_WORKSPACE = (
    "SELECT document FROM messaging_webhook_subscriptions WHERE workspace = ? ORDER BY position"
)
_DELETE = "DELETE FROM messaging_webhook_subscriptions WHERE id = ? AND workspace = ?"
_DELETE_DELIVERIES = "DELETE FROM messaging_webhook_deliveries WHERE subscription_id = ?"
_ADD_DELIVERY = (
    "INSERT INTO messaging_webhook_deliveries"
    " (id, subscription_id, workspace, is_dead, due_at, document) VALUES (?, ?, ?, ?, ?, ?)"
)
_DUE = (
    "SELECT workspace, id FROM messaging_webhook_subscriptions s WHERE EXISTS"
    " (SELECT 1 FROM messaging_webhook_deliveries d"
    " WHERE d.subscription_id = s.id AND NOT d.is_dead AND d.due_at <= ?) ORDER BY position"
)
_FIRST_DUE = (
    "SELECT id, fence, due_at, document FROM messaging_webhook_deliveries"
    " WHERE subscription_id = ? AND is_dead = 0 AND due_at <= ? ORDER BY due_at, id LIMIT 1"
)
_LEASE = "UPDATE messaging_webhook_deliveries SET fence = fence + 1, due_at = ? WHERE id = ?"
_REPLACE = (
    "UPDATE messaging_webhook_deliveries SET is_dead = ?, due_at = ?, document = ?"
    " WHERE id = ? AND fence = ?"
)
_ARRIVED = "DELETE FROM messaging_webhook_deliveries WHERE id = ? AND fence = ?"
_DEAD = (
    "SELECT document FROM messaging_webhook_deliveries WHERE workspace = ? AND is_dead"
    " ORDER BY due_at, id LIMIT ?"
)
_RESTART = (
    "UPDATE messaging_webhook_deliveries SET is_dead = 0, due_at = ?, document = ? WHERE id = ?"
)
_FORGET_DEAD = (
    "DELETE FROM messaging_webhook_deliveries WHERE id IN"
    " (SELECT id FROM messaging_webhook_deliveries WHERE is_dead AND due_at < ? LIMIT ?)"
)


class SqliteWebhooks(Webhooks):
    """Keep webhooks through one cursor, inside one transaction."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def add(self, subscription: WebhookSubscription, *, signing_key: str | None) -> None:
        workspace = subscription.workspace_id.bytes
        row = (subscription.id.bytes, workspace, signing_key, encode(subscription))
        self._cursor.execute(_ADD, row)

    def update(self, subscription: WebhookSubscription) -> None:
        where = (subscription.id.bytes, subscription.workspace_id.bytes)
        self._cursor.execute(_UPDATE, (encode(subscription), *where))

    def get(self, workspace: UUID, subscription_id: UUID) -> WebhookSubscription | None:
        row = self._cursor.execute(_GET, (subscription_id.bytes, workspace.bytes)).fetchone()
        return load(WebhookSubscription, row[0]) if row else None

    def signing_key(self, workspace: UUID, subscription_id: UUID) -> str | None:
        row = self._cursor.execute(_KEY, (subscription_id.bytes, workspace.bytes)).fetchone()
        return row[0] if row else None

    def of_workspace(self, workspace: UUID) -> list[WebhookSubscription]:
        rows = self._cursor.execute(_OF_WORKSPACE, (workspace.bytes,))
        return [load(WebhookSubscription, document) for (document,) in rows]

    def delete(self, workspace: UUID, subscription_id: UUID) -> bool:
        self._cursor.execute(_DELETE, (subscription_id.bytes, workspace.bytes))
        if not self._cursor.rowcount:
            return False
        self._cursor.execute(_DELETE_DELIVERIES, (subscription_id.bytes,))
        return True

    def add_deliveries(self, deliveries: Sequence[WebhookDelivery]) -> None:
        self._cursor.executemany(
            _ADD_DELIVERY,
            [
                (
                    delivery.id.bytes,
                    delivery.subscription_id.bytes,
                    delivery.workspace_id.bytes,
                    delivery.is_dead,
                    to_micros(delivery.due_at),
                    encode(delivery),
                )
                for delivery in deliveries
            ],
        )

    def due(self, now: datetime) -> list[tuple[UUID, UUID]]:
        rows = self._cursor.execute(_DUE, (to_micros(now),))
        return [
            (UUID(bytes=workspace), UUID(bytes=subscription_id))
            for workspace, subscription_id in rows
        ]

    def claim(
        self, subscription_id: UUID, *, now: datetime, lease: timedelta
    ) -> WebhookClaim | None:
        where = (subscription_id.bytes, to_micros(now))
        row = self._cursor.execute(_FIRST_DUE, where).fetchone()
        if row is None:
            return None
        delivery_id, fence, due_at, document = row
        self._cursor.execute(_LEASE, (to_micros(now + lease), delivery_id))
        delivery = evolve(load(WebhookDelivery, document), due_at=from_micros(due_at))
        return WebhookClaim(delivery=delivery, fence=fence + 1)

    def settle(self, claim: WebhookClaim, after: WebhookDelivery | None) -> bool:
        which = (claim.delivery.id.bytes, claim.fence)
        if after is None:
            self._cursor.execute(_ARRIVED, which)
        else:
            row = (after.is_dead, to_micros(after.due_at), encode(after))
            self._cursor.execute(_REPLACE, (*row, *which))
        return bool(self._cursor.rowcount)

    def dead(self, workspace: UUID, *, limit: int) -> list[WebhookDelivery]:
        rows = self._cursor.execute(_DEAD, (workspace.bytes, limit))
        return [load(WebhookDelivery, document) for (document,) in rows]

    def restart(self, workspace: UUID, *, now: datetime, expires_at: datetime, limit: int) -> int:
        restarted = [
            evolve(delivery, due_at=now, expires_at=expires_at, attempts=0, is_dead=False)
            for delivery in self.dead(workspace, limit=limit)
        ]
        self._cursor.executemany(
            _RESTART,
            [
                (to_micros(delivery.due_at), encode(delivery), delivery.id.bytes)
                for delivery in restarted
            ],
        )
        return len(restarted)

    def forget_dead(self, *, before: datetime, limit: int) -> int:
        self._cursor.execute(_FORGET_DEAD, (to_micros(before), limit))
        return self._cursor.rowcount
