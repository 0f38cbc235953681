"""The tables, as numbered migrations that only go forward: a module for each."""

import sqlite3

from sqlite_utils import Database

from messaging_adapters.storage.sqlite.schema.migrations import (  # noqa: F401 - they register in this order
    m0001_messages,
    m0002_fairness,
    m0003_log,
    m0004_crashes,
    m0005_idempotency_window,
    m0006_directory,
    m0007_sendings,
    m0008_retention,
    m0009_content,
    m0010_identities,
    m0011_bulkheads,
    m0012_documents,
    m0013_receipt_failures,
    m0014_webhooks,
    m0015_access_keys,
    m0016_rollups,
    m0017_received_files,
    m0018_request_webhooks,
    m0019_audit,
    m0021_workers,
    m0022_expired_records,
)
from messaging_adapters.storage.sqlite.schema.migrations.registry import migrations

__all__ = ["apply", "migrations"]


def apply(connection: sqlite3.Connection) -> None:
    """Apply what is missing, in the transaction that is open, and change no settings."""
    migrations.apply(Database(connection, recursive_triggers=False, execute_plugins=False))
