"""The page of codes lists every code that the source can produce, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from messaging_core.models import FailureCode
from messaging_core.rules.policy.lifecycle import TRANSITIONS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "codes.md").read_text(encoding="utf-8")
LIFECYCLE = (ROOT / "docs" / "explanation" / "lifecycle.md").read_text(encoding="utf-8")

CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
SOURCES = (
    "acceptance",
    "contacts",
    "decisions",
    "errors.py",
    "facade",
    "messenger.py",
    "notifications",
    "receipts",
    "rules",
    "templates",
    "wire",
)
# Codes that are put together from pieces; the first piece is all that can be found.
COMPOSED = {"query.page_token_": {"query.page_token_broken", "query.page_token_foreign"}}


def source_files() -> Iterator[Path]:
    for name in SOURCES:
        path = ROOT / "messaging_core" / name
        yield from path.rglob("*.py") if path.is_dir() else [path]


def codes_in_source() -> set[str]:
    """Return every text in the source that looks like a code."""
    codes = {
        node.value
        for path in source_files()
        if path.name != "__init__.py"  # re-exports, and tables of module names that look alike
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and CODE.fullmatch(node.value)
    }
    for piece, whole in COMPOSED.items():
        assert piece in codes
        codes = codes - {piece} | whole
    return codes


def codes_on_page() -> list[str]:
    rows = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)
    sources = re.findall(r"^\| `pre-processing` \| `([^`]+)`", PAGE, re.MULTILINE)
    return [code for code in rows + sources if CODE.fullmatch(code)]


def test_every_code_is_on_the_page_and_none_is_stale() -> None:
    assert codes_in_source() - set(codes_on_page()) == set()
    assert set(codes_on_page()) - codes_in_source() == set()


def test_every_code_is_listed_once_and_in_the_order_of_the_alphabet() -> None:
    sections = re.split(r"^#+ ", PAGE, flags=re.MULTILINE)
    for section in sections:
        codes = [
            code for code in re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE) if "." in code
        ]
        assert codes == sorted(set(codes)), section.partition("\n")[0]


def test_every_failure_code_is_on_the_page() -> None:
    rows = re.findall(r"^\| (\d{5}) \| `(\w+)` \|", PAGE, re.MULTILINE)

    assert [(int(code), name) for code, name in rows] == [
        (code.value, code.name) for code in FailureCode
    ]


def test_the_table_of_the_lifecycle_is_the_one_in_the_source() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`(\w+)`)? ?\| ?(.*?) ?\|$", LIFECYCLE, re.MULTILINE)

    assert [row for row in rows if row[2] or not row[1]] == [
        (current, to, ", ".join(f"`{cause}`" for cause in sorted(causes)))
        for current, moves in TRANSITIONS.items()
        for to, causes in (moves or {"": ()}).items()
    ]
