"""Lay out the files of incoming messages."""

from typing import Final

SCRIPT: Final = """
CREATE TABLE messaging_received_files (
    id         bytea PRIMARY KEY,
    workspace  bytea NOT NULL,
    message_id bytea NOT NULL,
    state      text COLLATE "C" NOT NULL,
    due_at     bigint NOT NULL,
    fence      bigint NOT NULL DEFAULT 0,
    document   bytea NOT NULL,
    content    bytea
);
CREATE INDEX messaging_received_files_message ON messaging_received_files (workspace, message_id);
CREATE INDEX messaging_received_files_due ON messaging_received_files (state, due_at)
    WHERE state IN ('waiting', 'removed');
CREATE INDEX messaging_received_files_failed ON messaging_received_files (workspace)
    WHERE state = 'failed';
"""
