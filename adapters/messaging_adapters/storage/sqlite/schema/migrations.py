"""The tables, as numbered migrations that only go forward."""

import sqlite3

from sqlite_utils import Database, Migrations

from messaging_adapters.storage.sqlite.schema import identities
from messaging_adapters.storage.sqlite.schema.constants import MIGRATION_SET

# Every index costs a page in every commit of a single message, so there is none for what another
# table knows: a workspace and a platform are walked channel by channel, the few channels there are
# stand in `messaging_channels`, and what waits stands in the outbox. `own_address` is the
# channel's side of a message, `messaging_people` the other side.

migrations = Migrations(MIGRATION_SET)

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
    """Lay out messages, their search tables, the outbox, keys and contacts."""
    _execute(db, _TABLES)
    # An own small table, so that its triggers cost nothing when a status changes.
    db.table("messaging_subjects").enable_fts(["subject"], create_triggers=True)


_FAIRNESS = """
ALTER TABLE messaging_outbox ADD COLUMN workspace BLOB NOT NULL DEFAULT x'';
UPDATE messaging_outbox SET workspace =
    (SELECT m.workspace FROM messaging_messages m WHERE m.position = messaging_outbox.position);
DROP INDEX messaging_outbox_due;
CREATE INDEX messaging_outbox_due ON messaging_outbox (lane, workspace, due_at);
"""


@migrations(name="0002_fairness")
def _fairness(db: Database) -> None:
    """Let a claim go through a lane workspace by workspace."""
    _execute(db, _FAIRNESS)


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
    """Lay out receipts, evidence, interactions, events and who reads them."""
    _execute(db, _LOG_TABLES)


@migrations(name="0004_crashes")
def _crashes(db: Database) -> None:
    """Count how often workers died over a message, and find the few there are."""
    db.execute("ALTER TABLE messaging_outbox ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0")
    db.execute(
        "CREATE INDEX messaging_outbox_suspects ON messaging_outbox (due_at) WHERE crashes > 0"
    )


@migrations(name="0005_idempotency_window")
def _idempotency_window(db: Database) -> None:
    """Let keys expire, the oldest first, and name the fields in which two requests differ."""
    db.execute(
        "ALTER TABLE messaging_idempotency_keys ADD COLUMN fields TEXT NOT NULL DEFAULT '{}'"
    )
    db.execute(
        "CREATE INDEX messaging_idempotency_keys_age ON messaging_idempotency_keys (created_at)"
    )


_DIRECTORY_TABLES = """
CREATE TABLE messaging_contact_lists (
    workspace BLOB NOT NULL,
    id        BLOB NOT NULL,
    name      TEXT NOT NULL,
    document  TEXT NOT NULL,
    PRIMARY KEY (workspace, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX messaging_contact_lists_name ON messaging_contact_lists (workspace, name);

CREATE TABLE messaging_list_members (
    workspace  BLOB NOT NULL,
    list_id    BLOB NOT NULL,
    contact_id TEXT NOT NULL,
    PRIMARY KEY (workspace, list_id, contact_id)
) WITHOUT ROWID;
CREATE INDEX messaging_list_members_contact ON messaging_list_members (workspace, contact_id);

CREATE TABLE messaging_suppressions (
    workspace BLOB NOT NULL,
    key       TEXT NOT NULL,
    address   TEXT NOT NULL,
    scope     TEXT NOT NULL,
    sender    TEXT NOT NULL,
    cause     TEXT NOT NULL,
    document  TEXT NOT NULL,
    PRIMARY KEY (workspace, key, address, scope, sender, cause)
) WITHOUT ROWID;
"""


@migrations(name="0006_directory")
def _directory(db: Database) -> None:
    """Lay out contact lists, who is on them, and suppressions; contacts stay as they are."""
    _execute(db, _DIRECTORY_TABLES)


_SENDINGS_TABLES = """
CREATE TABLE messaging_sendings (
    workspace  BLOB NOT NULL,
    contact_id TEXT NOT NULL,
    platform   TEXT NOT NULL,
    at         INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    PRIMARY KEY (workspace, contact_id, platform, at, message_id)
) WITHOUT ROWID;
CREATE INDEX messaging_sendings_message ON messaging_sendings (message_id);
"""


@migrations(name="0007_sendings")
def _sendings(db: Database) -> None:
    """Lay out when contacts were written to."""
    _execute(db, _SENDINGS_TABLES)


