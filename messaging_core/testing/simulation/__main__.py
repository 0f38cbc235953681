"""Run many seeds: `python -m messaging_core.testing.simulation --seeds 10000 --jobs 2`."""

import argparse
import os
import pkgutil
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from time import monotonic
from typing import Any

from messaging_core.testing.simulation.run import BrokenPromiseError, simulate
from messaging_core.testing.simulation.scenarios import SCENARIOS

_BITE = 20
_PAUSE = 5.0  # seconds between reports
_Run = tuple[int, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the seeds, tell which broke a promise, and return the exit code."""
    options = _parser().parse_args(arguments)
    names = [options.scenario] if options.scenario else list(SCENARIOS)
    seeds = range(options.first, options.first + options.seeds)
    runs = [(seed, names[seed % len(names)]) for seed in seeds]
    bites = [runs[start : start + _BITE] for start in range(0, len(runs), _BITE)]
    began, told, broken = monotonic(), 0.0, 0
    with ProcessPoolExecutor(options.jobs, initializer=_stay_on_one_processor) as pool:
        results = pool.map(partial(_run_all, storage=options.storage), bites)
        for done, failures in enumerate(results, start=1):
            broken += len(failures)
            for text in failures:
                _say(text)
            if monotonic() - told > _PAUSE or done == len(bites):
                told = monotonic()
                finished = min(done * _BITE, len(runs))
                speed = finished / (told - began)
                _say(f"{finished} of {len(runs)} seeds, {speed:.0f} a second, {broken} broken")
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m messaging_core.testing.simulation")
    parser.add_argument("--seeds", type=int, default=100, help="how many to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--scenario", choices=SCENARIOS, help="by default all, in turn")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes")
    parser.add_argument(
        "--storage", metavar="MODULE:NAME", help="makes an empty storage; by default in memory"
    )
    return parser


def _run_all(runs: list[_Run], *, storage: str | None) -> list[str]:
    """Run some seeds, and return what they broke."""
    make: Any = pkgutil.resolve_name(storage) if storage else None
    failures: list[str] = []
    for seed, name in runs:
        try:
            simulate(seed, SCENARIOS[name], storage=make)
        except BrokenPromiseError as error:
            failures.append(str(error))
        except Exception:  # noqa: BLE001 - it is told, and the other seeds run on
            failures.append(f"seed {seed} of scenario {name!r}:\n{traceback.format_exc()}")
    return failures


def _stay_on_one_processor() -> None:
    """Pass the baton twice as fast: the threads of a run never run at the same time anyway."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) > 1:
            os.sched_setaffinity(0, {allowed[os.getpid() % len(allowed)]})


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
