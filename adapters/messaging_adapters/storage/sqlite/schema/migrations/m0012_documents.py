"""Store large documents out of line; those of messages that are there stay in their rows."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

# Messages that are there keep their documents in their rows until they are redacted or deleted: to
# copy them would take as long, and as much disk, as the file is large. The column has a new name,
# so that a worker of an older version that still runs gets an error: it would take a message whose
# document it does not find for a damaged one, and end it.
_DOCUMENTS = """
ALTER TABLE messaging_messages RENAME COLUMN document TO inline_document;
CREATE TABLE messaging_documents (
    position INTEGER PRIMARY KEY,
    document BLOB NOT NULL
);
"""


@migrations(name="0012_documents")
def _documents(db: Database) -> None:
    execute(db, _DOCUMENTS)
