"""Every statement names the workspace whose rows it takes, or is listed with the reason why not.

A database that is split by workspace sends a statement that names it to one part, and any other to
all parts. `conftest.py` checks every statement that the tests of the contract execute.
"""

import pytest

from statement_scopes import constants, open_tables
from workspace_exceptions import GLOBAL, OF_SQLITE, PARTS, names


@pytest.mark.parametrize("name", sorted(constants().keys() - names(PARTS)))
def test_a_statement_names_the_workspace_or_is_listed(name: str) -> None:
    tables = frozenset[str]().union(*map(open_tables, constants()[name]))

    assert bool(tables) is (name in names(GLOBAL, OF_SQLITE)), tables


def test_the_lists_name_statements_that_exist_and_no_statement_twice() -> None:
    listed = [
        name for group in (GLOBAL, OF_SQLITE, PARTS) for some in group.values() for name in some
    ]

    assert sorted(set(listed)) == sorted(listed)
    assert set(listed) <= constants().keys()


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("SELECT 1 FROM messaging_messages WHERE workspace = $1 AND id = $2", set()),
        ("SELECT 1 FROM messaging_messages WHERE id = $2", {"messaging_messages"}),
        ("SELECT 1 FROM messaging_messages WHERE workspace > $1", {"messaging_messages"}),
        (
            (
                "SELECT 1 FROM messaging_messages WHERE position IN"
                " (SELECT position FROM messaging_tags WHERE workspace = $1)"
            ),
            {"messaging_messages"},
        ),
        (
            (
                "SELECT 1 FROM messaging_messages WHERE workspace = $1 AND position IN"
                " (SELECT position FROM messaging_tags WHERE tag = $2)"
            ),
            {"messaging_tags"},
        ),
        ("SELECT 1 FROM messaging_tags WHERE (workspace, tag) IN (SELECT $1, $2)", set()),
        ("DELETE FROM messaging_tags WHERE tag = $1", {"messaging_tags"}),
        ("UPDATE messaging_outbox SET due_at = $1", {"messaging_outbox"}),
        ("UPDATE messaging_outbox SET workspace = $1", {"messaging_outbox"}),
        ("INSERT INTO messaging_facts VALUES ($1, $2)", {"messaging_facts"}),
        (
            (
                "SELECT 1 FROM messaging_outbox o JOIN messaging_messages m"
                " USING (workspace, position)"
            ),
            {"messaging_outbox", "messaging_messages"},
        ),
        (
            (
                "SELECT 1 FROM messaging_outbox o JOIN messaging_messages m"
                " ON m.workspace = o.workspace AND m.position = o.position"
            ),
            {"messaging_outbox", "messaging_messages"},
        ),
        (
            (
                "SELECT 1 FROM messaging_outbox JOIN unnest($1::bytea[], $2::bigint[])"
                " AS w(workspace, position) USING (workspace, position)"
            ),
            set(),
        ),
        (
            (
                "SELECT 1 FROM messaging_messages m WHERE workspace = $1 AND EXISTS ("
                "SELECT 1 FROM messaging_outbox o WHERE o.workspace = m.workspace)"
            ),
            set(),
        ),
        ("INSERT INTO messaging_tags VALUES ($1, $2, $3)", set()),
    ],
)
def test_a_statement_that_takes_rows_of_any_workspace_is_noticed(
    text: str, tables: set[str]
) -> None:
    assert open_tables(text) == tables
