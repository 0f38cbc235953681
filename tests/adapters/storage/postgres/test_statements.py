"""Every statement that SQLite and PostgreSQL share is one that PostgreSQL understands."""

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import psycopg
import pytest

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.postgres import queries as own_queries
from messaging_adapters.storage.postgres import stores as own_stores
from messaging_adapters.storage.postgres.schema.migrations import MIGRATIONS
from messaging_adapters.storage.postgres.statements import LOCKED, OVERRIDES
from messaging_adapters.storage.postgres.translation import translated, translated_with_locks
from messaging_adapters.storage.sql import queries, stores
from messaging_adapters.storage.sql.rows.bulk_insert import BulkInsert
from messaging_adapters.storage.sqlite.schema.constants import MIGRATION_NAMES
from messaging_core.models.delivery.event import EventKind
from messaging_core.testing import an_event
from postgres_server import Schemas

Packages = tuple[ModuleType, ...]
_STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")

# Not executed on PostgreSQL: a store of its own has another statement. Beginnings of statements,
# which a store completes, are no statements.
OWN = {
    "contacts": {"_FIND_SEVERAL", "_ADD", "_ADD_IDENTIFIERS"},
    "due_messages": {"_DUE", "_NEXT_DUE", "_QUEUES", "_SUSPECT", "_SUSPECTS", "_WITH_DUE"},
    "messages": {
        "_ADD_CHANNELS",
        "_ADD_KEY",
        "_DELETE_EXPIRED_KEYS",
        "_LAST_POSITION",
    },
    "outbox": {"_ADD_REFERENCES", "_DOUBT", "_DOUBTED_BEFORE", "_SETTLE", "_START"},
    "retention": {"_ADD_REDACTED"},
    "timeline": {"_APPEND", "_INCREMENT", "_OF_MESSAGE", "_SUBSCRIBE"},
}
"""The statements that PostgreSQL has its own way for, by module."""


# PostgreSQL 14 is the oldest that we support; later versions brought these.
_SUBQUERY = re.compile(r"\b(?:FROM|JOIN)\s*\((?=\s*\(*(?:SELECT|VALUES|WITH)\b)")
_ALIAS = re.compile(
    r"\s*(?:AS\s+)?(?!(?:WHERE|GROUP|ORDER|LIMIT|JOIN|CROSS|ON|USING|UNION)\b)[a-z]\w*"
)
_LATER = re.compile(
    r"\b(?:MERGE INTO|NULLS NOT DISTINCT|IS JSON|JSON_\w+\(|any_value|uuidv7|array_sample"
    r"|array_shuffle|regexp_(?:like|count|instr|substr)|RETURNING (?:old|new)\.|\d_\d)",
)


def statements(packages: Packages = (stores, queries)) -> Iterator[tuple[str, str, str]]:
    """Yield module, name and text of each statement of the stores."""
    for package in packages:
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


def unsupported(text: str) -> list[str]:
    """Return what PostgreSQL 14 does not understand in a statement that its successors do."""
    nameless = [
        text[match.start() :]
        for match in _SUBQUERY.finditer(text)
        if not _ALIAS.match(text, end_of(text, match.end()))
    ]
    return nameless + _LATER.findall(text)


def end_of(text: str, start: int) -> int:
    """Return where the parenthesis ends whose content starts there."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return place + 1
    return len(text)


def test_postgresql_14_understands_what_later_versions_do() -> None:
    shared = {name: translated_with_locks(text).text for _, name, text in SHARED}
    own = {name: text for _, name, text in statements((own_stores, own_queries))}

    for name, text in [*shared.items(), *own.items(), *enumerate(OVERRIDES.values())]:
        assert unsupported(text) == [], name


@pytest.mark.parametrize(
    ("text", "is_understood"),
    [
        ("SELECT count(*) FROM (SELECT 1 FROM a WHERE b IN (1, 2))", False),
        ("SELECT count(*) FROM (SELECT 1 FROM a WHERE b IN (1, 2)) WHERE c", False),
        ("SELECT 1 FROM a JOIN (SELECT 2 AS b) USING (b)", False),
        ("SELECT count(*) FROM (SELECT 1 FROM a WHERE b IN (1, 2)) AS c", True),
        ("SELECT count(*) FROM (SELECT 1 FROM (SELECT 2) a) b WHERE c", True),
        ("SELECT 1 WHERE EXISTS (SELECT 1) AND a IN (SELECT b FROM c)", True),
        ("SELECT any_value(a) FROM b", False),
    ],
)
def test_a_subquery_without_a_name_is_not_for_postgresql_14(
    text: str, *, is_understood: bool
) -> None:
    assert (unsupported(text) == []) is is_understood


def test_every_migration_of_sqlite_has_one_here() -> None:
    # In SQLite the position of a message is the key of its row.
    own = {"0020_workspace_keys"}
    names = [name for name, _ in MIGRATIONS]

    # The first fourteen are one.
    assert [name for name in names[1:] if name not in own] == [*MIGRATION_NAMES[14:]]
    assert sorted(names) == names


def test_what_has_a_statement_of_its_own_is_there() -> None:
    there = {(module, name) for module, name, _ in statements()}

    assert {(module, name) for module, names in OWN.items() for name in names} <= there
    texts = {text for _, _, text in statements()}
    assert {*OVERRIDES, *LOCKED} - texts == set()


def test_roll_ups_of_any_number_of_events_share_few_statements(postgres_schemas: Schemas) -> None:
    dsn = postgres_schemas.take()
    with PostgresStorage(dsn) as storage:
        with storage.begin() as tx:
            tx.timeline.append([an_event(EventKind.REPORTED) for _ in range(40)])
        translated.cache_clear()
        for limit in range(1, 41):
            with storage.begin(read_only=True) as tx:
                assert len(tx.rollups.uncounted(0, limit=limit).events) == limit
        # For 1, 2, 4 to 64 messages two statements each, and one that reads the events.
        assert translated.cache_info().currsize <= 2 * 7 + 1
    postgres_schemas.give_back(dsn)
