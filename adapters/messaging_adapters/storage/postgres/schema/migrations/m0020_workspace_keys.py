"""Let every key begin with the workspace, so that tables can be split by it.

A code of a short link, the id of an access key and what belongs to no workspace stay as they are:
they are looked up before a workspace is known.

Each index has a name of its own while it is made. One that is there already, made beforehand with
`CREATE UNIQUE INDEX CONCURRENTLY`, is taken as it is, unless that was cancelled and left an invalid
one: it is made again. What claims and the log find by a position alone has an index for it.

The rows that are locked for an address had it in plain text: they go, and are made again with a
hash when they are needed.

All tables are locked first. Processes that still work lock them in orders of their own, and the
server may then end the migration as one side of a deadlock. There it is repeated at once, since it
has done nothing yet.
"""

from collections.abc import Iterator
from typing import Final

KEYS: Final = (
    ("outbox", "workspace, position"),
    ("messages", "workspace, position"),
    ("documents", "workspace, position"),
    ("subjects", "workspace, position"),
    ("receipts", "workspace, position"),
    ("interactions", "workspace, message_id, position"),
    ("damaged_events", "workspace, position"),
    ("events", "workspace, message_id, position"),
    ("new_events", "workspace, message_id, seq"),
    ("templates", "workspace, position"),
    ("webhook_subscriptions", "workspace, position"),
    ("webhook_queue", "workspace, id"),
    ("received_files", "workspace, id"),
)
"""The new primary key of each table."""

_POSITIONS: Final = (
    ("outbox", "position"),
    ("messages", "position"),
    ("events", "position"),
    ("new_events", "seq"),
)
_LOCKED: Final = (*(table for table, _ in KEYS), "short_links", "addresses")
_ATTEMPTS: Final = 10
# The outbox before the others, as a worker does. A block of its own gives back what it has locked
# when it fails; and LOCK alone is an error where no transaction is open.
_LOCK: Final = (
    f"DO $$ BEGIN FOR attempt IN 1..{_ATTEMPTS} LOOP BEGIN"
    f" LOCK TABLE {', '.join(f'messaging_{table}' for table in _LOCKED)}"
    " IN ACCESS EXCLUSIVE MODE; RETURN;"
    f" EXCEPTION WHEN deadlock_detected THEN IF attempt = {_ATTEMPTS} THEN RAISE; END IF;"
    " END; END LOOP; END $$;\n"
)
_MADE: Final = (
    *(f"messaging_{table}_{column}" for table, column in _POSITIONS),
    *(f"messaging_{table}_key" for table, _ in KEYS),
)
_DROP_INVALID: Final = (
    "DO $$ DECLARE name regclass; BEGIN FOR name IN SELECT indexrelid FROM pg_index"  # noqa: S608 - no input
    " WHERE NOT indisvalid AND indexrelid = ANY(SELECT to_regclass(made)"
    f" FROM unnest('{{{', '.join(_MADE)}}}'::text[]) AS made)"
    " LOOP EXECUTE 'DROP INDEX ' || name; END LOOP; END $$;\n"
)
_BEFORE: Final = """
ALTER TABLE messaging_documents ADD COLUMN workspace bytea;
UPDATE messaging_documents d SET workspace = m.workspace FROM messaging_messages m
    WHERE m.position = d.position;
DELETE FROM messaging_documents WHERE workspace IS NULL;
DELETE FROM messaging_damaged_events WHERE workspace IS NULL;
TRUNCATE messaging_addresses;
"""
# What the keys of the same columns, or a key that begins with them, serve as well.
_AFTER: Final = """
DROP INDEX messaging_interactions_message;
DROP INDEX messaging_events_message;
DROP INDEX messaging_new_events_message;
CREATE UNIQUE INDEX messaging_webhook_subscriptions_id
    ON messaging_webhook_subscriptions (workspace, id);
ALTER TABLE messaging_webhook_subscriptions DROP CONSTRAINT messaging_webhook_subscriptions_id_key;
DROP INDEX messaging_webhook_subscriptions_workspace;
ALTER TABLE messaging_short_links DROP CONSTRAINT messaging_short_links_pkey;
ALTER TABLE messaging_short_links DROP CONSTRAINT messaging_short_links_code_key;
ALTER TABLE messaging_short_links ADD PRIMARY KEY (code);
"""


def _statements() -> Iterator[str]:
    yield _LOCK
    yield _DROP_INVALID
    yield _BEFORE
    for table, column in _POSITIONS:
        name = f"messaging_{table}"
        yield f"CREATE INDEX IF NOT EXISTS {name}_{column} ON {name} ({column});\n"
    for table, columns in KEYS:
        name = f"messaging_{table}"
        yield (
            f"CREATE UNIQUE INDEX IF NOT EXISTS {name}_key ON {name} ({columns});\n"
            f"ALTER TABLE {name} DROP CONSTRAINT {name}_pkey,\n"
            f"    ADD CONSTRAINT {name}_pkey PRIMARY KEY USING INDEX {name}_key;\n"
        )
    yield _AFTER


SCRIPT: Final = "".join(_statements())
