"""What must be true of a database file whatever happened to it."""

import sqlite3
from collections.abc import Iterator

from messaging_adapters.storage.sql.rows.documents import DOCUMENT, WITH_DOCUMENT

# A message is wholly there or wholly absent: whatever names one by its position or id has it.
_BY_POSITION = {
    f"messaging_{name}"
    for name in ("documents", "outbox", "people", "references", "subjects", "tags")
}
_KEYS = {
    "position": "messaging_messages.position",
    "message_id": "messaging_messages.id",
    "contact_id": "messaging_contacts.id",
}
_MESSAGES = f"messaging_messages m {WITH_DOCUMENT}"
_DOCUMENT = f"CAST({DOCUMENT} AS TEXT)"
_RULES = {
    "a message has no document": (
        f"SELECT m.position FROM {_MESSAGES} WHERE {DOCUMENT} IS NULL"  # noqa: S608
    ),
    "a document is stored twice": (
        "SELECT position FROM messaging_messages JOIN messaging_documents USING (position)"
        " WHERE length(inline_document) > 0"
    ),
    "a message that waits has no delivery": (
        "SELECT position FROM messaging_messages"
        " WHERE status IN ('accepted', 'scheduled', 'processing')"
        " AND position NOT IN (SELECT position FROM messaging_outbox)"
    ),
    "a message that is finished has a delivery": (
        "SELECT position FROM messaging_messages JOIN messaging_outbox USING (position)"
        " WHERE status NOT IN ('accepted', 'scheduled', 'processing')"
    ),
    "a message has another number of tags than rows": (
        f"SELECT m.position FROM {_MESSAGES}"  # noqa: S608
        f" WHERE coalesce(json_array_length({_DOCUMENT}, '$.tags'), 0) <>"
        " (SELECT count(*) FROM messaging_tags t WHERE t.position = m.position)"
    ),
    "a message has no channel": (
        "SELECT position FROM messaging_messages m WHERE NOT EXISTS"
        " (SELECT 1 FROM messaging_channels c"
        " WHERE c.workspace = m.workspace AND c.channel_id = m.channel_id)"
    ),
    "an email has no subject": (
        f"SELECT m.position FROM {_MESSAGES} WHERE platform = 'email'"  # noqa: S608
        f" AND json_extract({_DOCUMENT}, '$.body.text.metadata.subject') IS NOT NULL"
        " AND m.position NOT IN (SELECT position FROM messaging_subjects)"
    ),
    "a message has no receiver to be found by": (
        "SELECT position FROM messaging_messages"
        " WHERE position NOT IN (SELECT position FROM messaging_people)"
    ),
    "a contact has no identifier": (
        "SELECT id FROM messaging_contacts"
        " WHERE id NOT IN (SELECT contact_id FROM messaging_contact_identifiers)"
    ),
    "a receiver is no contact": (
        f"SELECT m.position FROM {_MESSAGES},"  # noqa: S608
        f" json_each({_DOCUMENT}, '$.receiver.contacts')"
        " WHERE value ->> '$.id' NOT IN (SELECT id FROM messaging_contacts)"
    ),
}


def damage(connection: sqlite3.Connection) -> list[str]:
    """Return what is wrong with a file, by SQLite's own account and by that of our tables."""
    problems = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    if problems != ["ok"]:
        return problems
    tables = [
        row[0]
        for row in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'messaging_*'"
        )
    ]
    if "messaging_messages" not in tables:
        return []
    if "messaging_subjects_fts" in tables:
        # Raises where the index and what it was made of differ.
        connection.execute(
            "INSERT INTO messaging_subjects_fts (messaging_subjects_fts, rank)"
            " VALUES ('integrity-check', 1)"
        )
        connection.rollback()
    rules = _RULES | dict(_references(connection, tables))
    return [what for what, query in rules.items() if connection.execute(query).fetchone()]


def _references(connection: sqlite3.Connection, tables: list[str]) -> Iterator[tuple[str, str]]:
    """Yield a rule for each column of each table that names a row of another."""
    for table in tables:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info ({table})")]
        for column in columns:
            target, _, key = _KEYS.get(column, "").partition(".")
            if column == "position" and table not in _BY_POSITION:
                continue  # its own
            if target and target != table:
                query = (
                    f"SELECT 1 FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608 - our own
                    f" AND {column} NOT IN (SELECT {key} FROM {target})"
                )
                yield f"{table}.{column} names nothing", query
