"""Webhook subscriptions and deliveries: one row each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from attrs import evolve

from messaging_adapters.storage.sql.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sql.rows.skip_corrupt import skip_corrupt
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.models.delivery.webhook import (
    MessageWebhook,
    WebhookClaim,
    WebhookDelivery,
    WebhookReceiver,
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
    "SELECT id, document FROM messaging_webhook_subscriptions WHERE workspace = ? ORDER BY position"
)
_DELETE = "DELETE FROM messaging_webhook_subscriptions WHERE id = ? AND workspace = ?"
_DELETE_DELIVERIES = "DELETE FROM messaging_webhook_queue WHERE receiver_id = ? AND workspace = ?"
_ADD_URL = "INSERT INTO messaging_message_webhooks (message_id, workspace, url) VALUES (?, ?, ?)"
_URL = "SELECT url FROM messaging_message_webhooks WHERE message_id = ? AND workspace = ?"

_READY, _BEHIND, _DEAD, _DAMAGED = range(4)
_WAITS = f"state < {_DEAD}"
_EARLIER = (  # one of the same receiver and message waits before this one
    "EXISTS (SELECT 1 FROM messaging_webhook_queue e WHERE e.receiver_id = {receiver}"  # noqa: S608 - no input
    " AND e.workspace = {workspace}"
    f" AND e.message_id = {{message}} AND e.position < {{position}} AND e.{_WAITS})"
)
_ADD_DELIVERY = (
    "INSERT INTO messaging_webhook_queue"  # noqa: S608 - no input
    " (id, receiver_id, workspace, message_id, position, due_at, host, document, state)"
    f" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, iif(?9, {_DEAD},"
    f" {_EARLIER.format(workspace='?3', receiver='?2', message='?4', position='?5')}))"
)
# From one receiver to the next through the index, however many deliveries each has. What is due
# late beyond measure was written before the clock was set back.
_OF_RECEIVER = f"FROM messaging_webhook_queue WHERE state = {_READY} AND receiver_id = r.id"
_DUE = f"""
    WITH RECURSIVE r (id) AS (
        SELECT min(receiver_id) FROM messaging_webhook_queue
        WHERE state = {_READY} AND receiver_id > :after
        UNION ALL
        SELECT (SELECT min(receiver_id) FROM messaging_webhook_queue
                WHERE state = {_READY} AND receiver_id > r.id)
        FROM r WHERE r.id IS NOT NULL
    )
    SELECT id, (SELECT workspace {_OF_RECEIVER} LIMIT 1), (SELECT host {_OF_RECEIVER} LIMIT 1)
    FROM r WHERE id IS NOT NULL AND ((SELECT min(due_at) {_OF_RECEIVER}) <= :now
        OR (SELECT max(due_at) {_OF_RECEIVER}) > :beyond)
    LIMIT :limit
