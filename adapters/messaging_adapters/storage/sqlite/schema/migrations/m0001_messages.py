"""Lay out messages, their search tables, the outbox, keys and contacts."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

# Every index costs a page in every commit of a single message, so there is none for what another
# table knows: a workspace and a platform are walked channel by channel, the few channels there are
# stand in `messaging_channels`, and what waits stands in the outbox. `own_address` is the
# channel's side of a message, `messaging_people` the other side.
_TABLES = """
CREATE TABLE messaging_messages (
    position            INTEGER PRIMARY KEY,
    id                  BLOB NOT NULL UNIQUE,
    workspace           BLOB NOT NULL,
    channel_id          BLOB NOT NULL,
    platform            TEXT NOT NULL,
    direction           TEXT NOT NULL,
    status              TEXT NOT NULL,
    created_at          INTEGER NOT NULL,
    own_address         TEXT,
    country_code        TEXT,
    reference           TEXT,
    batch_id            BLOB,
    navigator_id        BLOB,
    failure_code        INTEGER,
    failure_source_code TEXT,
    failure_source_name TEXT,
    state               TEXT NOT NULL,
    document            BLOB NOT NULL
);
CREATE INDEX messaging_messages_channel ON messaging_messages (workspace, channel_id);
CREATE INDEX messaging_messages_status ON messaging_messages (workspace, status)
    WHERE status NOT IN ('accepted', 'scheduled', 'processing');
CREATE INDEX messaging_messages_incoming ON messaging_messages (workspace)
    WHERE direction = 'incoming';
CREATE INDEX messaging_messages_country ON messaging_messages (workspace, country_code)
    WHERE country_code IS NOT NULL;
CREATE INDEX messaging_messages_reference ON messaging_messages (workspace, reference)
    WHERE reference IS NOT NULL;
CREATE INDEX messaging_messages_batch ON messaging_messages (workspace, batch_id)
    WHERE batch_id IS NOT NULL;
CREATE INDEX messaging_messages_navigator ON messaging_messages (workspace, navigator_id)
    WHERE navigator_id IS NOT NULL;
CREATE INDEX messaging_messages_failure ON messaging_messages (workspace, failure_code)
    WHERE failure_code IS NOT NULL;
CREATE INDEX messaging_messages_source_code ON messaging_messages (workspace, failure_source_code)
    WHERE failure_source_code IS NOT NULL;
CREATE INDEX messaging_messages_source_name ON messaging_messages (workspace, failure_source_name)
    WHERE failure_source_name IS NOT NULL;

CREATE TABLE messaging_channels (
    workspace   BLOB NOT NULL,
    channel_id  BLOB NOT NULL,
    platform    TEXT NOT NULL,
    own_address TEXT NOT NULL,
    PRIMARY KEY (workspace, channel_id, platform, own_address)
) WITHOUT ROWID;

CREATE TABLE messaging_tags (
    workspace BLOB NOT NULL,
    tag       TEXT NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (workspace, tag, position)
) WITHOUT ROWID;

CREATE TABLE messaging_people (
    workspace BLOB NOT NULL,
    address   TEXT NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (workspace, address, position)
) WITHOUT ROWID;

CREATE TABLE messaging_subjects (
    position INTEGER PRIMARY KEY,
    subject  TEXT NOT NULL
);

CREATE TABLE messaging_outbox (
    position     INTEGER PRIMARY KEY,
    lane         INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    fence        INTEGER NOT NULL DEFAULT 0,
    leased_until INTEGER,
    handed_over  INTEGER NOT NULL DEFAULT 0,
    attempts     INTEGER NOT NULL DEFAULT 0,
    controls     TEXT,
    progress     TEXT
);
CREATE INDEX messaging_outbox_due ON messaging_outbox (lane, due_at);

CREATE TABLE messaging_idempotency_keys (
    workspace    BLOB NOT NULL,
    key          TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    message_id   BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace, key)
) WITHOUT ROWID;

CREATE TABLE messaging_contacts (
    workspace BLOB NOT NULL,
    id        TEXT NOT NULL,
    document  BLOB NOT NULL,
    PRIMARY KEY (workspace, id)
) WITHOUT ROWID;

CREATE TABLE messaging_contact_identifiers (
    workspace  BLOB NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    PRIMARY KEY (workspace, key, value)
) WITHOUT ROWID;

CREATE TABLE messaging_facts (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO messaging_facts VALUES ('positions_ahead', 0);
"""


@migrations(name="0001_messages")
def _messages(db: Database) -> None:
    execute(db, _TABLES)
    # An own small table, so that its triggers cost nothing when a status changes.
    db.table("messaging_subjects").enable_fts(["subject"], create_triggers=True)
