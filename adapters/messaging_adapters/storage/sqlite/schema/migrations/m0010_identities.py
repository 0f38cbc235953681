"""Compare identifiers by their new keys, and keep when each receiver opted in again."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema import identities
from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

_OPT_INS = """
CREATE TABLE messaging_opt_ins (
    workspace BLOB NOT NULL,
    key       TEXT NOT NULL,
    address   TEXT NOT NULL,
    sender    TEXT NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (workspace, key, address, sender)
) WITHOUT ROWID
"""


@migrations(name="0010_identities")
def _identities(db: Database) -> None:
    execute(db, _OPT_INS)
    identities.respell(db)
