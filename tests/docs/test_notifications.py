"""The page of notifications names a test for each rule, and each of them exists."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "notifications.md").read_text(encoding="utf-8")
TESTS = (ROOT / "tests" / "test_notify.py").read_text(encoding="utf-8")
LAST = 71


def rules_of(cell: str) -> set[int]:
    """Return the numbers in `4, 19, 56` or `20-22`."""
    return {
        number
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", cell)
        for number in range(int(first), int(last or first) + 1)
    }


def test_each_rule_names_a_test_that_exists() -> None:
    names = re.findall(r"^\| [\d, -]+ \|.*`test_notify\.py::(test_\w+)` \|$", PAGE, re.MULTILINE)

    assert [name for name in names if f"def {name}(" not in TESTS] == []
    assert len(names) > 30


def test_every_rule_has_a_row_or_is_said_to_belong_elsewhere() -> None:
    rows = re.findall(r"^\| ([\d, -]+) \|", PAGE, re.MULTILINE)
    elsewhere = re.findall(r"\(([\d, -]+)\)", PAGE)

    found = set().union(*map(rules_of, [*rows, *elsewhere]))
    assert set(range(1, LAST + 1)) - found == set()


def test_every_test_of_a_rule_has_that_rule_on_the_page() -> None:
    rows = dict(re.findall(r"`test_notify\.py::(test_\w+)`()", PAGE))
    named = set(re.findall(r"^def (test_rules?_\w+)\(", TESTS, re.MULTILINE))
    numbers = {int(one) for name in named for one in re.findall(r"_(\d+)(?=_|$)", name)[:1]}
    listed = {
        number
        for row in re.findall(r"^\| ([\d, -]+) \|", PAGE, re.MULTILINE)
        for number in rules_of(row)
    }

    assert rows
    assert numbers - listed == set()
