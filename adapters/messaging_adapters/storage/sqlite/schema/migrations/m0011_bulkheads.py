"""Let a claim go through a lane channel by channel."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

# A channel without a free place is passed over with one step, however much waits for it.
_BULKHEADS = """
ALTER TABLE messaging_outbox ADD COLUMN channel_id BLOB NOT NULL DEFAULT x'';
UPDATE messaging_outbox SET channel_id = coalesce(
    (SELECT m.channel_id FROM messaging_messages m WHERE m.position = messaging_outbox.position),
    x'');
DROP INDEX messaging_outbox_due;
CREATE INDEX messaging_outbox_due ON messaging_outbox (lane, workspace, channel_id, due_at);
DROP INDEX messaging_outbox_suspects;
CREATE INDEX messaging_outbox_suspects ON messaging_outbox (channel_id, due_at)
    WHERE crashes > 0;
"""


@migrations(name="0011_bulkheads")
def _bulkheads(db: Database) -> None:
    execute(db, _BULKHEADS)