# What is old and finished is found in the order of its age, and leaves this index when it is
# redacted or gone, so that no purge goes through what an earlier one has dealt with. It costs
# nothing when a message is accepted, and a page when it is settled.
_RETENTION = """
ALTER TABLE messaging_messages ADD COLUMN redacted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messaging_messages_age ON messaging_messages (workspace, redacted, created_at)
    WHERE status NOT IN ('accepted', 'scheduled', 'processing');
CREATE INDEX messaging_receipts_age ON messaging_receipts (workspace, state, received_at)
    WHERE state <> 'kept';
CREATE INDEX messaging_references_position ON messaging_references (position);
INSERT INTO messaging_facts VALUES ('last_message', 0), ('last_event', 0), ('last_receipt', 0);
"""


@migrations(name="0008_retention")
def _retention(db: Database) -> None:
    """Find what is old, and remember which positions were in use."""
    _execute(db, _RETENTION)


_CONTENT_TABLES = """
CREATE TABLE messaging_templates (
    position  INTEGER PRIMARY KEY,
    workspace BLOB NOT NULL,
    id        TEXT NOT NULL,
    name      TEXT NOT NULL,
    document  BLOB NOT NULL,
    UNIQUE (workspace, id),
    UNIQUE (workspace, name)
);

CREATE TABLE messaging_short_links (
    position   INTEGER PRIMARY KEY,
    code       TEXT NOT NULL UNIQUE,
    workspace  BLOB NOT NULL,
    message_id BLOB NOT NULL,
    document   BLOB NOT NULL
);
CREATE INDEX messaging_short_links_message ON messaging_short_links (message_id);
"""


@migrations(name="0009_content")
def _content(db: Database) -> None:
    """Lay out templates, and the short links of messages."""
    _execute(db, _CONTENT_TABLES)


_OPT_INS = """
CREATE TABLE messaging_opt_ins (
    workspace BLOB NOT NULL,
    key       TEXT NOT NULL,
    address   TEXT NOT NULL,
    sender    TEXT NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (workspace, key, address, sender)
) WITHOUT ROWID
"""


@migrations(name="0010_identities")
def _identities(db: Database) -> None:
    """Compare identifiers by their new keys, and keep when each receiver opted in again."""
    _execute(db, _OPT_INS)
    identities.respell(db)


# A channel without a free place is passed over with one step, however much waits for it.
_BULKHEADS = """
ALTER TABLE messaging_outbox ADD COLUMN channel_id BLOB NOT NULL DEFAULT x'';
UPDATE messaging_outbox SET channel_id = coalesce(
    (SELECT m.channel_id FROM messaging_messages m WHERE m.position = messaging_outbox.position),
    x'');
DROP INDEX messaging_outbox_due;
CREATE INDEX messaging_outbox_due ON messaging_outbox (lane, workspace, channel_id, due_at);
DROP INDEX messaging_outbox_suspects;
CREATE INDEX messaging_outbox_suspects ON messaging_outbox (channel_id, due_at)
    WHERE crashes > 0;
"""


@migrations(name="0011_bulkheads")
def _bulkheads(db: Database) -> None:
    """Let a claim go through a lane channel by channel."""
    _execute(db, _BULKHEADS)


# Messages that are there keep their documents in their rows until they are redacted or deleted: to
# copy them would take as long, and as much disk, as the file is large. The column has a new name,
# so that a worker of an older version that still runs gets an error: it would take a message whose
# document it does not find for a damaged one, and end it.
_DOCUMENTS = """
ALTER TABLE messaging_messages RENAME COLUMN document TO inline_document;
CREATE TABLE messaging_documents (
    position INTEGER PRIMARY KEY,
    document BLOB NOT NULL
);
"""


@migrations(name="0012_documents")
def _documents(db: Database) -> None:
    """Store large documents out of line; those of messages that are there stay in their rows."""
    _execute(db, _DOCUMENTS)


_RECEIPT_FAILURES = """
ALTER TABLE messaging_receipts ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messaging_receipts ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
"""


@migrations(name="0013_receipt_failures")
def _receipt_failures(db: Database) -> None:
    """Let receipts that cannot be applied wait for longer and longer, and list them."""
    _execute(db, _RECEIPT_FAILURES)


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
    """Lay out webhook subscriptions, and the webhooks that wait for their receivers."""
    _execute(db, _WEBHOOKS)


def _execute(db: Database, script: str) -> None:
    """Execute statements one by one: as a script they would leave the transaction."""
    for statement in script.split(";"):
        if statement.strip():
            db.execute(statement.strip())


def apply(connection: sqlite3.Connection) -> None:
    """Apply what is missing, in the transaction that is open, and change no settings."""
    migrations.apply(Database(connection, recursive_triggers=False, execute_plugins=False))
