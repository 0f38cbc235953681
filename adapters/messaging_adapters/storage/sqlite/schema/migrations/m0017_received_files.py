"""Lay out the files of incoming messages."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

# The content comes last: SQLite then reads no page of it where it is not asked for.
_RECEIVED_FILES = """
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
"""


@migrations(name="0017_received_files")
def _received_files(db: Database) -> None:
    execute(db, _RECEIVED_FILES)
