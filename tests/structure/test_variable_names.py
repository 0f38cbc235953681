"""Variables are named after what they hold, never with words such as `one` or `found`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NO_NOUNS = {"one", "each", "found", "kept", "wanted"}
FOLDERS = ("messaging_core", "adapters", "tests", "benchmarks", "docs")
NOT_YET = (
    "messaging_core/testing",
    "messaging_core/wire",
)


def variables(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each variable and parameter that a module binds."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def test_variables_of_every_form_are_read() -> None:
    source = "def f(one, *, each=1):\n  for found, x in y: pass\n  [kept for kept in (wanted := z)]"

    assert {name for _, name in variables(source)} >= NO_NOUNS


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_variable_is_named_after_what_it_holds(folder: str) -> None:
    paths = [path.relative_to(ROOT) for path in sorted((ROOT / folder).rglob("*.py"))]
    places = [
        f"{path}:{line}: {name}"
        for path in paths
        if not path.as_posix().startswith(NOT_YET)
        for line, name in variables((ROOT / path).read_text(encoding="utf-8"))
        if name in NO_NOUNS
    ]

    assert places == []
