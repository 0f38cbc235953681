"""Lay out all tables, as SQLite has them after its fourteen migrations.

An event has no position before a reader moves it from `messaging_new_events` to
`messaging_events`: a number that is drawn when an event is written says nothing about the order of
commits. Channels and counters have several rows each, so that no transaction waits for another
that adds the same.
"""

from typing import Final

SCRIPT: Final = """
CREATE TABLE messaging_messages (
    position            bigint PRIMARY KEY,
    id                  bytea NOT NULL,
    workspace           bytea NOT NULL,
    channel_id          bytea NOT NULL,
    platform            text COLLATE "C" NOT NULL,
    direction           text COLLATE "C" NOT NULL,
    status              text COLLATE "C" NOT NULL,
    created_at          bigint NOT NULL,
    own_address         text COLLATE "C",
    country_code        text COLLATE "C",
    reference           text COLLATE "C",
    batch_id            bytea,
    navigator_id        bytea,
    failure_code        bigint,
    failure_source_code text COLLATE "C",
    failure_source_name text COLLATE "C",
    state               text COLLATE "C" NOT NULL,
    inline_document     bytea NOT NULL,
    redacted            bigint NOT NULL DEFAULT 0,
    UNIQUE (workspace, id)
);
CREATE INDEX messaging_messages_channel ON messaging_messages (workspace, channel_id, position);
CREATE INDEX messaging_messages_status ON messaging_messages (workspace, status, position)
    WHERE status NOT IN ('accepted', 'scheduled', 'processing');
CREATE INDEX messaging_messages_incoming ON messaging_messages (workspace, position)
    WHERE direction = 'incoming';
CREATE INDEX messaging_messages_country ON messaging_messages (workspace, country_code, position)
    WHERE country_code IS NOT NULL;
CREATE INDEX messaging_messages_reference ON messaging_messages (workspace, reference, position)
    WHERE reference IS NOT NULL;
CREATE INDEX messaging_messages_batch ON messaging_messages (workspace, batch_id, position)
    WHERE batch_id IS NOT NULL;
CREATE INDEX messaging_messages_navigator ON messaging_messages (workspace, navigator_id, position)
    WHERE navigator_id IS NOT NULL;
CREATE INDEX messaging_messages_failure ON messaging_messages (workspace, failure_code, position)
    WHERE failure_code IS NOT NULL;
CREATE INDEX messaging_messages_source_code
    ON messaging_messages (workspace, failure_source_code, position)
    WHERE failure_source_code IS NOT NULL;
CREATE INDEX messaging_messages_source_name
    ON messaging_messages (workspace, failure_source_name, position)
    WHERE failure_source_name IS NOT NULL;
CREATE TABLE messaging_channels (
    workspace   bytea NOT NULL,
    channel_id  bytea NOT NULL,
    platform    text COLLATE "C" NOT NULL,
    own_address text COLLATE "C" NOT NULL,
    shard       bigint NOT NULL,
    PRIMARY KEY (workspace, channel_id, platform, own_address, shard)
);

CREATE TABLE messaging_tags (
    workspace bytea NOT NULL,
    tag       text COLLATE "C" NOT NULL,
    position  bigint NOT NULL,
    PRIMARY KEY (workspace, tag, position)
);

CREATE TABLE messaging_people (
    workspace bytea NOT NULL,
    address   text COLLATE "C" NOT NULL,
    position  bigint NOT NULL,
    PRIMARY KEY (workspace, address, position)
);

CREATE TABLE messaging_subjects (
    position  bigint PRIMARY KEY,
    workspace bytea NOT NULL,
    words     text COLLATE "C" NOT NULL
);

CREATE TABLE messaging_subject_words (
    workspace bytea NOT NULL,
    word      text COLLATE "C" NOT NULL,
    position  bigint NOT NULL,
    PRIMARY KEY (workspace, word, position)
);

CREATE TABLE messaging_outbox (
    position     bigint PRIMARY KEY,
    workspace    bytea NOT NULL,
    channel_id   bytea NOT NULL,
    lane         bigint NOT NULL,
    due_at       bigint NOT NULL,
    expires_at   bigint NOT NULL,
    fence        bigint NOT NULL DEFAULT 0,
    leased_until bigint,
    handed_over  bigint NOT NULL DEFAULT 0,
    attempts     bigint NOT NULL DEFAULT 0,
    crashes      bigint NOT NULL DEFAULT 0,
    controls     text COLLATE "C",
    progress     text COLLATE "C"
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);

CREATE TABLE messaging_idempotency_keys (
    workspace    bytea NOT NULL,
    key          text COLLATE "C" NOT NULL,
    request_hash text COLLATE "C" NOT NULL,
    message_id   bytea NOT NULL,
    created_at   bigint NOT NULL,
    fields       text COLLATE "C" NOT NULL DEFAULT '{}',
    PRIMARY KEY (workspace, key)
);

CREATE TABLE messaging_contacts (
    workspace bytea NOT NULL,
    id        text COLLATE "C" NOT NULL,
    document  bytea NOT NULL,
    PRIMARY KEY (workspace, id)
);

CREATE TABLE messaging_contact_identifiers (
    workspace  bytea NOT NULL,
    key        text COLLATE "C" NOT NULL,
    value      text COLLATE "C" NOT NULL,
    contact_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace, key, value)
);

CREATE TABLE messaging_facts (
    name  text COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL
);

CREATE TABLE messaging_references (
    workspace bytea NOT NULL,
    reference text COLLATE "C" NOT NULL,
    position  bigint NOT NULL,
    PRIMARY KEY (workspace, reference, position)
);

CREATE TABLE messaging_receipts (
    position    bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    workspace   bytea NOT NULL,
    source      text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL,
    received_at bigint NOT NULL,
    reference   text COLLATE "C",
    document    text COLLATE "C" NOT NULL,
    failures    bigint NOT NULL DEFAULT 0,
    due_at      bigint NOT NULL DEFAULT 0,
    UNIQUE (workspace, source, key)
);
CREATE INDEX messaging_receipts_kept ON messaging_receipts (position) WHERE state = 'kept';
CREATE INDEX messaging_receipts_unmatched ON messaging_receipts (workspace, reference)
    WHERE state = 'unmatched';
CREATE TABLE messaging_evidence (
    message_id bytea NOT NULL,
    workspace  bytea NOT NULL,
    document   text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace, message_id)
);

CREATE TABLE messaging_interactions (
    position   bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    workspace  bytea NOT NULL,
    message_id bytea NOT NULL,
    document   text COLLATE "C" NOT NULL
);
CREATE INDEX messaging_interactions_message
    ON messaging_interactions (workspace, message_id, position);

CREATE TABLE messaging_events (
    position   bigint PRIMARY KEY,
    workspace  bytea NOT NULL,
    message_id bytea NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    status     text COLLATE "C" NOT NULL,
    at         bigint NOT NULL,
    document   text COLLATE "C"
);

CREATE TABLE messaging_new_events (
    seq        bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    workspace  bytea NOT NULL,
    message_id bytea NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    status     text COLLATE "C" NOT NULL,
    at         bigint NOT NULL,
    document   text COLLATE "C"
);
CREATE INDEX messaging_new_events_message
    ON messaging_new_events (workspace, message_id, seq);
CREATE INDEX messaging_events_message
    ON messaging_events (workspace, message_id, position);

CREATE TABLE messaging_subscriptions (
    name       text COLLATE "C" PRIMARY KEY,
    position   bigint NOT NULL,
    failures   bigint NOT NULL DEFAULT 0,
    fence      bigint NOT NULL DEFAULT 0,
    not_before bigint
);

CREATE TABLE messaging_counters (
    name  text COLLATE "C" NOT NULL,
    shard bigint NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (name, shard)
);
CREATE INDEX messaging_idempotency_keys_age ON messaging_idempotency_keys (created_at);

CREATE TABLE messaging_contact_lists (
    workspace bytea NOT NULL,
    id        bytea NOT NULL,
    name      text COLLATE "C" NOT NULL,
    document  text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX messaging_contact_lists_name ON messaging_contact_lists (workspace, name);

CREATE TABLE messaging_list_members (
    workspace  bytea NOT NULL,
    list_id    bytea NOT NULL,
    contact_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace, list_id, contact_id)
);
CREATE INDEX messaging_list_members_contact ON messaging_list_members (workspace, contact_id);

CREATE TABLE messaging_suppressions (
    workspace bytea NOT NULL,
    key       text COLLATE "C" NOT NULL,
    address   text COLLATE "C" NOT NULL,
    scope     text COLLATE "C" NOT NULL,
    sender    text COLLATE "C" NOT NULL,
    cause     text COLLATE "C" NOT NULL,
    document  text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace, key, address, scope, sender, cause)
);

CREATE TABLE messaging_sendings (
    workspace  bytea NOT NULL,
    contact_id text COLLATE "C" NOT NULL,
    platform   text COLLATE "C" NOT NULL,
    at         bigint NOT NULL,
    message_id bytea NOT NULL,
    PRIMARY KEY (workspace, contact_id, platform, at, message_id)
);
CREATE INDEX messaging_sendings_message ON messaging_sendings (workspace, message_id);
CREATE INDEX messaging_messages_age ON messaging_messages (workspace, redacted, created_at)
    WHERE status NOT IN ('accepted', 'scheduled', 'processing');
CREATE INDEX messaging_receipts_age ON messaging_receipts (workspace, state, received_at)
    WHERE state <> 'kept';
CREATE INDEX messaging_references_position ON messaging_references (position);

CREATE TABLE messaging_templates (
    position  bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    workspace bytea NOT NULL,
    id        text COLLATE "C" NOT NULL,
    name      text COLLATE "C" NOT NULL,
    document  bytea NOT NULL,
    UNIQUE (workspace, id),
    UNIQUE (workspace, name)
);

CREATE TABLE messaging_short_links (
    position   bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    code       text COLLATE "C" NOT NULL UNIQUE,
    workspace  bytea NOT NULL,
    message_id bytea NOT NULL,
    document   bytea NOT NULL
);
CREATE INDEX messaging_short_links_message ON messaging_short_links (workspace, message_id);

CREATE TABLE messaging_opt_ins (
    workspace bytea NOT NULL,
    key       text COLLATE "C" NOT NULL,
    address   text COLLATE "C" NOT NULL,
    sender    text COLLATE "C" NOT NULL,
    at        bigint NOT NULL,
    PRIMARY KEY (workspace, key, address, sender)
);
CREATE INDEX messaging_outbox_due ON messaging_outbox (lane, workspace, channel_id, due_at);
CREATE INDEX messaging_outbox_suspects ON messaging_outbox (channel_id, due_at)
    WHERE crashes > 0;
CREATE TABLE messaging_documents (
    position bigint PRIMARY KEY,
    document bytea NOT NULL
);

CREATE TABLE messaging_webhook_subscriptions (
    position    bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    id          bytea NOT NULL UNIQUE,
    workspace   bytea NOT NULL,
    signing_key text COLLATE "C",
    document    bytea NOT NULL
);
CREATE INDEX messaging_webhook_subscriptions_workspace
    ON messaging_webhook_subscriptions (workspace);

CREATE TABLE messaging_addresses (
    workspace bytea NOT NULL,
    address   text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace, address)
);
CREATE SEQUENCE messaging_positions CACHE 1;
INSERT INTO messaging_facts (name, value) VALUES
    ('last_event', 0), ('last_message', 0), ('positions_ahead', 0);
"""
