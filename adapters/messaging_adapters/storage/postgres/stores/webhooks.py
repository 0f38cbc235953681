"""Webhook subscriptions and deliveries in PostgreSQL."""

from collections.abc import Sequence
from typing import Final

from messaging_adapters.storage.postgres.dialect import PostgresDialect
from messaging_adapters.storage.sql.stores.webhooks import _WAITS, SqlWebhooks
from messaging_core.models.delivery.webhook import WebhookDelivery

# Another transaction may be settling the delivery before: when it has ended, the new one is not
# behind any more. And one that would settle it waits, and then releases the new one.
_LOCK_EARLIER: Final = (
    "SELECT 1 FROM messaging_webhook_queue q JOIN"  # noqa: S608 - no input
    " unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS w(workspace, receiver_id, message_id)"
    " ON q.workspace = w.workspace AND q.receiver_id = w.receiver_id"
    " AND q.message_id = w.message_id"
    f" WHERE q.{_WAITS} ORDER BY q.id FOR UPDATE OF q"
)


class PostgresWebhooks(SqlWebhooks):
    """Keep webhooks through one cursor, inside one transaction."""

    def __init__(self, dialect: PostgresDialect) -> None:
        super().__init__(dialect)
        self._native = dialect.native

    def add_deliveries(self, deliveries: Sequence[WebhookDelivery]) -> None:
        workspaces = [delivery.workspace_id.bytes for delivery in deliveries]
        receivers = [delivery.receiver_id.bytes for delivery in deliveries]
        messages = [delivery.message_id.bytes for delivery in deliveries]
        if deliveries:
            self._native(_LOCK_EARLIER, (workspaces, receivers, messages))
        super().add_deliveries(deliveries)
