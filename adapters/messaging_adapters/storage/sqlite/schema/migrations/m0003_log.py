"""Lay out receipts, evidence, interactions, events and who reads them."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

_LOG_TABLES = """
CREATE TABLE messaging_references (
    workspace BLOB NOT NULL,
    reference TEXT NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (workspace, reference, position)
) WITHOUT ROWID;

CREATE TABLE messaging_receipts (
    position    INTEGER PRIMARY KEY,
    workspace   BLOB NOT NULL,
    source      TEXT NOT NULL,
    key         TEXT NOT NULL,
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    reference   TEXT,
    document    TEXT NOT NULL,
    UNIQUE (workspace, source, key)
);
CREATE INDEX messaging_receipts_kept ON messaging_receipts (position) WHERE state = 'kept';
CREATE INDEX messaging_receipts_unmatched ON messaging_receipts (workspace, reference)
    WHERE state = 'unmatched';

CREATE TABLE messaging_evidence (
    message_id BLOB PRIMARY KEY,
    workspace  BLOB NOT NULL,
    document   TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE messaging_interactions (
    position   INTEGER PRIMARY KEY,
    workspace  BLOB NOT NULL,
    message_id BLOB NOT NULL,
    document   TEXT NOT NULL
);
CREATE INDEX messaging_interactions_message ON messaging_interactions (message_id);

CREATE TABLE messaging_events (
    position   INTEGER PRIMARY KEY,
    workspace  BLOB NOT NULL,
    message_id BLOB NOT NULL,
    kind       TEXT NOT NULL,
    status     TEXT NOT NULL,
    at         INTEGER NOT NULL,
    document   TEXT
);
CREATE INDEX messaging_events_message ON messaging_events (message_id);

CREATE TABLE messaging_subscriptions (
    name       TEXT PRIMARY KEY,
    position   INTEGER NOT NULL,
    failures   INTEGER NOT NULL DEFAULT 0,
    fence      INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER
) WITHOUT ROWID;

CREATE TABLE messaging_counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
"""


@migrations(name="0003_log")
def _log(db: Database) -> None:
    execute(db, _LOG_TABLES)
