"""Find what has expired, whatever it is and whose ever."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import migrations


@migrations(name="0022_expired_records")
def _expired_records(db: Database) -> None:
    db.execute(
        "CREATE INDEX messaging_expiring_records_expired ON messaging_expiring_records (expires_at)"
    )
