"""What a soak test measures of processes and storages, and what must stay flat."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles

from attrs import frozen

_MEGABYTE = 1_000_000
_TICKS = os.sysconf("SC_CLK_TCK")


@frozen(kw_only=True)
class Usage:
    """What a process uses at a moment: anonymous memory in bytes, and processor time in seconds."""

    memory: int
    descriptors: int
    threads: int
    processor: float


@frozen(kw_only=True)
class Sample:
    """A moment of a soak test.

    Attributes:
        at: Seconds since it began.
        processes: Those that are never restarted.
        size: Bytes of the storage.
        accepted: How many messages were accepted by then.
    """

    at: float
    processes: Mapping[str, Usage]
    size: int
    accepted: int


@frozen(kw_only=True)
class Bounds:
    """How much may grow from the middle third to the last one.

    Attributes:
        memory: Bytes, of each process.
        threads: Threads and descriptors, of each process.
        size: By what factor the storage may grow.
        processor: By what factor the processor time of a message may grow.
        latency: By what factor times may grow from the first third to the last one; times below
            `moment`, in seconds, count as that long.
        percentiles: Of which times.
    """

    memory: int = 4 * _MEGABYTE
    threads: int = 2
    size: float = 1.15
    processor: float = 1.5
    latency: float = 3.0
    moment: float = 0.05
    percentiles: tuple[int, ...] = (50, 90)


def usage_of(pid: int) -> Usage:
    """Return what a process uses now."""
    process = Path("/proc") / str(pid)
    status = dict(
        line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
    )
    times = (process / "stat").read_text().rpartition(")")[2].split()
    return Usage(
        memory=int(status["RssAnon"].split()[0]) * 1024,
        descriptors=len(list((process / "fd").iterdir())),
        threads=int(status["Threads"]),
        processor=(int(times[11]) + int(times[12])) / _TICKS,
    )


def growth(samples: Sequence[Sample], bounds: Bounds) -> list[str]:
    """Return what did not stay flat; the first third is the warm-up."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    problems = [
        problem
        for name in samples[0].processes
        for problem in _growth_of(name, middle, last, bounds)
    ]
    sizes = [max(sample.size for sample in part) for part in (middle, last)]
    if sizes[1] > sizes[0] * bounds.size:
        problems.append(f"the storage grew from {sizes[0]:,} to {sizes[1]:,} bytes")
    return problems


def _growth_of(
    name: str, middle: Sequence[Sample], last: Sequence[Sample], bounds: Bounds
) -> list[str]:
    """Return what grew in one process."""

    def typical(part: Sequence[Sample], what: Callable[[Usage], float]) -> float:
        return median(what(sample.processes[name]) for sample in part)

    problems = []
    memory = [typical(part, lambda usage: usage.memory) for part in (middle, last)]
    if memory[1] > memory[0] + bounds.memory:
        problems.append(f"{name}: memory grew from {memory[0]:,.0f} to {memory[1]:,.0f} bytes")
    for what in ("descriptors", "threads"):
        numbers = [typical(part, lambda usage: getattr(usage, what)) for part in (middle, last)]  # noqa: B023
        if numbers[1] > numbers[0] + bounds.threads:
            problems.append(f"{name}: {what} grew from {numbers[0]:.0f} to {numbers[1]:.0f}")
    work = [_processor_time(name, part) for part in (middle, last)]
    if work[1] > work[0] * bounds.processor:
        problems.append(
            f"{name}: a message took {work[0] * 1000:.2f} ms of the processor, then"
            f" {work[1] * 1000:.2f} ms"
        )
    return problems


def _processor_time(name: str, part: Sequence[Sample]) -> float:
    """Return the processor time of a message, in seconds."""
    spent = part[-1].processes[name].processor - part[0].processes[name].processor
    return spent / max(1, part[-1].accepted - part[0].accepted)


def slower(name: str, times: Sequence[tuple[float, float]], bounds: Bounds) -> list[str]:
    """Return which percentile of some times grew.

    Args:
        name: What took so long.
        times: When something ended, and how long it took, in seconds.
    """
    first, last = thirds(times)
    if not times:
        return [f"{name}: nothing was measured"]
    problems = []
    for percent in bounds.percentiles:
        before, after = (max(percentile(part, percent), bounds.moment) for part in (first, last))
        if after > before * bounds.latency:
            problems.append(f"{name}, {percent} %: from {before:.3f} to {after:.3f} s")
    return problems


def thirds(times: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return the times of the first third of the test, and of the last one."""
    begun = min((at for at, _ in times), default=0.0)
    ended = max((at for at, _ in times), default=0.0)
    span = (ended - begun) / 3
    first = [seconds for at, seconds in times if at <= begun + span]
    return first, [seconds for at, seconds in times if at >= ended - span]


def percentile(times: Sequence[float], percent: int) -> float:
    """Return the time that so many percent are below."""
    return quantiles(times, n=100)[percent - 1] if len(times) > 1 else max(times, default=0.0)
