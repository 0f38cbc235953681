"""The pages of limits and platforms say what the source says."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

import messaging_core.rules
from messaging_core.models import Action, Body
from messaging_core.rules.formats import platforms

ROOT = Path(__file__).resolve().parents[2]
LIMITS = (ROOT / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")
PLATFORMS = (ROOT / "docs" / "reference" / "platforms.md").read_text(encoding="utf-8")

ROWS = re.findall(r"^\| .+ \| ([\d,]+) ?(\w*) \| `(.+)` \| .+ \|$", LIMITS, re.MULTILINE)
SPANS = {"minutes", "hours", "days", "weeks"}


def constant(name: str) -> Any:
    """Return the value of a name on the page."""
    path, key = re.fullmatch(r'([\w.]+)(?:\["(\w+)"\])?', name).groups()  # type: ignore[union-attr]
    module, *attributes = re.split(r"\.(?=[A-Z])", path, maxsplit=1)
    value: Any = importlib.import_module(f"messaging_core.{module}")
    for attribute in attributes[0].split("."):
        value = getattr(value, attribute)
    return value[key] if key else value


def constants_of_rules() -> Iterator[str]:
    """Yield the limits in `messaging_core.rules`: whole numbers and spans with a name of caps."""
    for info in pkgutil.walk_packages(messaging_core.rules.__path__, "messaging_core.rules."):
        module = importlib.import_module(info.name)
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        for name, value in vars(module).items():
            is_limit = isinstance(value, int | timedelta) and not isinstance(value, bool)
            if is_limit and re.search(rf"^{name}: Final", source, re.MULTILINE):
                yield f"{info.name.removeprefix('messaging_core.')}.{name}"


@pytest.mark.parametrize(("number", "unit", "name"), ROWS)
def test_a_limit_on_the_page_is_the_one_in_the_source(number: str, unit: str, name: str) -> None:
    value = int(number.replace(",", ""))

    assert constant(name) == (timedelta(**{unit: value}) if unit in SPANS else value)


def test_every_limit_of_the_rules_is_on_the_page() -> None:
    public = {name for name in constants_of_rules() if not name.rpartition(".")[2].startswith("_")}

    assert public - {name for _, _, name in ROWS} == set()
    assert len(public) > 30


def table(heading: str) -> dict[str, dict[str, bool]]:
    """Return a table of the page of platforms: for each row, whether a platform carries it."""
    section = PLATFORMS.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    header, *rows = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    names = [cell.strip("` ") for cell in header.split("|")][1:]
    return {
        row.split("|")[0].strip("` "): {
            name: cell.strip().startswith("yes")
            for name, cell in zip(names, row.split("|")[1:], strict=True)
        }
        for row in rows
        if not row.startswith("---")
    }


@pytest.mark.parametrize(
    ("heading", "kinds", "carried"),
    [
        ("Bodies", Body, platforms.BODY_TYPES),
        ("Actions", Action, platforms.ACTION_TYPES),
    ],
)
def test_each_platform_carries_what_the_page_says(
    heading: str, kinds: Any, carried: dict[str, tuple[str, ...]]
) -> None:
    assert table(heading) == {
        kind.type: {name: kind.type in types for name, types in carried.items()}
        for kind in get_args(kinds)
    }


def test_each_platform_carries_attachments_as_the_page_says() -> None:
    assert table("Attachments")["attachments"] == {
        name: name not in platforms.WITHOUT_ATTACHMENTS for name in platforms.BODY_TYPES
    }
