"""Know which test files run a line, the quickest first."""

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from xml.etree import ElementTree  # noqa: ICN001 - its own name says more

import coverage

ROOT = Path(__file__).parents[2]
# What starts processes, draws screens or runs for minutes decides about no rule.
LEFT_OUT = (
    "faults",
    "simulation",
    "testing/simulation",
    "mutation",
    "adapters/cli",
    "adapters/storage",
    "adapters/media/test_folder.py",  # becomes another user, who may not write the data
    "docs/test_code_blocks.py",
    "docs/test_examples.py",
)


class CoverageMap:
    """Test files by the line that they run, from one run of the suite under coverage.

    Args:
        files: Test files by module and line; line 0 holds those that run any line of it.
        seconds: How long each test file takes.
    """

    def __init__(self, files: dict[str, dict[str, list[str]]], seconds: dict[str, float]) -> None:
        self._files, self._seconds = files, seconds

    @classmethod
    def of(cls, path: Path, *, anew: bool) -> Self:
        """Read the map from a file, or measure it and write the file."""
        if anew or not path.exists():
            path.write_text(json.dumps(_measure()))
        return cls(**json.loads(path.read_text()))

    def tests_of(self, path: Path, line: int, seconds: float) -> list[str]:
        """Return the test files for a change at a line, those that fail soonest first.

        Args:
            path: The module that is changed.
            line: The line that is changed.
            seconds: How long tests may take in all, besides those named after the module.
        """
        module = str(path.relative_to(ROOT))
        lines = self._files.get(module, {})
        known = lines.get(str(line)) or lines.get("0") or []
        # The map may be older than the module; tests named after it count in any case.
        namesakes = [
            f"tests/{path.parent.name}/test_{name}.py" for name in (path.stem.strip("_"), "limits")
        ]
        namesakes = [file for file in namesakes if (ROOT / file).exists()]
        others = sorted(
            (file for file in known if file not in namesakes and (ROOT / file).exists()),
            key=lambda file: (self._seconds.get(file, 0.0), file),
        )
        return [*namesakes, *self._within_budget(others, seconds)]

    def _within_budget(self, files: list[str], budget: float) -> Iterator[str]:
        seconds = 0.0
        for file in files:
            seconds += self._seconds.get(file, 0.0)
            if seconds > budget:
                return
            yield file


def _measure() -> dict[str, object]:
    print("measuring which tests run which lines", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        data, report = Path(folder, "data"), Path(folder, "junit.xml")
        _run_suite(data, report, Path(folder, "coveragerc"))
        return {"files": _files_by_line(data), "seconds": _seconds_by_file(report)}


def _run_suite(data: Path, report: Path, settings: Path) -> None:
    settings.write_text(
        f"[run]\ndata_file = {data}\ndynamic_context = test_function\nsource = messaging_core\n"
    )
    ignored = [f"--ignore=tests/{name}" for name in LEFT_OUT]
    subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", "-m", "pytest", "-q",
         "-p", "no:cacheprovider", f"--junitxml={report}", *ignored],
        cwd=ROOT,
        check=True,
        env={**os.environ, "PYTHONSAFEPATH": "1", "HYPOTHESIS_PROFILE": "mutants"},
    )  # fmt: skip


def _files_by_line(data_file: Path) -> dict[str, dict[str, list[str]]]:
    data = coverage.CoverageData(str(data_file))
    data.read()
    files: dict[str, dict[str, list[str]]] = {}
    for measured in data.measured_files():
        by_line: dict[str, set[str]] = defaultdict(set)
        for line, contexts in data.contexts_by_lineno(measured).items():
            for file in filter(None, map(_file_of, contexts)):
                by_line[str(line)].add(file)
                by_line["0"].add(file)
        module = str(Path(measured).relative_to(ROOT))
        files[module] = {line: sorted(names) for line, names in by_line.items()}
    return files


def _file_of(context: str) -> str | None:
    """Turn `tests.rules.test_tags.test_a` into the file that holds the test."""
    parts = context.split(".") if context else []
    for end in range(len(parts), 0, -1):
        path = Path(*parts[:end]).with_suffix(".py")
        if path.name.startswith("test_") and (ROOT / path).exists():
            return str(path)
    return None


def _seconds_by_file(report: Path) -> dict[str, float]:
    seconds: dict[str, float] = defaultdict(float)
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - our own
        if file := _file_of(case.attrib.get("classname", "")):
            seconds[file] += float(case.attrib.get("time", 0))
    return seconds
