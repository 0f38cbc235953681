"""Lay out the audit log, and the records of pages that expire."""

from typing import Final

SCRIPT: Final = """
CREATE TABLE messaging_audit (
    workspace  bytea NOT NULL,
    id         bytea NOT NULL,
    message_id bytea,
    document   bytea NOT NULL,
    PRIMARY KEY (workspace, id)
);
CREATE INDEX messaging_audit_of_messages ON messaging_audit (workspace, message_id, id)
    WHERE message_id IS NOT NULL;

CREATE TABLE messaging_expiring_records (
    kind       text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL,
    value      text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX messaging_expiring_records_by_age
    ON messaging_expiring_records (kind, expires_at, key);
"""
