"""Every statement that SQLite and PostgreSQL share is one that PostgreSQL understands."""

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module

import psycopg
import pytest

from messaging_adapters.storage.postgres.dialect import translated, translated_with_locks
from messaging_adapters.storage.postgres.schema.migrations import MIGRATIONS
from messaging_adapters.storage.postgres.statements import LOCKED, OVERRIDES
from messaging_adapters.storage.sqlite import queries, stores
from messaging_adapters.storage.sqlite.rows.bulk_insert import BulkInsert
from messaging_adapters.storage.sqlite.schema.constants import MIGRATION_NAMES
from postgres_server import Schemas

_STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")

# Not executed on PostgreSQL: a store of its own has another statement. Beginnings of statements,
# which a store completes, are no statements.
OWN = {
    "contacts": {"_FIND_SEVERAL", "_ADD", "_ADD_IDENTIFIERS"},
    "due_messages": {"_DUE", "_NEXT_DUE", "_QUEUES", "_SUSPECT", "_SUSPECTS", "_WITH_DUE"},
    "filters": {"_SUBJECT"},
    "messages": {
        "_ADD_CHANNELS",
        "_ADD_KEY",
        "_ADD_SUBJECTS",
        "_DELETE_EXPIRED_KEYS",
        "_LAST_POSITION",
    },
    "outbox": {"_CANCEL", "_DOUBT", "_DOUBTED_BEFORE"},
    "receipts": {"_KEEP"},
    "retention": {"_ADD_REDACTED"},
    "timeline": {"_APPEND", "_INCREMENT", "_OF_MESSAGE", "_SUBSCRIBE"},
}
"""The statements that PostgreSQL has its own way for, by module."""


def statements() -> Iterator[tuple[str, str, str]]:
    """Yield module, name and text of each statement of the stores."""
    for package in (stores, queries):
        for info in pkgutil.iter_modules(package.__path__):
            module = import_module(f"{package.__name__}.{info.name}")
            for name, value in vars(module).items():
                if isinstance(value, BulkInsert):
                    yield info.name, name, value._one
                elif isinstance(value, str) and _STATEMENT.match(value) and name[0] != "S":
                    yield info.name, name, value


SHARED = [
    (module, name, text)
    for module, name, text in statements()
    if name not in OWN.get(module, ()) and "{" not in text
]


@pytest.fixture(scope="module")
def connection(postgres_schemas: Schemas) -> Iterator[psycopg.Connection]:
    dsn = postgres_schemas.take()
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection
    postgres_schemas.give_back(dsn)


@pytest.mark.parametrize(("module", "name", "text"), SHARED, ids=lambda value: value[:30])
def test_a_shared_statement_is_understood(
    module: str, name: str, text: str, connection: psycopg.Connection
) -> None:
    for statement in {translated(text).text, translated_with_locks(text).text}:
        connection.execute(f"PREPARE messaging_test AS {statement}")
        connection.execute("DEALLOCATE messaging_test")
    assert "json_each" not in translated(text).text, (module, name)


def test_every_migration_of_sqlite_has_one_here() -> None:
    # The first fourteen are one.
    assert [name for name, _ in MIGRATIONS][1:] == [*MIGRATION_NAMES[14:]]


def test_what_has_a_statement_of_its_own_is_there() -> None:
    there = {(module, name) for module, name, _ in statements()}

    assert {(module, name) for module, names in OWN.items() for name in names} <= there
    texts = {text for _, _, text in statements()}
    assert {*OVERRIDES, *LOCKED} - texts == set()
