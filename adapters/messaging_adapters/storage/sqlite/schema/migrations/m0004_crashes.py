"""Count how often workers died over a message, and find the few there are."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import migrations


@migrations(name="0004_crashes")
def _crashes(db: Database) -> None:
    db.execute("ALTER TABLE messaging_outbox ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0")
    db.execute(
        "CREATE INDEX messaging_outbox_suspects ON messaging_outbox (due_at) WHERE crashes > 0"
    )
