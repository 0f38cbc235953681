"""No table and no column is forgotten, and each value arrives as it was."""

from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.storage.postgres.schema.keys import TABLES as POSTGRES_TABLES
from messaging_adapters.storage.transfer import export_storage, import_storage
from messaging_adapters.storage.transfer.tables import FACTS, LEFT_OUT, TABLES
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.contracts.storage.steps import AT
from transfer_databases import ROWS, SQLITE, AnyStorage, Make, contents, fill

OWN_COLUMNS = {
    "messaging_received_files.position",  # SQLite: given by it, and not read
    "messaging_channels.shard",  # PostgreSQL: which of several equal rows
    "messaging_counters.shard",  # PostgreSQL: which of several summands
    "messaging_subjects.words",  # PostgreSQL: the words of the subject
    "messaging_subjects.subject",
    "messaging_subjects.workspace",  # SQLite: it is in the message
    "messaging_documents.workspace",
}
EXPORTED = {table.name: set(table.columns) for table in TABLES}


@pytest.mark.parametrize(
    "there", [SQLITE, {name: columns for name, (columns, _) in POSTGRES_TABLES.items()}]
)
def test_no_table_and_no_column_is_forgotten(there: dict[str, Any]) -> None:
    left_out = {
        name for name in there if name in LEFT_OUT or name.startswith("messaging_subjects_fts_")
    }

    assert there.keys() - left_out - {FACTS} == EXPORTED.keys()
    for name, columns in EXPORTED.items():
        differing = {f"{name}.{column}" for column in columns ^ set(there[name])}
        assert differing <= OWN_COLUMNS


def test_nothing_is_left_out_that_is_nowhere() -> None:
    assert LEFT_OUT.keys() <= SQLITE.keys() | POSTGRES_TABLES.keys() | {"messaging_migrations"}


def moved(source: Storage, target: AnyStorage, file: Path) -> AnyStorage:
    """Move everything, and return where it is."""
    rows = export_storage(source, file, now=AT)
    assert import_storage(target, file, now=AT) == rows
    return target


def test_every_value_arrives_in_postgresql_and_comes_back(
    sqlite: Make, postgres: Make, tmp_path: Path
) -> None:
    first = sqlite()
    fill(first)
    before = contents(first)
    assert all(len(before[table.name]) == ROWS for table in TABLES)

    second = moved(first, postgres(), tmp_path / "1.export")
    assert contents(second) == before
    third = moved(second, postgres(), tmp_path / "2.export")
    assert contents(third) == before
    fourth = moved(third, sqlite(), tmp_path / "3.export")
    assert contents(fourth) == before
    assert contents(moved(fourth, sqlite(), tmp_path / "4.export")) == before
