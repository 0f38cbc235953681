"""Lay out roll-ups, and the tags of which there are any."""

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations.registry import execute, migrations

# A chart reads one range of the key: one tag, or all messages, over a time.
_ROLLUPS = """
CREATE TABLE messaging_rollups (
    workspace  BLOB NOT NULL,
    step       INTEGER NOT NULL,
    tag        TEXT NOT NULL,
    start      INTEGER NOT NULL,
    channel_id BLOB NOT NULL,
    outcome    TEXT NOT NULL,
    detail     TEXT NOT NULL,
    number     INTEGER NOT NULL,
    longest    INTEGER NOT NULL,
    PRIMARY KEY (workspace, step, tag, start, channel_id, outcome, detail)
) WITHOUT ROWID;
CREATE INDEX messaging_rollups_age ON messaging_rollups (start);

CREATE TABLE messaging_rollup_tags (
    workspace BLOB NOT NULL,
    tag       TEXT NOT NULL,
    day       INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    latest    INTEGER NOT NULL,
    PRIMARY KEY (workspace, tag)
) WITHOUT ROWID;
CREATE INDEX messaging_rollup_tags_day ON messaging_rollup_tags (workspace, day);
CREATE INDEX messaging_rollup_tags_age ON messaging_rollup_tags (latest);
"""


@migrations(name="0016_rollups")
def _rollups(db: Database) -> None:
    execute(db, _ROLLUPS)
