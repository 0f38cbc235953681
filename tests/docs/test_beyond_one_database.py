"""The page about large numbers computes with what was measured, and counts what is listed."""

import re
from pathlib import Path

from workspace_exceptions import BEFORE_THE_WORKSPACE_IS_KNOWN

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "beyond-one-database.md"
TEXT = PAGE.read_text(encoding="utf-8")
A_MONTH = 1_000_000_000
SECONDS = 30 * 24 * 3600
BUSIEST = 10
"""How many times the average the busiest seconds have."""

NONE = "\N{EN DASH}"

Table = dict[str, list[float]]


def table(mark: str) -> Table:
    """Return the figures of a table by their names, for SQLite and PostgreSQL."""
    lines = TEXT.partition(f"<!-- {mark} -->")[2].strip().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines[2 : lines.index("")]]
    return {
        name: [float(cell.replace(",", "").replace(NONE, "0")) for cell in cells]
        for name, *cells in rows
    }


MEASURED, COMPUTED = table("measured"), table("computed")


def times(name: str, factor: float) -> list[float]:
    """Return measured figures times a number, without what is behind the point."""
    return [round(figure * factor) for figure in MEASURED[name]]


def test_the_page_computes_with_the_figures_it_shows() -> None:
    busiest = A_MONTH / SECONDS * BUSIEST

    assert f"{A_MONTH / SECONDS:.0f} messages a second" in TEXT
    assert {
        "rows": times("rows", A_MONTH),
        "gigabytes kept": times("bytes", A_MONTH / 1e9),
        "gigabytes of the write-ahead log": times("bytes of the write-ahead log", A_MONTH / 1e9),
        "claims": times("claims", A_MONTH),
        "commits, all sent in bulk": times("commits", A_MONTH),
        "commits, all sent one by one": times("commits, sent one by one", A_MONTH),
        "messages in the busiest second": [round(busiest)] * 2,
        "commits in the busiest second, in bulk": times("commits", busiest),
        "commits in the busiest second, one by one": times("commits, sent one by one", busiest),
        "megabytes of log in the busiest second": times(
            "bytes of the write-ahead log", busiest / 1e6
        ),
    } == COMPUTED


def test_its_sentences_repeat_those_figures() -> None:
    (terabytes,) = re.findall(r"A year of such messages is (\d+) terabytes", TEXT)
    (megabytes,) = re.findall(r"(\d+) megabytes a second are within reach", TEXT)
    (claimed,) = re.findall(r"takes about (\d+) messages", TEXT)

    assert int(terabytes) == round(COMPUTED["gigabytes kept"][1] * 12 / 1000)
    assert int(megabytes) == COMPUTED["megabytes of log in the busiest second"][1]
    assert int(claimed) == round(1 / MEASURED["claims"][1])


def test_it_names_the_tables_that_keep_a_key_of_their_own() -> None:
    named = {"short_links": "the codes of short links", "access_keys": "the ids of access keys"}

    assert named.keys() == BEFORE_THE_WORKSPACE_IS_KNOWN.keys()
    assert all(name in " ".join(TEXT.split()) for name in named.values())
