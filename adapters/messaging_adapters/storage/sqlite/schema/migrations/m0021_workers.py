"""Lay out what workers say about themselves."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

_WORKERS = """
CREATE TABLE messaging_workers (
    id       BLOB NOT NULL PRIMARY KEY,
    seen_at  INTEGER NOT NULL,
    document BLOB NOT NULL
) WITHOUT ROWID;
"""


@migrations(name="0021_workers")
def _workers(db: Database) -> None:
    execute(db, _WORKERS)
