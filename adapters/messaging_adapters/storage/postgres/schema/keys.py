"""The columns and the keys of tables, as the migrations make them."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from messaging_adapters.storage.postgres.schema.migrations import MIGRATIONS

_TABLE: Final = re.compile(r"CREATE TABLE (\w+) \(\n(.*?)\n\)", re.DOTALL)
_KEY: Final = re.compile(r"^\s*PRIMARY KEY \(([^)]*)\)", re.MULTILINE)
_COLUMN: Final = re.compile(r"^    ([a-z]\w*) ", re.MULTILINE)
_TYPED: Final = re.compile(r"^    ([a-z]\w*) +(bytea|bigint|text|boolean)\b", re.MULTILINE)
_KEY_COLUMN: Final = re.compile(r"^    (\w+) .*PRIMARY KEY", re.MULTILINE)

Table = tuple[tuple[str, ...], tuple[str, ...]]
"""The columns of a table in their order, and those of its primary key."""


def _tables() -> Iterator[tuple[str, Table]]:
    for _, script in MIGRATIONS:
        for name, body in _TABLE.findall(script):
            key = _KEY.search(body)
            columns = key[1].split(", ") if key else _KEY_COLUMN.findall(body)
            yield name, (tuple(_COLUMN.findall(body)), tuple(columns))


TABLES: Final[Mapping[str, Table]] = dict(_tables())
"""Every table, by its name."""

TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    name: dict(_TYPED.findall(body))
    for _, script in MIGRATIONS
    for name, body in _TABLE.findall(script)
}
"""The type of each column, by table."""
