"""The page of benchmarks says what the benchmarks recorded."""

import sys
from pathlib import Path

import pytest
from attrs import evolve

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
from _page import PAGE, RESULTS, SECTIONS, load, render
from _report import Comparison, Report, Run, read
from _run import chosen, destination

RUN = Run(
    command="python benchmarks/accept_matrix.py --database=sqlite",
    date="2026-01-05 09:00",
    seconds=61.4,
    commit="0123456789",
    others=0.02,
    fsync_ms=0.25,
    machine={"Processor": "one, 2 cores", "SQLite": "3.40.1"},
)
SENDS = Comparison(
    table="Accept: SQLite",
    case="1 message a transaction, 1 thread",
    unit="messages/s",
    ours=(1200, 1000, 900),
    peer="raw driver",
    theirs=(1500, 2000, 1000),
    at_least=0.7,
)


def test_the_page_is_made_of_what_was_recorded() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(load()), "run python benchmarks/_page.py"


def test_every_part_was_recorded_and_no_other() -> None:
    results = load()

    required = {part.name for section in SECTIONS for part in section.parts if not part.on_request}
    on_request = {part.name for section in SECTIONS for part in section.parts if part.on_request}
    assert required <= results.keys() <= required | on_request
    assert [name for name, (_, comparisons) in results.items() if not comparisons] == []


def test_a_table_has_medians_spread_and_whether_the_goal_is_kept() -> None:
    page = render({"accept-sqlite": (RUN, [SENDS])})

    assert (
        "| Case | Ours, messages/s | Raw driver, messages/s | Ratio | From | To | Goal |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| 1 message a transaction, 1 thread | 1,000 | 1,500 | 0.80 | 0.50 | 0.90 | at least 0.7 |"
    ) in page
    assert "$ python benchmarks/accept_matrix.py --database=sqlite\n" in page
    assert "| accept-sqlite | 2026-01-05 09:00 | 61 s | `0123456789` | 2% | 0.25 ms |" in page
    assert "| SQLite | 3.40.1 |" in page
    assert "{warning}" not in page


def test_a_goal_that_the_median_misses_is_named() -> None:
    slow = Comparison(
        table="Growth",
        case="1,000,000 messages",
        unit="ms",
        ours=(3,),
        peer="1,000 messages",
        theirs=(2,),
        at_most=1.2,
        remark="by the index of tags",
        name="this size",
    )

    page = render({"accept-sqlite": (RUN, [slow])})

    assert "| Case | This size, ms | 1,000 messages, ms | Ratio |" in page
    assert "| 1.50 | 1.50 | 1.50 | at most 1.2, missed | by the index of tags |" in page


def test_the_page_says_what_was_not_measured_and_which_runs_were_disturbed() -> None:
    busy = evolve(RUN, others=0.8)

    page = render({"accept-postgres": (busy, [SENDS])})

    assert 'Not measured: `make bench ARGS="--section accept-sqlite"`.' in page
    assert "busy at these runs: accept-postgres." in page


def test_versions_that_differ_between_runs_are_all_named() -> None:
    newer = evolve(RUN, machine={"SQLite": "3.53.0"}, others=None, commit="")

    page = render({"accept-sqlite": (RUN, []), "accept-postgres": (newer, [])})

    assert "| SQLite | 3.40.1; 3.53.0 |" in page


def test_what_a_script_reports_is_read_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "accept-sqlite.jsonl"
    report = Report(["/somewhere/accept_matrix.py", "--rounds=3", f"--report={path}"])
    report.note({"PostgreSQL": "18.6"})
    report.add(SENDS)
    report.write()

    run, comparisons = read(path)

    assert comparisons == [SENDS]
    assert run.command == "python benchmarks/accept_matrix.py --rounds=3"
    assert run.machine["PostgreSQL"] == "18.6"
    assert {"Processor", "Memory", "Python", "SQLite", "attrs"} <= run.machine.keys()
    assert "ratio 0.8 (at least 0.7)" in capsys.readouterr().out


def test_parts_are_chosen_by_how_their_names_begin() -> None:
    assert [part.name for part in chosen(["accept"])] == ["accept-sqlite", "accept-postgres"]
    assert {part.on_request for part in chosen([])} == {False}
    assert chosen(["nothing"]) == []


def test_a_run_to_a_folder_leaves_the_page_alone(tmp_path: Path) -> None:
    assert destination(None) == (RESULTS, PAGE)
    assert destination(tmp_path) == (tmp_path, tmp_path / "benchmarks.md")
