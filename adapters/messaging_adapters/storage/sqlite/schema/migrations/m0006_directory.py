"""Lay out contact lists, who is on them, and suppressions; contacts stay as they are."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

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
    execute(db, _DIRECTORY_TABLES)
