"""What a benchmark records for the page of benchmarks: figures of ours beside those of a peer.

`--report=FILE` names where a script writes them: first a line about the run, then one line of JSON
for each comparison. `_page.py` makes the page of these files.
"""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import orjson
from attrs import asdict, field, frozen

from _hosts import DRIVER

LIBRARIES = ("attrs", "cattrs", "orjson", "psycopg", "huey", "procrastinate")
ROOT = Path(__file__).parents[1]


@frozen(kw_only=True)
class Comparison:
    """One figure of the engine beside that of a peer, or beside a limit, from one run.

    Attributes:
        table: The heading of the table that it belongs to.
        case: What was measured.
        unit: Of both figures.
        ours: The figure of the engine in each round.
        peer: With what it is compared: a program, a first page, a limit.
        theirs: The figure of the peer in each round, or a single one for all.
        at_least: The least ratio of ours to theirs that is the goal, if any.
        at_most: The largest one.
        remark: What else to say about the case.
        name: What the figure is of, for the head of its column.
    """

    table: str
    case: str
    unit: str
    ours: Sequence[float] = field(converter=tuple)
    peer: str
    theirs: Sequence[float] = field(converter=tuple)
    at_least: float | None = None
    at_most: float | None = None
    remark: str = ""
    name: str = "ours"

    @property
    def ratios(self) -> list[float]:
        """Return ours divided by theirs, for each round."""
        theirs = self.theirs if len(self.theirs) > 1 else [self.theirs[0]] * len(self.ours)
        return [our / their for our, their in zip(self.ours, theirs, strict=True)]

    @property
    def goal(self) -> str:
        """Return the goal in words, or nothing."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return f"at most {self.at_most:g}" if self.at_most is not None else ""

    @property
    def reached(self) -> bool:
        """Return whether the median keeps the goal, or there is none."""
        ratio = median(self.ratios)
        return (self.at_least is None or ratio >= self.at_least) and (
            self.at_most is None or ratio <= self.at_most
        )


@frozen(kw_only=True)
class Run:
    """One run of one script.

    Attributes:
        command: What to type for the same run.
        date: When it began, in UTC.
        seconds: How long it took.
        commit: The version of the source, as Git names it; empty outside of a checkout.
        others: The share of the processor that other programs used right before or after the run,
            whichever is more; None where the system does not tell.
        fsync_ms: The median time of an fsync of a small file when it began.
        machine: What it ran on, and every version, by names.
    """

    command: str
    date: str
    seconds: float
    commit: str
    others: float | None
    fsync_ms: float
    machine: Mapping[str, str]


class Report:
    """Collect the comparisons of a run, and write them if `--report=FILE` was given."""

    def __init__(self, arguments: Sequence[str] = tuple(sys.argv)) -> None:
        names = [text.partition("=")[2] for text in arguments if text.startswith("--report=")]
        self.path = Path(names[0]) if names else None
        shown = [text for text in arguments[1:] if not text.startswith("--report=")]
        self._command = " ".join(["python", f"benchmarks/{Path(arguments[0]).name}", *shown])
        self._others, self._fsync = (busy_share(), fsync_ms()) if names else (None, 0.0)
        self._start, self._date = perf_counter(), datetime.now(UTC)  # noqa: TID251 - a script
        self._machine = machine()
        self._comparisons: list[Comparison] = []

    def note(self, notes: Mapping[str, str]) -> None:
        """Keep what a run knows of the machine beside other runs, such as a server's version."""
        self._machine |= notes

    def add(self, comparison: Comparison, *, quietly: bool = False) -> None:
        """Keep a comparison, and print it unless the script has a line of its own for it."""
        self._comparisons.append(comparison)
        if quietly:
            return
        ours, theirs = median(comparison.ours), median(comparison.theirs)
        name = f"{comparison.table}: {comparison.case}, of {comparison.peer}"
        verdict = f" ({comparison.goal})" if comparison.goal else ""
        print(
            f"{name}: {ours:,.4g} and {theirs:,.4g} {comparison.unit},"
            f" ratio {median(comparison.ratios):.3g}{verdict}",
            flush=True,
        )

    def write(self) -> None:
        """Write the file; one of an earlier run is replaced as a whole."""
        if self.path is None:
            return
        seconds, others = perf_counter() - self._start, busy_share()
        run = Run(
            command=self._command,
            date=self._date.strftime("%Y-%m-%d %H:%M"),
            seconds=round(seconds, 1),
            commit=commit(),
            others=None if others is None else round(max(others, self._others or 0), 3),
            fsync_ms=round(self._fsync, 3),
            machine=self._machine,
        )
        lines = [{"run": asdict(run)}]
        lines += [{"comparison": asdict(comparison)} for comparison in self._comparisons]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
        new.replace(self.path)


def read(path: Path) -> tuple[Run, list[Comparison]]:
    """Return the run and the comparisons of a file."""
    first, *others = (orjson.loads(line) for line in path.read_bytes().splitlines())
    return Run(**first["run"]), [Comparison(**line["comparison"]) for line in others]


def machine() -> dict[str, str]:
    """Return what the run has in common with others on this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    facts = {
        "Processor": f"{_processor()}, {os.cpu_count()} cores",
        "Memory": f"{memory:.0f} GiB",
        "System": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "SQLite": DRIVER.sqlite_version,
        "messaging-engine": version("messaging-engine"),
    }
    for library in LIBRARIES:
        try:
            facts[library] = version(library)
        except PackageNotFoundError:
            continue
    return facts


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def busy_share() -> float | None:
    """Return which share of the processor programs use in a second in which this one waits."""
    before = _processor_time()
    if before is None:
        return None
    sleep(1)
    idle, total = (
        now - then for now, then in zip(_processor_time() or before, before, strict=True)
    )
    return 1 - idle / total if total else None


def _processor_time() -> tuple[int, int] | None:
    """Return the time of all cores without work and in all, in ticks of Linux."""
    times = Path("/proc/stat")
    if not times.exists():
        return None
    ticks = [int(text) for text in times.read_text(encoding="utf-8").split("\n")[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def fsync_ms() -> float:
    """Return the median time of an fsync where the databases will be."""
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(25):
            file.write(b"x" * 4096)
            file.flush()
            start = perf_counter()
            os.fsync(file.fileno())
            times.append(perf_counter() - start)
    return median(times) * 1000


def commit() -> str:
    """Return the version of the source."""
    try:
        described = subprocess.run(
            ["git", "rev-parse", "--short=10", "HEAD"],  # noqa: S607 - wherever it is installed
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return described.stdout.strip()


def option(name: str, default: str, arguments: Sequence[str] = tuple(sys.argv)) -> str:
    """Return the value of `--name=value` on the command line."""
    values = [text.partition("=")[2] for text in arguments if text.startswith(f"--{name}=")]
    return values[-1] if values else default


def rounds(default: int) -> int:
    """Return how many rounds to measure."""
    return int(option("rounds", str(default)))


def counted(number: int, noun: str, nouns: str | None = None) -> str:
    """Return how many of something, in words."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"
