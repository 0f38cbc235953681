"""The shared statements in the SQL of PostgreSQL, each translated once and then remembered."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson
from attrs import evolve

from messaging_adapters.storage.postgres.schema.keys import TABLES, TYPES
from messaging_adapters.storage.postgres.statements import LOCKED, OVERRIDES
from messaging_adapters.storage.sql.cursor import Values
from messaging_core.lazy import frozen


@frozen
class Statement:
    """A statement as PostgreSQL reads it.

    Attributes:
        text: Its SQL, with `$1` for the first value.
        lists: The places of the values that are lists, written as JSON for SQLite.
        names: The names of its values, where they are given by name.
    """

    text: str
    lists: tuple[int, ...]
    names: tuple[str, ...] = ()

    def bind(self, values: Values) -> Sequence[Any]:
        """Return the values as the driver takes them."""
        if isinstance(values, Mapping):
            values = [values[name] for name in self.names]
        if not self.lists:
            return values
        bound = list(values)
        for place in self.lists:
            if isinstance(bound[place], str):
                bound[place] = orjson.loads(bound[place])
        return bound


@lru_cache(maxsize=4096)
def translated(sql: str) -> Statement:
    """Translate a statement that SQLite and PostgreSQL share.

    Statements are constants of modules, so each is translated once. What no rule here covers is
    written for PostgreSQL in a store of its own.
    """
    if (text := OVERRIDES.get(sql)) is not None:
        return Statement(text, _lists(text), _names(sql))
    text = _numbered(sql)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _with_conflicts(text)
    return Statement(text, _lists(text), _names(sql))


@lru_cache(maxsize=4096)
def translated_with_locks(sql: str) -> Statement:
    """Translate a statement for a transaction that writes: what it reads it may replace."""
    statement = translated(sql)
    lock = LOCKED.get(sql)
    return evolve(statement, text=f"{statement.text} {lock}") if lock else statement


@frozen
class Insertion:
    """How rows are inserted into one table.

    Attributes:
        row: The statement for one row.
        arrays: The statement for many, with an array of the values of each column.
        types: The type of each column.
        key_size: By how many of their first values to order them.
    """

    row: str
    arrays: str
    types: tuple[str, ...]
    key_size: int


@lru_cache(maxsize=256)
def insertion(into: str, size: int, *, ignores: bool) -> Insertion:
    """Return how to insert rows.

    Args:
        into: The table, and which columns where it is not all of them.
        size: How many columns are given; the others have their defaults.
        ignores: Whether a row whose key is there stays as it is.
    """
    table, _, listed = into.partition(" (")
    columns, key = TABLES[table]
    columns = tuple(listed.rstrip(")").split(", ")) if listed else columns[:size]
    marks = [f"${place}" for place in range(1, size + 1)]
    types = tuple(TYPES[table][column] for column in columns)
    arrays = ", ".join(f"{mark}::{kind}[]" for mark, kind in zip(marks, types, strict=True))
    start = f"INSERT INTO {table} ({', '.join(columns)})"
    end = " ON CONFLICT DO NOTHING" if ignores else ""
    return Insertion(
        f"{start} VALUES ({', '.join(marks)}){end}",
        f"{start} SELECT * FROM unnest({arrays}){end}",  # noqa: S608 - no input
        types,
        len(key) if columns[: len(key)] == key else 0,
    )


@lru_cache(maxsize=256)
def together(*parts: tuple[str, int]) -> str:
    """Return one statement for several, each of another table.

    Args:
        parts: Each statement, and how many values it has.
    """
    *first, last = _shifted(parts)
    with_parts = ", ".join(f"part{place} AS ({text})" for place, text in enumerate(first))
    return f"WITH {with_parts} {last}" if first else last


def _shifted(parts: Sequence[tuple[str, int]]) -> Iterator[str]:
    """Let the values of each statement follow those of the statements before it."""
    before = 0
    for text, size in parts:
        yield _MARK.sub(lambda match, before=before: f"${int(match[1]) + before}", text)  # type: ignore[misc]
        before += size


_MARK: Final = re.compile(r"\$(\d+)")


def _names(sql: str) -> tuple[str, ...]:
    """Return the names of values in the order in which they first stand in a statement."""
    return tuple(dict.fromkeys(match[2] for match in _PLACE.finditer(sql) if match[2]))


def _lists(text: str) -> tuple[int, ...]:
    return tuple({int(number) - 1 for number in _LIST.findall(text)})


_LIST: Final = re.compile(r"\$(\d+)::(?:bigint|text)\[\]")
_PLACE: Final = re.compile(r"'[^']*'|\?(\d*)|(?<![:\w]):([a-z]\w*)")


def _numbered(sql: str) -> str:
    """Give each question mark its number, as SQLite counts them."""
    last, names = 0, _names(sql)

    def place(match: re.Match[str]) -> str:
        nonlocal last
        if match[0].startswith("'"):
            return match[0]
        if match[2]:
            return f"${names.index(match[2]) + 1}"
        number = int(match[1]) if match[1] else last + 1
        last = max(last, number)
        return f"${number}"

    return _PLACE.sub(place, sql)


_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def _rule(pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> _Rule:
    return re.compile(pattern), replacement


def _is_any(match: re.Match[str]) -> str:
    kind = "bigint" if match[1] in _NUMBERS else "text"
    return f"{match[0][: match.start(2) - match.start()]}= ANY({match[3]}::{kind}[])"


_NUMBERS: Final = {"position", "o.position", "m.position"}

# SQLite reads a `max` of two values as PostgreSQL reads `greatest`. Joins are written CROSS JOIN
# so that SQLite keeps their order; PostgreSQL has statistics to choose it by.
_RULES: Final[tuple[_Rule, ...]] = (
    _rule(r"([\w.]+) (IN \(SELECT value FROM json_each\((\$\d+)\)\))", _is_any),
    _rule(r"FROM json_each\((\$\d+)\) AS wanted\b", r"FROM unnest(\1::text[]) AS wanted(value)"),
    _rule(r"CROSS JOIN (\w+(?: (?!USING|ON)\w+)?) (USING|ON)\b", r"JOIN \1 \2"),
    _rule(r" INDEXED BY \w+", ""),
    # In SQLite, the document of a message has no workspace.
    _rule(r"\b(messaging_documents d ON) (d\.position)", r"\1 d.workspace = m.workspace AND \2"),
    _rule(r"\b(messaging_documents WHERE) (position = \$2)$", r"\1 workspace = $1 AND \2"),
    _rule(r"\bmax\((?=value,|at,)", "greatest("),
    _rule(r"\bifnull\(", "coalesce("),
    _rule(r"\biif\(length\(([\w.]+)\), ", r"CASE WHEN length(\1) > 0 THEN "),
    _rule(r"\biif\((\$\d+), 0, (.*)\)\)$", r"CASE WHEN \1 THEN 0 ELSE \2 END)"),
    _rule(r"(THEN [\w.]+), ([\w.]+)\)", r"\1 ELSE \2 END"),
    _rule(r"group_concat\(hex\(([\w.]+)\)\)", r"string_agg(encode(\1, 'hex'), ',')"),
    _rule(r"LIMIT -1\b", "LIMIT ALL"),
    _rule(r"LIMIT (\$\d+)", r"LIMIT nullif(greatest(\1, -1), -1)"),
    _rule(r" IN \(\)", " IN (NULL)"),
    _rule(
        r"^SELECT max\(position\), (.*) GROUP BY (.*)$",
        r"SELECT DISTINCT ON (\2) position, \1 ORDER BY \2, position DESC",
    ),
    _rule(r"\(leased_until IS NOT NULL\)", "(leased_until IS NOT NULL)::int"),
    _rule(r"\bCAST\(m\.state AS BLOB\)", "m.state"),
    _rule(r"INSERT OR FAIL INTO", "INSERT INTO"),
)

_IGNORED: Final = re.compile(r"^INSERT OR IGNORE INTO")
_REPLACED: Final = re.compile(r"^INSERT OR REPLACE INTO (\w+)(?: \(([^)]*)\))?")
# SQLite takes a column without a table for that of the row which is there.
_UPDATES: Final = (
    (re.compile(r"\b(\w+) \+ excluded\."), r"{table}.\1 + excluded."),
    (re.compile(r"\b(?:max|greatest)\((\w+), excluded\."), r"greatest({table}.\1, excluded."),
    (re.compile(r"\bmin\((\w+), excluded\."), r"least({table}.\1, excluded."),
)
_UPSERT: Final = re.compile(r"^(INSERT INTO (\w+).*) ON CONFLICT DO UPDATE", re.DOTALL)


def _with_conflicts(text: str) -> str:
    """Name the key that a row may meet, which SQLite finds by itself."""
    if _IGNORED.match(text):
        return f"{_IGNORED.sub('INSERT INTO', text)} ON CONFLICT DO NOTHING"
    if match := _REPLACED.match(text):
        columns, key = TABLES[match[1]]
        names = match[2].split(", ") if match[2] else columns
        rest = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
        end = f"DO UPDATE SET {rest}" if rest else "DO NOTHING"
        text = text.replace("INSERT OR REPLACE", "INSERT", 1)
        return f"{text} ON CONFLICT ({', '.join(key)}) {end}"
    if match := _UPSERT.match(text):
        key = TABLES[match[2]][1]
        for pattern, replacement in _UPDATES:
            text = pattern.sub(replacement.format(table=match[2]), text)
        return _UPSERT.sub(rf"\1 ON CONFLICT ({', '.join(key)}) DO UPDATE", text)
    return text
