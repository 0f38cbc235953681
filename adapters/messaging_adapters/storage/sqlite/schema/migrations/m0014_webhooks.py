"""Lay out webhook subscriptions, and the webhooks that wait for their receivers."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

# What is leased is due again when the lease ends, so one index finds both.
_WEBHOOKS = """
CREATE TABLE messaging_webhook_subscriptions (
    position    INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE,
    workspace   BLOB NOT NULL,
    signing_key TEXT,
    document    BLOB NOT NULL
);
CREATE INDEX messaging_webhook_subscriptions_workspace
    ON messaging_webhook_subscriptions (workspace);

CREATE TABLE messaging_webhook_deliveries (
    id              BLOB PRIMARY KEY,
    subscription_id BLOB NOT NULL,
    workspace       BLOB NOT NULL,
    is_dead         INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    fence           INTEGER NOT NULL DEFAULT 0,
    document        BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX messaging_webhook_deliveries_due
    ON messaging_webhook_deliveries (subscription_id, is_dead, due_at);
CREATE INDEX messaging_webhook_deliveries_dead ON messaging_webhook_deliveries (workspace, due_at)
    WHERE is_dead;
"""


@migrations(name="0014_webhooks")
def _webhooks(db: Database) -> None:
    execute(db, _WEBHOOKS)
