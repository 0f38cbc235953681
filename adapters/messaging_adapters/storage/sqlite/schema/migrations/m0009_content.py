"""Lay out templates, and the short links of messages."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

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
    execute(db, _CONTENT_TABLES)
