"""Run many seeds: `python -m messaging_core.testing.simulation --seeds 10000 --jobs 2`."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from time import monotonic

from attrs import evolve

from messaging_core.errors import ConfigurationError
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.object_path import load_object
from messaging_core.testing.simulation.run import BrokenPromiseError, simulate
from messaging_core.testing.simulation.scenarios import MONTH, SCENARIOS

_CHUNK = 20
_PAUSE = 5.0  # seconds between two lines of progress
_MEMORY = "messaging_adapters.storage.memory:MemoryStorage"
_ALL = {**SCENARIOS, MONTH.name: MONTH}
_CONCURRENT = "messaging_adapters.storage.memory:ConcurrentMemoryStorage"
_Run = tuple[int, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the seeds, print each broken promise, and return the exit status."""
    options = _parser().parse_args(arguments)
    storage = options.storage or (_CONCURRENT if options.interleave else _MEMORY)
    try:
        load_object(storage)
    except ConfigurationError as error:
        sys.stderr.write(f"messaging_core.testing.simulation: --storage: {error}\n")
        return 2
    names = [options.scenario] if options.scenario else list(SCENARIOS)
    seeds = range(options.first, options.first + options.seeds)
    runs = [(seed, names[seed % len(names)]) for seed in seeds]
    chunks = [runs[start : start + _CHUNK] for start in range(0, len(runs), _CHUNK)]
    began, printed_at, broken = monotonic(), 0.0, 0
    with ProcessPoolExecutor(options.jobs, initializer=_stay_on_one_processor) as pool:
        run = partial(_run_all, storage=storage, interleave=options.interleave)
        results = pool.map(run, chunks)
        for done, failures in enumerate(results, start=1):
            broken += len(failures)
            for failure in failures:
                _print(failure)
            if monotonic() - printed_at > _PAUSE or done == len(chunks):
                printed_at = monotonic()
                finished = min(done * _CHUNK, len(runs))
                speed = finished / (printed_at - began)
                _print(f"{finished} of {len(runs)} seeds, {speed:.0f} a second, {broken} broken")
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m messaging_core.testing.simulation",
        description="Run weeks of faults for many seeds, and print every promise that broke.",
        epilog="exit status: 0 no promise broke, 1 some promise broke, 2 wrong usage",
    )
    parser.add_argument("--seeds", type=int, default=100, help="number of seeds (default: 100)")
    parser.add_argument("--first", type=int, default=0, help="first seed (default: 0)")
    parser.add_argument("--scenario", choices=_ALL, help="default: all but month, in turn")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes (default: 1)")
    parser.add_argument(
        "--storage",
        metavar="MODULE:NAME",
        help=f"callable that returns an empty storage (default: {_MEMORY})",
    )
    parser.add_argument(
        "--interleave",
        action="store_true",
        help=f"let transactions stand still at any verb (default storage: {_CONCURRENT})",
    )
    return parser


def _run_all(runs: list[_Run], *, storage: str, interleave: bool) -> list[str]:
    """Run some seeds, and return a text for each that failed."""
    make: Callable[[], Storage] = load_object(storage)
    failures: list[str] = []
    for seed, name in runs:
        try:
            simulate(seed, evolve(_ALL[name], interleaved=interleave), storage=make)
        except BrokenPromiseError as error:
            failures.append(str(error))
        except Exception:  # noqa: BLE001 - report it, and run the other seeds
            failures.append(f"seed {seed} of scenario {name!r}:\n{traceback.format_exc()}")
    return failures


def _stay_on_one_processor() -> None:
    """Bind this process to one processor: only one thread of a run works at a time."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) > 1:
            os.sched_setaffinity(0, {allowed[os.getpid() % len(allowed)]})


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
