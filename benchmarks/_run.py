"""Run the benchmarks: `make bench`.

Without options, every part of the page of benchmarks runs, and the page is written. A part that was
interrupted or missed can run again by its name, and leaves the results of the others as they are.
Other options are given to the scripts.

A short run (`--quick`) of all scripts, or of parts that are named, writes no page unless it is told
where.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

from _page import PAGE, RESULTS, SECTIONS, Part, load, render

FOLDER = Path(__file__).parent
TRIES = 3  # of a short run, which measures once: noise makes it miss a limit now and then


def run(script: Path, arguments: Sequence[str], tries: int = 1) -> bool:
    """Run a script until it keeps its limits; return whether it did."""
    for _ in range(tries):
        command = [sys.executable, str(script), *arguments]
        if subprocess.run(command, check=False).returncode == 0:  # noqa: S603 - our own
            return True
    return False


def limits(arguments: Sequence[str], tries: int) -> int:
    """Run every script that has limits; fail if one misses them."""
    missed = []
    for script in sorted(FOLDER.glob("[!_]*.py")):
        print(f"Running {script.name}", flush=True)
        if not run(script, arguments, tries):
            missed.append(script.name)
    if missed:
        print(f"Beyond a limit: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def chosen(names: Iterable[str]) -> list[Part]:
    """Return the parts whose names begin so; without names, those that always run."""
    parts = [part for section in SECTIONS for part in section.parts]
    if not names:
        return [part for part in parts if not part.on_request]
    return [part for part in parts if part.name.startswith(tuple(names))]


def destination(folder: Path | None) -> tuple[Path, Path]:
    """Return where the results and the page are written: to a folder, or to their places."""
    return (folder, folder / PAGE.name) if folder else (RESULTS, PAGE)


def measure(parts: Sequence[Part], arguments: Sequence[str], results: Path, page: Path) -> int:
    """Run the parts, and write the page after each."""
    missed = []
    for part in parts:
        print(f"Measuring {part.name}", flush=True)
        start = perf_counter()
        report = f"--report={results / part.name}.jsonl"
        if not run(FOLDER / part.script, [*part.arguments, *arguments, report]):
            missed.append(part.name)
        print(f"Measured {part.name} in {perf_counter() - start:.0f} s", flush=True)
        page.write_text(render(load(results)), encoding="utf-8")
    if missed:
        print(f"Failed, or beyond a limit: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def main(words: Sequence[str]) -> int:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="measure shortly, and write no page")
    parser.add_argument("--limits", action="store_true", help="every script with limits; no page")
    parser.add_argument("--list", action="store_true", help="print the names of the parts")
    parser.add_argument("--section", action="append", default=[], help="how names of parts begin")
    parser.add_argument("--to", type=Path, help="a folder for the results and the page")
    options, others = parser.parse_known_args(words)
    parts = chosen(options.section)
    if not parts:
        parser.error("no part has such a name; --list prints them")
    if options.list:
        print("\n".join(part.name for part in parts))
        return 0
    if options.limits or (options.quick and not options.section):
        return limits(others + ["--quick"] * options.quick, TRIES if options.quick else 1)
    arguments = others + ["--quick"] * options.quick
    with ExitStack() as stack:
        folder = options.to
        if options.quick and not folder:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        return measure(parts, arguments, *destination(folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
