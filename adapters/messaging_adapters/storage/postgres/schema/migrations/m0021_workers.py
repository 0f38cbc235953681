"""Lay out what workers say about themselves."""

from typing import Final

SCRIPT: Final = """
CREATE TABLE messaging_workers (
    id       bytea NOT NULL PRIMARY KEY,
    seen_at  bigint NOT NULL,
    document bytea NOT NULL
);
"""
