"""Let receipts that cannot be applied wait for longer and longer, and list them."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

_RECEIPT_FAILURES = """
ALTER TABLE messaging_receipts ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messaging_receipts ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
"""


@migrations(name="0013_receipt_failures")
def _receipt_failures(db: Database) -> None:
    execute(db, _RECEIPT_FAILURES)
