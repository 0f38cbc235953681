CREATE TABLE IF NOT EXISTS "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
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
    inline_document            BLOB NOT NULL
, redacted INTEGER NOT NULL DEFAULT 0);
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
, workspace BLOB NOT NULL DEFAULT x'', crashes INTEGER NOT NULL DEFAULT 0, channel_id BLOB NOT NULL DEFAULT x'');
CREATE TABLE messaging_idempotency_keys (
    workspace    BLOB NOT NULL,
    key          TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    message_id   BLOB NOT NULL,
    created_at   INTEGER NOT NULL, fields TEXT NOT NULL DEFAULT '{}',
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
CREATE VIRTUAL TABLE "messaging_subjects_fts" USING FTS5 (
    "subject",
    content="messaging_subjects"
);
CREATE TRIGGER "messaging_subjects_ai" AFTER INSERT ON "messaging_subjects" BEGIN
  INSERT INTO "messaging_subjects_fts" (rowid, "subject") VALUES (new.rowid, new."subject");
END;
CREATE TRIGGER "messaging_subjects_ad" AFTER DELETE ON "messaging_subjects" BEGIN
  INSERT INTO "messaging_subjects_fts" ("messaging_subjects_fts", rowid, "subject") VALUES('delete', old.rowid, old."subject");
END;
CREATE TRIGGER "messaging_subjects_au" AFTER UPDATE ON "messaging_subjects" BEGIN
  INSERT INTO "messaging_subjects_fts" ("messaging_subjects_fts", rowid, "subject") VALUES('delete', old.rowid, old."subject");
  INSERT INTO "messaging_subjects_fts" (rowid, "subject") VALUES (new.rowid, new."subject");
END;
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
    document    TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL DEFAULT 0,
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
CREATE INDEX messaging_idempotency_keys_age ON messaging_idempotency_keys (created_at);
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
CREATE TABLE messaging_sendings (
    workspace  BLOB NOT NULL,
    contact_id TEXT NOT NULL,
    platform   TEXT NOT NULL,
    at         INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    PRIMARY KEY (workspace, contact_id, platform, at, message_id)
) WITHOUT ROWID;
CREATE INDEX messaging_sendings_message ON messaging_sendings (message_id);
CREATE INDEX messaging_messages_age ON messaging_messages (workspace, redacted, created_at)
    WHERE status NOT IN ('accepted', 'scheduled', 'processing');
CREATE INDEX messaging_receipts_age ON messaging_receipts (workspace, state, received_at)
    WHERE state <> 'kept';
CREATE INDEX messaging_references_position ON messaging_references (position);
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
CREATE TABLE messaging_opt_ins (
    workspace BLOB NOT NULL,
    key       TEXT NOT NULL,
    address   TEXT NOT NULL,
    sender    TEXT NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (workspace, key, address, sender)
) WITHOUT ROWID;
CREATE INDEX messaging_outbox_due ON messaging_outbox (lane, workspace, channel_id, due_at);
CREATE INDEX messaging_outbox_suspects ON messaging_outbox (channel_id, due_at)
    WHERE crashes > 0;
CREATE TABLE messaging_documents (
    position INTEGER PRIMARY KEY,
    document BLOB NOT NULL
);
CREATE TABLE messaging_webhook_subscriptions (
    position    INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE,
    workspace   BLOB NOT NULL,
    signing_key TEXT,
    document    BLOB NOT NULL
);
CREATE INDEX messaging_webhook_subscriptions_workspace
    ON messaging_webhook_subscriptions (workspace);
CREATE TABLE messaging_access_keys (
    id        BLOB PRIMARY KEY,
    workspace BLOB NOT NULL,
    digest    TEXT NOT NULL,
    used_at   INTEGER,
    document  BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE messaging_rates (
    workspace BLOB NOT NULL,
    key       TEXT NOT NULL,
    document  BLOB NOT NULL,
    PRIMARY KEY (workspace, key)
) WITHOUT ROWID;
CREATE TABLE messaging_rollups (
    workspace  BLOB NOT NULL,
    step       INTEGER NOT NULL,
    tag        TEXT NOT NULL,
    start      INTEGER NOT NULL,
    channel_id BLOB NOT NULL,
    outcome    TEXT NOT NULL,
    detail     TEXT NOT NULL,
    number     INTEGER NOT NULL,
    longest    INTEGER NOT NULL,
    PRIMARY KEY (workspace, step, tag, start, channel_id, outcome, detail)
) WITHOUT ROWID;
CREATE INDEX messaging_rollups_age ON messaging_rollups (start);
CREATE TABLE messaging_rollup_tags (
    workspace BLOB NOT NULL,
    tag       TEXT NOT NULL,
    day       INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    latest    INTEGER NOT NULL,
    PRIMARY KEY (workspace, tag)
) WITHOUT ROWID;
CREATE INDEX messaging_rollup_tags_day ON messaging_rollup_tags (workspace, day);
CREATE INDEX messaging_rollup_tags_age ON messaging_rollup_tags (latest);
CREATE TABLE messaging_received_files (
    position   INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,
    workspace  BLOB NOT NULL,
    message_id BLOB NOT NULL,
    state      TEXT NOT NULL,
    due_at     INTEGER NOT NULL,
    fence      INTEGER NOT NULL DEFAULT 0,
    document   BLOB NOT NULL,
    content    BLOB
);
CREATE INDEX messaging_received_files_message ON messaging_received_files (message_id);
CREATE INDEX messaging_received_files_due ON messaging_received_files (state, due_at)
    WHERE state IN ('waiting', 'removed');
CREATE INDEX messaging_received_files_failed ON messaging_received_files (workspace)
    WHERE state = 'failed';
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
CREATE TABLE messaging_audit (
    workspace  BLOB NOT NULL,
    id         BLOB NOT NULL,
    message_id BLOB,
    document   BLOB NOT NULL,
    PRIMARY KEY (workspace, id)
) WITHOUT ROWID;
CREATE INDEX messaging_audit_of_messages ON messaging_audit (message_id, id)
    WHERE message_id IS NOT NULL;
CREATE TABLE messaging_expiring_records (
    kind       TEXT NOT NULL,
    key        TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX messaging_expiring_records_by_age
    ON messaging_expiring_records (kind, expires_at, key);
CREATE TABLE messaging_workers (
    id       BLOB NOT NULL PRIMARY KEY,
    seen_at  INTEGER NOT NULL,
    document BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX messaging_expiring_records_expired ON messaging_expiring_records (expires_at);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0001_messages', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0002_fairness', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0003_log', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0004_crashes', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0005_idempotency_window', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0006_directory', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0007_sendings', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0008_retention', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0009_content', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0010_identities', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0011_bulkheads', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0012_documents', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0013_receipt_failures', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0014_webhooks', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0015_access_keys', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0016_rollups', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0017_received_files', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0018_request_webhooks', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0019_audit', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0021_workers', CURRENT_TIMESTAMP);
INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('messaging', '0022_expired_records', CURRENT_TIMESTAMP);
INSERT INTO messaging_facts (name, value) VALUES ('last_event', 0);
INSERT INTO messaging_facts (name, value) VALUES ('last_message', 0);
INSERT INTO messaging_facts (name, value) VALUES ('last_receipt', 0);
INSERT INTO messaging_facts (name, value) VALUES ('positions_ahead', 0);
