"""Let keys expire, the oldest first, and name the fields in which two requests differ."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import migrations


@migrations(name="0005_idempotency_window")
def _idempotency_window(db: Database) -> None:
    db.execute(
        "ALTER TABLE messaging_idempotency_keys ADD COLUMN fields TEXT NOT NULL DEFAULT '{}'"
    )
    db.execute(
        "CREATE INDEX messaging_idempotency_keys_age ON messaging_idempotency_keys (created_at)"
    )
