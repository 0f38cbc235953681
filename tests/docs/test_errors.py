"""Every error of the tree has a section, to which it points."""

import ast
import re
from pathlib import Path

import pytest

from messaging_core import errors
from messaging_core.errors import MessagingError, StorageError, UnknownChannelError

ROOT = Path(__file__).resolve().parents[2]
PAGE = "docs/reference/errors.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
HEADINGS = re.findall(r"^## (\w+)$", TEXT, re.MULTILINE)
QUOTES = re.findall(r"^> (.+)$", TEXT, re.MULTILINE)
OF_SQLITE = ("database is locked", "database or disk is full", "database disk image is malformed")
TREE = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, MessagingError)
]


def test_every_error_has_one_section_in_the_order_of_the_tree() -> None:
    _, drawing, _ = (errors.__doc__ or "").split("```")

    assert re.findall(r"^[│├└─ ]*(\w+)", drawing, re.MULTILINE) == HEADINGS
    assert sorted(HEADINGS) == sorted(kind.__name__ for kind in TREE)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_an_error_points_at_its_section(kind: type[MessagingError]) -> None:
    page, _, anchor = kind.see.partition("#")

    assert page == PAGE
    assert anchor == ("" if kind is MessagingError else kind.__name__.lower())


def texts_in_source() -> str:
    """Return all texts of the source, one a line; a value in a text becomes a line break."""
    nodes = (
        node
        for package in ("messaging_core", "adapters")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )
    return "\n".join(
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_every_quoted_text_is_one_of_ours() -> None:
    source = texts_in_source() + "\n".join(OF_SQLITE)
    # A place, a number, a code in brackets, and the place of a value are no text of ours.
    pieces = {
        piece.strip(" :,.;")
        for quote in QUOTES
        for piece in re.split(r"…|^/\S*: |^\S+: \[\S+\] |[\[\]]|'[^']*'|[0-9][0-9a-f-]*", quote)
    }

    assert len(QUOTES) > 20
    assert [piece for piece in pieces if piece not in source] == []


def test_a_traceback_ends_with_the_section_and_the_text_stays_as_it_is() -> None:
    error = UnknownChannelError("orders", ["support"])

    assert str(error) == "no channel 'orders'; there are: support"
    assert error.__notes__ == ["see docs/reference/errors.md#unknownchannelerror"]


def test_an_error_of_a_host_points_at_its_branch() -> None:
    class ShopStorageError(StorageError):
        pass

    assert ShopStorageError("full").see == StorageError.see
