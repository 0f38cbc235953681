"""Which tables a statement reads or writes without naming a workspace."""

import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module

import sqlglot
from sqlglot import exp

from messaging_adapters.storage import postgres, sql
from messaging_adapters.storage.postgres.schema.keys import TABLES
from messaging_adapters.storage.postgres.translation import translated, translated_with_locks
from messaging_adapters.storage.sql.rows.bulk_insert import BulkInsert

STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b.*\bmessaging_", re.DOTALL)
_SCOPES = (exp.Select, exp.Update, exp.Delete, exp.Insert)
_LITERAL = re.compile(r"'[^']*'")
_WORKSPACE = "workspace"
_BOTH = 2


@cache
def open_tables(text: str) -> frozenset[str]:
    """Return the tables of which a statement, or a part of it, may take rows of all workspaces.

    A part names a workspace where a condition of its own says what it equals, or is one of; an
    insertion where it is one of the columns. That two of its tables have the same says nothing.
    """
    tree = sqlglot.parse_one(text, read="postgres")
    return frozenset(table for node in tree.walk() for table in _open(node))


def _open(node: exp.Expression) -> set[str]:
    if isinstance(node, exp.Insert):
        return _inserted_without(node)
    if not isinstance(node, _SCOPES) or any(_names(node, part) for part in _conditions(node)):
        return set()
    return {table.name for table in _tables(node)}


def _inserted_without(node: exp.Insert) -> set[str]:
    into = node.this
    table = into.this if isinstance(into, exp.Schema) else into
    columns = [column.name for column in into.expressions] or TABLES[table.name][0]
    return set() if _WORKSPACE in columns else {table.name}


def _sources(node: exp.Expression) -> Iterator[exp.Expression]:
    """Yield what a part itself takes rows from, not its subqueries."""
    for key in ("this", "from", "from_", "using", "joins"):
        value = node.args.get(key)
        for source in value if isinstance(value, list) else [value]:
            inner = source.this if isinstance(source, exp.From | exp.Join) else source
            if isinstance(inner, exp.Expression):
                yield inner


def _tables(node: exp.Expression) -> Iterator[exp.Table]:
    """Yield the tables of a part that are in the database."""
    for source in _sources(node):
        if isinstance(source, exp.Table) and source.name in TABLES:
            yield source


def _conditions(node: exp.Expression) -> Iterator[exp.Expression]:
    has_others = len(list(_tables(node))) < len(list(_sources(node)))
    for join in node.args.get("joins") or ():
        yield from (join.args.get("using") or ()) if has_others else ()
        if on := join.args.get("on"):
            yield on
    if where := node.args.get("where"):
        yield where


def _names(node: exp.Expression, part: exp.Expression) -> bool:
    if isinstance(part, exp.Identifier | exp.Column):
        return part.name == _WORKSPACE
    return any(
        column.name == _WORKSPACE
        and column.find_ancestor(*_SCOPES) is node
        and _is_compared(column, node)
        for column in part.find_all(exp.Column)
    )


def _is_compared(column: exp.Column, node: exp.Expression) -> bool:
    parent = column.parent
    while isinstance(parent, exp.Tuple | exp.Paren):
        parent = parent.parent
    if not isinstance(parent, exp.EQ):
        return isinstance(parent, exp.In)
    sides = {side.table for side in (parent.left, parent.right) if isinstance(side, exp.Column)}
    own = {table.alias_or_name for table in _tables(node)}
    return len(sides) < _BOTH or not sides <= own


@cache
def constants() -> dict[str, frozenset[str]]:
    """Return the texts of every constant that is a statement, by module and name."""
    texts: dict[str, set[str]] = {}
    for package in (sql, postgres):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = import_module(info.name)
            if ".schema" in info.name:
                continue
            for name, value in vars(module).items():
                text = value._one if isinstance(value, BulkInsert) else value
                if isinstance(text, str) and is_whole(text):
                    key = f"{info.name.rpartition('.')[2]}.{name}"
                    texts.setdefault(key, set()).update(_forms(text))
    return {key: frozenset(forms) for key, forms in texts.items()}


def is_whole(text: str) -> bool:
    """Return whether a text is a statement, and not the template of one."""
    return bool(STATEMENT.match(text)) and "{" not in _LITERAL.sub("", text)


def _forms(text: str) -> set[str]:
    if "?" not in text and "$" in text:
        return {text}
    return {translated(text).text, translated_with_locks(text).text}
