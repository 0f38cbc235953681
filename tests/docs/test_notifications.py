"""The page of notifications names a test for each rule, and each of them exists."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "notifications.md").read_text(encoding="utf-8")
TESTS = (ROOT / "tests" / "notifications/test_service.py").read_text(encoding="utf-8")
LAST = 71


def rules_of(cell: str) -> set[int]:
    """Return the numbers in `4, 19, 56` or `20-22`."""
    return {
        number
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", cell)
        for number in range(int(first), int(last or first) + 1)
    }


def test_each_rule_names_a_test_that_exists() -> None:
    names = re.findall(
        r"^\| [\d, -]+ \|.*`notifications/test_service\.py::(test_\w+)` \|$", PAGE, re.MULTILINE
    )

    assert [name for name in names if f"def {name}(" not in TESTS] == []
    assert len(names) > 30


def test_every_rule_has_a_row_or_is_said_to_belong_elsewhere() -> None:
    rows = re.findall(r"^\| ([\d, -]+) \|", PAGE, re.MULTILINE)
    elsewhere = re.findall(r"\(([\d, -]+)\)", PAGE)

    numbers = set().union(*map(rules_of, [*rows, *elsewhere]))
    assert set(range(1, LAST + 1)) - numbers == set()


def test_every_test_of_a_rule_stands_for_that_rule() -> None:
    named = set(re.findall(r"^def (test_rules?_\w+)\(", TESTS, re.MULTILINE))
    firsts = {int(match[1]) for name in named if (match := re.match(r"test_rules?_(\d+)", name))}
    rows = re.findall(r"^\| ([\d, -]+) \|", PAGE, re.MULTILINE)

    assert firsts - set().union(*map(rules_of, rows)) == set()
