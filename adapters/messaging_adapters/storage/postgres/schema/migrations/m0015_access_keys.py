"""Lay out access keys, and how much of each rate limit is used."""

from typing import Final

SCRIPT: Final = """
CREATE TABLE messaging_access_keys (
    id        bytea PRIMARY KEY,
    workspace bytea NOT NULL,
    digest    text COLLATE "C" NOT NULL,
    used_at   bigint,
    document  bytea NOT NULL
);

CREATE TABLE messaging_rates (
    workspace bytea NOT NULL,
    key       text COLLATE "C" NOT NULL,
    document  bytea NOT NULL,
    PRIMARY KEY (workspace, key)
) WITH (fillfactor = 50);
"""
