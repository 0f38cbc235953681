"""Lay out roll-ups, and the tags of which there are any."""

from typing import Final

SCRIPT: Final = """
CREATE TABLE messaging_rollups (
    workspace  bytea NOT NULL,
    step       bigint NOT NULL,
    tag        text COLLATE "C" NOT NULL,
    start      bigint NOT NULL,
    channel_id bytea NOT NULL,
    outcome    text COLLATE "C" NOT NULL,
    detail     text COLLATE "C" NOT NULL,
    number     bigint NOT NULL,
    longest    bigint NOT NULL,
    PRIMARY KEY (workspace, step, tag, start, channel_id, outcome, detail)
);
CREATE INDEX messaging_rollups_age ON messaging_rollups (start);

CREATE TABLE messaging_rollup_tags (
    workspace bytea NOT NULL,
    tag       text COLLATE "C" NOT NULL,
    day       bigint NOT NULL,
    since     bigint NOT NULL,
    latest    bigint NOT NULL,
    PRIMARY KEY (workspace, tag)
);
CREATE INDEX messaging_rollup_tags_day ON messaging_rollup_tags (workspace, day);
CREATE INDEX messaging_rollup_tags_age ON messaging_rollup_tags (latest);
"""
