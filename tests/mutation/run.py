"""Plant small wrong changes in the rules, and count those that the tests notice.

    make mutants                                  every change of the four packages
    make mutants ARGS="--sample 100"              a random hundred
    make mutants ARGS="messaging_core/rules/content --tests tests/rules"

A change is planted in memory, in a fork of a process that has run the tests once without any
change, so several run at once and no file is touched. Results are kept in .mutants/: an
interrupted run continues, and a change that the tests noticed is tried again only when its module
has changed, or with --again. The order is random, so the score of an interrupted run is that of a
sample. A change of a line that no test runs counts as not noticed.
"""

import argparse
import json
import os
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

from attrs import frozen

from mutation.operators import Mutant, mutants
from mutation.trial import ROOT, ToolError, Trial, run_trials

PACKAGES = ("rules", "decisions", "templates", "wire")
TESTS = (
    *PACKAGES,
    *("acceptance", "contacts", "messages", "notifications", "policy", "receipts"),
)
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
    def place(self) -> tuple[Path, int]:
        """Order changes as they stand in the code."""
        return self.path, self.mutant.index

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

    def recall(self, candidates: Iterable[Candidate]) -> None:
        """Take over which changes were noticed, unless their module has changed since."""
        rows = map(json.loads, self._path.read_text().splitlines()) if self._path.exists() else ()
        fates = {(row["key"], row["source"]): row["fate"] for row in rows}
        for candidate in candidates:
            if fates.get((candidate.key, _digest(candidate.path))) == "killed":
                self.fates[candidate.key] = "killed"

    def add(self, candidate: Candidate, fate: str) -> None:
        """Keep one fate."""
        self.fates[candidate.key] = fate
        row = {"key": candidate.key, "source": _digest(candidate.path), "fate": fate}
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")


def main() -> int:
    """Run, print what survived, and return 1 where too much did."""
    options = _options()
    STATE.mkdir(exist_ok=True)
    everything = [candidate for path in _modules(options.paths) for candidate in _candidates(path)]
    random.Random(options.seed).shuffle(everything)  # noqa: S311 - repeatable, not secret
    candidates = everything[: options.sample]
    results = Results(STATE / "results.jsonl")
    if not options.again:
        results.recall(candidates)
    equivalent = _equivalent()
    results.fates |= dict.fromkeys(equivalent, "equivalent")
    trials = [
        Trial(candidate.path, candidate.mutant, partial(results.add, candidate))
        for candidate in candidates
        if candidate.key not in results.fates
    ]
    print(f"{len(candidates)} changes, {len(trials)} to be tried", flush=True)
    try:
        if trials:
            run_trials(trials, options.tests, STATE, options.jobs)
    except ToolError as error:
        print(error, file=sys.stderr)
        return 2
    return _report(candidates, results) | _report_stale(equivalent, everything)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, help="modules or folders; all by default")
    parser.add_argument("--sample", type=int, help="how many changes, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at once")
    parser.add_argument("--again", action="store_true", help="also what was noticed before")
    parser.add_argument(
        "--tests",
        nargs="+",
        default=[f"tests/{name}" for name in TESTS],
        help="files or folders with the tests that may notice a change",
    )
    return parser.parse_args()


def _modules(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths or (ROOT / "messaging_core" / package for package in PACKAGES):
        yield from [path.resolve()] if path.is_file() else sorted(path.resolve().rglob("*.py"))


def _candidates(path: Path) -> Iterator[Candidate]:
    """Number the changes that look alike, so that each has a name of its own."""
    repetitions: Counter[str] = Counter()
    for mutant in mutants(path.read_text()):
        repetitions[str(mutant)] += 1
        yield Candidate(path, mutant, repetitions[str(mutant)])


@cache
def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:16]


def _equivalent() -> dict[str, str]:
    """Return the changes that change no behaviour, each with its reason."""
    return {
        f"{path}::{change}": reason
        for path, changes in json.loads(EQUIVALENT.read_text()).items()
        for change, reason in changes.items()
    }


def _report_stale(equivalent: Iterable[str], everything: Iterable[Candidate]) -> int:
    """Print which equivalent changes are listed, but are no change of the module any more."""
    keys = {candidate.key for candidate in everything}
    modules = {key.partition("::")[0] for key in keys}
    gone = [
        key
        for key in equivalent
        if key not in keys
        and (key.partition("::")[0] in modules or not (ROOT / key.partition("::")[0]).exists())
    ]
    for key in gone:
        print(f"equivalent.json lists no change of today's code: {key}")
    return int(bool(gone))


def _report(candidates: Iterable[Candidate], results: Results) -> int:
    fates: dict[str, Counter[str]] = defaultdict(Counter)
    for candidate in sorted(candidates, key=lambda candidate: candidate.place):
        fate = results.fates.get(candidate.key, "not tried")
        fates["/".join(candidate.path.relative_to(ROOT).parts[:2])][fate] += 1
        if fate not in ("killed", "equivalent"):
            print(f"{fate}: line {candidate.mutant.line}: {candidate.key}")
    for package, counts in sorted(fates.items()):
        print(f"{package}: {_summary(counts)}")
    total = sum(fates.values(), Counter())
    print(f"all: {_summary(total)}; at least {PASS_MARK:.0%} must be killed")
    return int(_score(total) < PASS_MARK or total["error"] > 0)


def _summary(fates: Counter[str]) -> str:
    counts = ", ".join(f"{number} {fate}" for fate, number in sorted(fates.items()))
    return f"{fates.total()} changes: {counts} (score {_score(fates):.1%})"


def _score(fates: Counter[str]) -> float:
    return fates["killed"] / max(1, fates.total() - fates["equivalent"])


if __name__ == "__main__":
    sys.exit(main())
