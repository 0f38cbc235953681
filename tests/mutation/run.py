"""Plant small wrong changes in the rules, and count those that the tests notice.

    make mutants                                  every change of the four packages
    make mutants ARGS="--sample 100"              a random hundred
    make mutants ARGS="messaging_core/rules/tags.py"

A change is planted in memory while the tests import the module, so several run at once and no
file is touched. Results are kept in .mutants/: a run that was broken off continues, and a change
that the tests noticed once is not tried again, unless with --again. The order is random, so the
score of a run that was broken off is that of a sample.
"""

import argparse
import json
import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import frozen

from mutation.coverage_map import CoverageMap
from mutation.operators import Mutant, mutants
from mutation.trial import TIME_OUT, start_trial

ROOT = Path(__file__).parents[2]
PACKAGES = ("rules", "decisions", "templates", "templating", "wire")
STATE = ROOT / ".mutants"
EQUIVALENT = Path(__file__).with_name("equivalent.json")
PASS_MARK = 0.9


@frozen
class Candidate:
    """A change of one file, and the name under which its fate is kept."""

    path: Path
    mutant: Mutant
    repetition: int = 1

    @property
    def key(self) -> str:
        """Name the change by where it is and what it does, not by its line."""
        name = f"{self.path.relative_to(ROOT)}::{self.mutant}"
        return name if self.repetition == 1 else f"{name} #{self.repetition}"


class Results:
    """The fate of each change that was tried, appended to a file as it becomes known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fates: dict[str, str] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                row = json.loads(line)
                self.fates[row["key"]] = row["fate"]

    def add(self, key: str, fate: str) -> None:
        """Keep one fate."""
        self.fates[key] = fate
        with self._path.open("a") as file:
            file.write(json.dumps({"key": key, "fate": fate}) + "\n")


def main() -> int:
    """Run, print what survived, and return 1 where too much did."""
    options = _options()
    STATE.mkdir(exist_ok=True)
    results = Results(STATE / "results.jsonl")
    candidates = _candidates(options.files, options.sample, options.seed)
    coverage = CoverageMap.of(STATE / "coverage.json", anew=options.map)
    waiting = [
        candidate
        for candidate in candidates
        if options.again or results.fates.get(candidate.key) != "killed"
    ]
    _try_all(waiting, coverage, results, options)
    return _report(candidates, results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="modules; all of them by default")
    parser.add_argument("--sample", type=int, help="how many changes, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at once")
    parser.add_argument(
        "--seconds", type=float, default=10, help="how long the tests of one change may take"
    )
    parser.add_argument("--again", action="store_true", help="also what was noticed before")
    parser.add_argument("--map", action="store_true", help="measure anew which test runs what")
    return parser.parse_args()


def _candidates(files: list[Path], sample: int | None, seed: int) -> list[Candidate]:
    modules = [path.resolve() for path in files] or sorted(_modules())
    everything = [candidate for path in modules for candidate in _candidates_in(path)]
    random.Random(seed).shuffle(everything)  # noqa: S311 - repeatable, not secret
    return everything[:sample]


def _candidates_in(path: Path) -> Iterator[Candidate]:
    """Number the changes that look alike, so that each has a name of its own."""
    repetitions: Counter[str] = Counter()
    for mutant in mutants(path.read_text()):
        repetitions[str(mutant)] += 1
        yield Candidate(path, mutant, repetitions[str(mutant)])


def _modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / "messaging_core" / package).rglob("*.py")


def _try_all(
    waiting: list[Candidate],
    coverage: CoverageMap,
    results: Results,
    options: argparse.Namespace,
) -> None:
    equivalent = _equivalent()
    running: dict[int, Candidate] = {}
    started = time.monotonic()
    for number, candidate in enumerate(waiting, 1):
        if candidate.key in equivalent:
            results.add(candidate.key, "equivalent")
            continue
        files = coverage.tests_of(candidate.path, candidate.mutant.line, options.seconds)
        running[start_trial(candidate.path, candidate.mutant.index, files)] = candidate
        if len(running) >= options.jobs:
            _await_one(running, results)
        if number % 50 == 0:
            took = time.monotonic() - started
            print(f"{number} of {len(waiting)} tried, {took:.0f} s", flush=True)
    while running:
        _await_one(running, results)


def _await_one(running: dict[int, Candidate], results: Results) -> None:
    pid, status = os.wait()
    candidate = running.pop(pid)
    if os.WIFSIGNALED(status):
        fate = "killed"  # it ran without an end, or took the interpreter with it
    else:
        fate = "survived" if os.WEXITSTATUS(status) == 0 else "killed"
    results.add(candidate.key, fate)
    if fate == "survived":
        print(f"survived: {candidate.key} (line {candidate.mutant.line})", flush=True)


def _equivalent() -> dict[str, str]:
    """Return the changes that change no behaviour, each with its reason."""
    return json.loads(EQUIVALENT.read_text()) if EQUIVALENT.exists() else {}


def _report(candidates: Iterable[Candidate], results: Results) -> int:
    fates: dict[str, Counter[str]] = defaultdict(Counter)
    for candidate in candidates:
        fate = results.fates.get(candidate.key, "not tried")
        fates[str(candidate.path.parent.relative_to(ROOT))][fate] += 1
    for package, counts in sorted(fates.items()):
        print(f"{package}: {_summary(counts)}")
    total = sum(fates.values(), Counter())
    print(f"all: {_summary(total)}; at least {PASS_MARK:.0%}; a trial ends after {TIME_OUT} s")
    return int(_score(total) < PASS_MARK)


def _summary(fates: Counter[str]) -> str:
    counts = ", ".join(
        f"{fates[fate]} {fate}" for fate in ("killed", "survived", "equivalent", "not tried")
    )
    return f"{counts} ({_score(fates):.1%})"


def _score(fates: Counter[str]) -> float:
    return fates["killed"] / max(1, fates["killed"] + fates["survived"])


if __name__ == "__main__":
    sys.exit(main())
