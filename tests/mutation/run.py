"""Plant small wrong changes in the rules, and count those that the tests notice.

    make mutants                                  every change of the four packages
    make mutants ARGS="--sample 100"              a random hundred
    make mutants ARGS="messaging_core/rules/content/tags.py"

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
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from attrs import frozen

from mutation.coverage_map import CoverageMap
from mutation.operators import Mutant, mutants
from mutation.trial import TIME_OUT, Trial, load_libraries, start_trials

ROOT = Path(__file__).parents[2]
PACKAGES = ("rules", "decisions", "templates", "wire")
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
        self.read()

    def read(self) -> None:
        """Take over what other processes have added."""
        if self._path.exists():
            for line in self._path.read_text().splitlines():
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
    equivalent = _equivalent()
    waiting = []
    for candidate in candidates:
        if candidate.key in equivalent:
            results.fates[candidate.key] = "equivalent"
        elif options.again or results.fates.get(candidate.key) != "killed":
            waiting.append(candidate)
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
    load_libraries()
    by_module: dict[Path, list[Candidate]] = defaultdict(list)
    for candidate in waiting:
        by_module[candidate.path].append(candidate)
    running: dict[int, list[Candidate]] = {}
    for path, candidates in sorted(by_module.items(), key=lambda item: -len(item[1])):
        trials = [
            Trial(
                candidate.mutant,
                coverage.tests_of(path, candidate.mutant.line, options.seconds),
                partial(results.add, candidate.key),
            )
            for candidate in candidates
        ]
        running[start_trials(path, trials)] = candidates
        if len(running) >= options.jobs:
            _await_one(running, results)
    while running:
        _await_one(running, results)


def _await_one(running: dict[int, list[Candidate]], results: Results) -> None:
    pid, status = os.wait()
    candidates = running.pop(pid)
    results.read()
    name = candidates[0].path.relative_to(ROOT)
    print(f"{name}: {'tried' if status == 0 else 'its tests fail without a change'}", flush=True)
    for candidate in candidates:
        if results.fates.get(candidate.key) == "survived":
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
