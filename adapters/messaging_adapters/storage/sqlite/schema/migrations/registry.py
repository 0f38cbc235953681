"""The set of migrations, in which each module beside this one registers its own."""

from sqlite_utils import Database, Migrations

from messaging_adapters.storage.sqlite.schema.constants import MIGRATION_SET

migrations = Migrations(MIGRATION_SET)


def execute(db: Database, script: str) -> None:
    """Execute statements one by one: as a script they would leave the transaction."""
    for statement in script.split(";"):
        if statement.strip():
            db.execute(statement.strip())
