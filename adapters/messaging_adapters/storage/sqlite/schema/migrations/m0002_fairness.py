"""Let a claim go through a lane workspace by workspace."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

_FAIRNESS = """
ALTER TABLE messaging_outbox ADD COLUMN workspace BLOB NOT NULL DEFAULT x'';
UPDATE messaging_outbox SET workspace =
    (SELECT m.workspace FROM messaging_messages m WHERE m.position = messaging_outbox.position);
DROP INDEX messaging_outbox_due;
CREATE INDEX messaging_outbox_due ON messaging_outbox (lane, workspace, due_at);
"""


@migrations(name="0002_fairness")
def _fairness(db: Database) -> None:
    execute(db, _FAIRNESS)
