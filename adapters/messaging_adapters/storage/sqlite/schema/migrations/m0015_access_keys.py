"""Lay out access keys, and how much of each rate limit is used."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

# A use of a key writes one number, not its document. Of each rate limit there is one small row,
# which is written over and over.
_ACCESS_KEYS = """
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
"""


@migrations(name="0015_access_keys")
def _access_keys(db: Database) -> None:
    execute(db, _ACCESS_KEYS)
