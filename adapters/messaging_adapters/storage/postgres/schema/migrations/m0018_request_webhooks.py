"""Lay out webhooks of single requests, the webhooks that wait, and events that cannot be read."""

from typing import Final

SCRIPT: Final = """
CREATE TABLE messaging_message_webhooks (
    message_id bytea NOT NULL,
    workspace  bytea NOT NULL,
    url        text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace, message_id)
);

CREATE TABLE messaging_webhook_queue (
    id          bytea PRIMARY KEY,
    receiver_id bytea NOT NULL,
    workspace   bytea NOT NULL,
    message_id  bytea NOT NULL,
    position    bigint NOT NULL,
    state       bigint NOT NULL,
    due_at      bigint NOT NULL,
    host        text COLLATE "C" NOT NULL,
    fence       bigint NOT NULL DEFAULT 0,
    document    bytea NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX messaging_webhook_queue_due
    ON messaging_webhook_queue (state, receiver_id, due_at, position);
CREATE INDEX messaging_webhook_queue_message
    ON messaging_webhook_queue (receiver_id, message_id, position);
CREATE INDEX messaging_webhook_queue_dead ON messaging_webhook_queue (workspace, due_at)
    WHERE state = 2;

CREATE TABLE messaging_damaged_events (
    position   bigint PRIMARY KEY,
    workspace  bytea,
    message_id bytea,
    kind       text COLLATE "C",
    status     text COLLATE "C",
    at         bigint,
    document   text COLLATE "C"
);
"""
