"""Lay out the audit log, and the records of pages that expire."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

_AUDIT = """
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
"""


@migrations(name="0019_audit")
def _audit(db: Database) -> None:
    execute(db, _AUDIT)
