"""Every statement that the tests of the contract execute is looked at."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from statement_scopes import STATEMENT, constants, open_tables
from workspace_exceptions import GLOBAL, is_made, names


@pytest.fixture(scope="session")
def executed() -> Iterator[set[str]]:
    """Return the statements that stores execute, as they come."""
    texts: set[str] = set()
    patch = pytest.MonkeyPatch()
    for name in ("execute", "executemany"):
        call = getattr(psycopg.RawCursor, name)

        def noted(self: Any, text: str, *arguments: Any, call: Any = call, **options: Any) -> Any:
            texts.add(text)
            return call(self, text, *arguments, **options)

        patch.setattr(psycopg.RawCursor, name, noted)
    yield texts
    patch.undo()


@pytest.fixture
def statements_name_a_workspace(executed: set[str]) -> Iterator[None]:
    """Fail the test that executes a statement which names no workspace and is not listed."""
    yield
    listed = {text for name in names(GLOBAL) for text in constants()[name]}
    texts = {text for text in executed if STATEMENT.match(text)} - listed
    executed.clear()

    assert [text for text in texts if open_tables(text) and not is_made(text)] == []
