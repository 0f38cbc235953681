"""The columns and the keys of tables, as the migrations make them."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from messaging_adapters.storage.postgres.schema.migrations import MIGRATIONS

_TABLE: Final = re.compile(r"CREATE TABLE (\w+) \(\n(.*?)\n\)", re.DOTALL)
_KEY: Final = re.compile(r"^\s*PRIMARY KEY \(([^)]*)\)", re.MULTILINE)
_COLUMN: Final = re.compile(r"^    ([a-z]\w*) ", re.MULTILINE)
_TYPED: Final = re.compile(r"^    ([a-z]\w*) +(bytea|bigint|text|boolean)\b", re.MULTILINE)
_ADDED: Final = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+) (\w+)")
_NEW_KEY: Final = re.compile(
    r"CREATE UNIQUE INDEX IF NOT EXISTS \w+ ON (\w+) \(([^)]*)\)"
    r"|ALTER TABLE (\w+) ADD PRIMARY KEY \(([^)]*)\)"
)
_KEY_COLUMN: Final = re.compile(r"^    (\w+) .*PRIMARY KEY", re.MULTILINE)

Table = tuple[tuple[str, ...], tuple[str, ...]]
"""The columns of a table in their order, and those of its primary key."""


def _tables() -> Iterator[tuple[str, Table]]:
    for _, script in MIGRATIONS:
        for name, body in _TABLE.findall(script):
            key = _KEY.search(body)
            columns = key[1].split(", ") if key else _KEY_COLUMN.findall(body)
            yield name, (tuple(_COLUMN.findall(body)), tuple(columns))


def _later(tables: dict[str, Table]) -> dict[str, Table]:
    """Return the tables with the columns and keys that later migrations gave them."""
    for _, script in MIGRATIONS:
        for name, column, _ in _ADDED.findall(script):
            columns, key = tables[name]
            tables[name] = ((*columns, column), key)
        for match in _NEW_KEY.finditer(script):
            name = match[1] or match[3]
            tables[name] = (tables[name][0], tuple((match[2] or match[4]).split(", ")))
    return tables


TABLES: Final[Mapping[str, Table]] = _later(dict(_tables()))
"""Every table, by its name."""


def _types() -> dict[str, dict[str, str]]:
    types: dict[str, dict[str, str]] = {}
    for _, script in MIGRATIONS:
        for name, body in _TABLE.findall(script):
            types[name] = dict(_TYPED.findall(body))
        for name, column, kind in _ADDED.findall(script):
            types[name][column] = kind
    return types


TYPES: Final[Mapping[str, Mapping[str, str]]] = _types()
"""The type of each column, by table."""
