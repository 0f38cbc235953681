"""Find what is old, and remember which positions were in use."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

# What is old and finished is found in the order of its age, and leaves this index when it is
# redacted or gone, so that no purge goes through what an earlier one has dealt with. It costs
# nothing when a message is accepted, and a page when it is settled.
_RETENTION = """
ALTER TABLE messaging_messages ADD COLUMN redacted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messaging_messages_age ON messaging_messages (workspace, redacted, created_at)
    WHERE status NOT IN ('accepted', 'scheduled', 'processing');
CREATE INDEX messaging_receipts_age ON messaging_receipts (workspace, state, received_at)
    WHERE state <> 'kept';
CREATE INDEX messaging_references_position ON messaging_references (position);
INSERT INTO messaging_facts VALUES ('last_message', 0), ('last_event', 0), ('last_receipt', 0);
"""


@migrations(name="0008_retention")
def _retention(db: Database) -> None:
    execute(db, _RETENTION)
