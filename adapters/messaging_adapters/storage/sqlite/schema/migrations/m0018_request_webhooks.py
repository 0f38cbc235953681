"""Lay out webhooks of single requests, the order of webhooks, and events that cannot be read."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

# The states are 0 for ready or leased, 1 for behind an earlier one of its message, 2 for dead and
# 3 for damaged. Webhooks that wait already keep no order among themselves: each has, in place of
# its message, its own id.
_REQUEST_WEBHOOKS = """
CREATE TABLE messaging_message_webhooks (
    message_id BLOB PRIMARY KEY,
    workspace  BLOB NOT NULL,
    url        TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE messaging_webhook_queue (
    id          BLOB PRIMARY KEY,
    receiver_id BLOB NOT NULL,
    workspace   BLOB NOT NULL,
    message_id  BLOB NOT NULL,
    position    INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    host        TEXT NOT NULL,
    fence       INTEGER NOT NULL DEFAULT 0,
    document    BLOB NOT NULL
) WITHOUT ROWID;
INSERT INTO messaging_webhook_queue
    (id, receiver_id, workspace, message_id, position, state, due_at, host, fence, document)
    SELECT id, subscription_id, workspace, id, 0, iif(is_dead, 2, 0), due_at, '', fence, document
    FROM messaging_webhook_deliveries;
DROP TABLE messaging_webhook_deliveries;
CREATE INDEX messaging_webhook_queue_due
    ON messaging_webhook_queue (state, receiver_id, due_at, position);
CREATE INDEX messaging_webhook_queue_message
    ON messaging_webhook_queue (receiver_id, message_id, position);
CREATE INDEX messaging_webhook_queue_dead ON messaging_webhook_queue (workspace, due_at)
    WHERE state = 2;

CREATE TABLE messaging_damaged_events (
    position   INTEGER PRIMARY KEY,
    workspace  BLOB,
    message_id BLOB,
    kind       TEXT,
    status     TEXT,
    at         INTEGER,
    document   TEXT
);
"""


@migrations(name="0018_request_webhooks")
def _request_webhooks(db: Database) -> None:
    execute(db, _REQUEST_WEBHOOKS)
