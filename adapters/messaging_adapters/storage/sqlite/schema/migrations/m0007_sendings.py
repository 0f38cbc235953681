"""Lay out when contacts were written to."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

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
    execute(db, _SENDINGS_TABLES)