"""  # noqa: S608 - no input
_FIRST = (
    "SELECT id, fence, due_at, document FROM messaging_webhook_queue"  # noqa: S608 - no input
    f" WHERE state = {_READY} AND receiver_id = ? AND workspace = ? AND due_at {{}} ?"
    " ORDER BY due_at, position, id LIMIT 1"
)
_FIRST_DUE = _FIRST.format("<=")
_FIRST_BEYOND = _FIRST.format(">")
_LEASE = (
    "UPDATE messaging_webhook_queue SET fence = fence + 1, due_at = ?"
    " WHERE id = ? AND workspace = ?"
)
_PLACE = (
    "SELECT workspace, receiver_id, message_id FROM messaging_webhook_queue"
    " WHERE id = ? AND workspace = ?"
)
_CLAIMED = f"{_PLACE} AND fence = ?"
_OWN_EARLIER = _EARLIER.format(
    workspace="q.workspace",
    receiver="q.receiver_id",
    message="q.message_id",
    position="q.position",
)
_REPLACE = (
    "UPDATE messaging_webhook_queue AS q"  # noqa: S608 - no input
    f" SET state = iif(?3, {_DEAD}, {_OWN_EARLIER}), due_at = ?1, document = ?2"
    " WHERE id = ?4 AND workspace = ?5"
)
_ARRIVED = "DELETE FROM messaging_webhook_queue WHERE id = ? AND workspace = ?"
_RELEASE_NEXT = (
    f"UPDATE messaging_webhook_queue SET state = {_READY} WHERE state = {_BEHIND}"  # noqa: S608 - no input
    " AND workspace = ?1 AND id = (SELECT id FROM messaging_webhook_queue"
    " WHERE workspace = ?1 AND receiver_id = ?2 AND message_id = ?3"
    f" AND {_WAITS} ORDER BY position, id LIMIT 1)"
)
_BREAK = (
    f"UPDATE messaging_webhook_queue SET state = {_DAMAGED}"  # noqa: S608 - no input
    " WHERE id = ? AND workspace = ?"
)
_DAMAGED_IDS = f"SELECT id FROM messaging_webhook_queue WHERE state = {_DAMAGED} LIMIT ?"  # noqa: S608
_DEAD_ONES = (
    "SELECT id, document FROM messaging_webhook_queue"  # noqa: S608 - no input
    f" WHERE workspace = ? AND state = {_DEAD} ORDER BY due_at, position, id LIMIT ?"
)
_PUT_BEHIND = (
    f"UPDATE messaging_webhook_queue SET state = {_BEHIND} WHERE state = {_READY}"  # noqa: S608
    " AND workspace = ? AND receiver_id = ? AND message_id = ? AND position > ?"
)
_FORGET_DEAD = (
    "DELETE FROM messaging_webhook_queue WHERE id IN"  # noqa: S608 - no input
    f" (SELECT id FROM messaging_webhook_queue WHERE state = {_DEAD} AND due_at < ? LIMIT ?)"
)


class SqlWebhooks(SqlStore, Webhooks):
    """Keep webhooks through one cursor, inside one transaction."""

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
        rows = self._cursor.execute(_OF_WORKSPACE, (workspace.bytes,)).fetchall()
        return list(skip_corrupt(rows, _subscription, "webhook subscription"))

    def delete(self, workspace: UUID, subscription_id: UUID) -> bool:
        self._cursor.execute(_DELETE, (subscription_id.bytes, workspace.bytes))
        if not self._cursor.rowcount:
            return False
        self._cursor.execute(_DELETE_DELIVERIES, (subscription_id.bytes, workspace.bytes))
        return True

    def add_urls(self, webhooks: Sequence[MessageWebhook]) -> None:
        self._cursor.executemany(
            _ADD_URL,
            [
                (webhook.message_id.bytes, webhook.workspace_id.bytes, webhook.url)
                for webhook in webhooks
            ],
        )

    def url_of(self, workspace: UUID, message_id: UUID) -> str | None:
        row = self._cursor.execute(_URL, (message_id.bytes, workspace.bytes)).fetchone()
        return row[0] if row else None

    def add_deliveries(self, deliveries: Sequence[WebhookDelivery]) -> None:
        self._cursor.executemany(
            _ADD_DELIVERY,
            [
                (
                    delivery.id.bytes,
                    delivery.receiver_id.bytes,
                    delivery.workspace_id.bytes,
                    delivery.message_id.bytes,
                    delivery.position,
                    to_micros(delivery.due_at),
                    delivery.host,
                    encode(delivery),
                    delivery.is_dead,
                )
                for delivery in deliveries
            ],
        )

    def due(
        self, now: datetime, *, longest: timedelta, after: UUID | None, limit: int
    ) -> list[WebhookReceiver]:
        range_ = {
            "now": to_micros(now),
            "beyond": to_micros(now + longest),
            "after": after.bytes if after else b"",
            "limit": limit,
        }
        return [
            WebhookReceiver(id=UUID(bytes=receiver), workspace_id=UUID(bytes=workspace), host=host)
            for receiver, workspace, host in self._cursor.execute(_DUE, range_)
        ]

    def claim(
        self,
        workspace: UUID,
        receiver_id: UUID,
        *,
        now: datetime,
        lease: timedelta,
        longest: timedelta,
    ) -> WebhookClaim | None:
        ranges = ((_FIRST_DUE, to_micros(now)), (_FIRST_BEYOND, to_micros(now + longest)))
        for statement, instant in ranges:
            where = (receiver_id.bytes, workspace.bytes, instant)
            while row := self._cursor.execute(statement, where).fetchone():
                which = (row[0], workspace.bytes)
                for claim in skip_corrupt([row], _claim, "webhook"):
                    self._cursor.execute(_LEASE, (to_micros(now + lease), *which))
                    return claim
                self._cursor.execute(_BREAK, which)
                place = self._cursor.execute(_PLACE, which).fetchone()
                self._cursor.execute(_RELEASE_NEXT, place)
        return None

    def settle(self, claim: WebhookClaim, after: WebhookDelivery | None) -> bool:
        which = (claim.delivery.id.bytes, claim.delivery.workspace_id.bytes)
        place = self._cursor.execute(_CLAIMED, (*which, claim.fence)).fetchone()
        if place is None:
            return False
        if after is None:
            self._cursor.execute(_ARRIVED, which)
        else:
            row = (to_micros(after.due_at), encode(after), after.is_dead)
            self._cursor.execute(_REPLACE, (*row, *which))
        if after is None or after.is_dead:
            self._cursor.execute(_RELEASE_NEXT, place)
        return True

    def dead(self, workspace: UUID, *, limit: int) -> list[WebhookDelivery]:
        rows = self._cursor.execute(_DEAD_ONES, (workspace.bytes, limit)).fetchall()
        return list(skip_corrupt(rows, _delivery, "webhook"))

    def restart(self, workspace: UUID, *, now: datetime, expires_at: datetime, limit: int) -> int:
        dead = self.dead(workspace, limit=limit)
        for delivery in dead:
            again = evolve(delivery, due_at=now, expires_at=expires_at, attempts=0, is_dead=False)
            row = (to_micros(now), encode(again), False, delivery.id.bytes, workspace.bytes)
            self._cursor.execute(_REPLACE, row)
            of = (workspace.bytes, delivery.receiver_id.bytes, delivery.message_id.bytes)
            self._cursor.execute(_PUT_BEHIND, (*of, delivery.position))
        return len(dead)

    def forget_dead(self, *, before: datetime, limit: int) -> int:
        self._cursor.execute(_FORGET_DEAD, (to_micros(before), limit))
        return self._cursor.rowcount

    def damaged(self, *, limit: int) -> list[UUID]:
        rows = self._cursor.execute(_DAMAGED_IDS, (limit,))
        return [UUID(bytes=delivery_id) for (delivery_id,) in rows]


def _subscription(row: tuple[Any, ...]) -> WebhookSubscription:
    return load(WebhookSubscription, row[1])


def _delivery(row: tuple[Any, ...]) -> WebhookDelivery:
    return load(WebhookDelivery, row[1])


def _claim(row: tuple[Any, ...]) -> WebhookClaim:
    _, fence, due_at, document = row
    delivery = evolve(load(WebhookDelivery, document), due_at=from_micros(due_at))
    return WebhookClaim(delivery=delivery, fence=fence + 1)
