"""Write docs/reference/benchmarks.md from what the benchmarks recorded.

`python benchmarks/_page.py` makes the page again from the files in benchmarks/results.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from attrs import frozen

from _report import ROOT, Comparison, Run, read

PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
RESULTS = ROOT / "benchmarks" / "results"
BUSY = 0.25  # the share of the processor from which on a page warns of other programs


@frozen
class Part:
    """One run of one script: what it measures of a section.

    Attributes:
        name: Of the file with its results; begins with the name of the section.
        script: In the folder of benchmarks.
        arguments: Of the script.
        on_request: Only run when it is named.
    """

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    on_request: bool = False


@frozen
class Section:
    """A heading of the page, what its figures mean, and where they come from."""

    name: str
    title: str
    text: str
    parts: tuple[Part, ...]


def _parts(section: str, script: str, **names: Sequence[str]) -> tuple[Part, ...]:
    """Return a part for each database."""
    return tuple(
        Part(f"{section}-{kind}", script, (f"--database={kind}", *arguments))
        for kind, arguments in names.items()
    )


SECTIONS = (
    Section(
        "accept",
        "Accept",
        """\
Each case accepts short text messages for new receivers, with the default settings of the storage
except for a longer `busy_timeout`, so that no thread gives up.
The raw driver writes the same rows to the same tables, with the same durability and without any
check: on SQLite with plain statements through one connection that the threads use in turns; on
PostgreSQL through a connection for each thread, with prepared statements for a single message and
with `COPY` for more. Engine and driver take turns.
""",
        _parts("accept", "accept_matrix.py", sqlite=(), postgres=()),
    ),
    Section(
        "deliver",
        "Deliver",
        """\
Each case delivers short text messages that wait in a new database, through a transport that
answers at once or after some milliseconds, in one or more processes. The engine has its default
settings: a durable hand-off, and a drain that ends when the events are counted for roll-ups too.
Each process of each program has at most 32 calls under way at a time.

[Huey](https://huey.readthedocs.io/) runs a task for each message on SQLite in WAL, with
`fsync=True` and without results, and for instant answers with the better of 1 and 4 workers. It
deletes a task before the task runs. [Procrastinate](https://procrastinate.readthedocs.io/) runs a
coroutine for each message on PostgreSQL. The raw claim loop leases 128 rows of a table of its own
in one transaction and settles them in another, in WAL on SQLite. It writes no event, marks no
hand-off, and knows no channel, retry or receipt. Every commit of all of them is durable.
""",
        _parts("deliver", "deliver_matrix.py", sqlite=(), postgres=()),
    ),
    Section(
        "list",
        "List",
        """\
Each case reads pages of 10 and of 1000 messages with one filter: page 1, and the last page of the
same listing. Up to 100,000 messages are added through the storage; the database repeats them for
more, with ids, positions and times of their own, and the engine finds, reads and delivers some of
the repetitions. SQLite has the file alone (`exclusive=True`), with `synchronous="NORMAL"`, and the
server of PostgreSQL makes no fsync: the pages only read.

The remark names the indexes that a page walks. `messages_pkey` is the order of acceptance, which
serves what most messages have, and times, which are ranges of positions. The filters of the last
table hardly ever match together: such a page walks the index of the rarest filter and ends, short
or empty, when its budget is used up. [Listings](../explanation/listings.md) explains both.
""",
        tuple(
            Part(
                f"list-{kind}-{rows}",
                "list.py",
                (f"--database={kind}", f"--rows={rows}"),
                on_request=rows > 1_000_000,
            )
            for rows in (10_000, 1_000_000, 5_000_000)
            for kind in ("sqlite", "postgres")
        ),
    ),
    Section(
        "disk",
        "Disk",
        """\
The bytes in use of a message through its life, and of one of its events with its indexes. All
messages of a kind go to the same receivers. The SMS is the smallest request, the mail has
everything that a request can have. *Redacted* is `purge` with `keep=Keep.RECORD`, *deleted* is
`purge`. Free pages of SQLite do not count, and PostgreSQL packs its tables before they are measured
(`VACUUM FULL`).
""",
        _parts("disk", "disk.py", sqlite=(), postgres=()),
    ),
    Section(
        "growth",
        "Growth and memory",
        """\
One database grows tenfold again and again: messages are accepted a thousand a transaction, then all
of them are delivered, with the fastest settings (`Worker(batch=500, durable_handoff=False)`, and on
SQLite `exclusive=True`). The time of one message is that of the messages since the size before.
Sizes above 10,000 are measured once. The memory is the largest of the
process that accepts and delivers; without the server on PostgreSQL. An exponent of 1 is growth in
proportion to the messages; it is fitted to the totals at all sizes.
""",
        _parts("growth", "growth.py", sqlite=(), postgres=()),
    ),
)


def load(folder: Path = RESULTS) -> dict[str, tuple[Run, list[Comparison]]]:
    """Return what was recorded, by the names of the parts."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.jsonl"))}


def render(results: Mapping[str, tuple[Run, list[Comparison]]]) -> str:
    """Return the page."""
    runs = {name: run for name, (run, _) in results.items()}
    blocks = [
        _INTRODUCTION,
        "## Machine and versions\n",
        *_facts(runs.values()),
        "## Runs\n",
        *_runs(runs),
    ]
    for section in SECTIONS:
        blocks += [f"## {section.title}\n", section.text]
        blocks += _commands(section, results)
        blocks += _tables(section, results)
    return "\n".join(blocks)


_INTRODUCTION = """\
# Benchmarks

`make bench` writes this page. Each ratio is that of two figures from one run on one machine: ours,
and that of a peer or a limit. Another machine changes both figures, and the ratio much less. Each
figure is the median of the rounds; *from* and *to* are the smallest and the largest ratio of a
round. A ratio of rates is better when it is larger. A ratio of times or sizes is better when it is
smaller. *Missed* beside a goal says that the median does not keep it.
[Performance](../explanation/performance.md) explains the figures.
"""


def _facts(runs: Iterable[Run]) -> Iterator[str]:
    """Yield a table of the machine; a fact that differs between runs has several values."""
    values: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, value in run.machine.items():
            values.setdefault(name, {})[value] = None
    yield _table(("", ""), ((name, "; ".join(several)) for name, several in values.items()))


def _runs(runs: Mapping[str, Run]) -> Iterator[str]:
    """Yield when each part ran, for how long, and how busy the machine was."""
    yield (
        "Times are UTC. *Others* is the share of the processor that other programs used in the"
        " second before the run, or in the one after it if that is more. *fsync* is the median of"
        " 25 before the run.\n"
    )
    header = ("Run", "Began", "Took", "Source", "Others", "fsync")
    yield _table(
        header,
        (
            (
                name,
                run.date,
                f"{run.seconds:,.0f} s",
                f"`{run.commit}`" if run.commit else "",
                f"{run.others:.0%}" if run.others is not None else "unknown",
                f"{run.fsync_ms:.2f} ms",
            )
            for name, run in _in_order(runs)
        ),
    )
    busy = [name for name, run in _in_order(runs) if run.others is not None and run.others > BUSY]
    if busy:
        yield (
            "```{warning}\n"
            f"Other programs kept the machine busy at these runs: {', '.join(busy)}.\n"
            "Their ratios vary more than on a quiet machine.\n```\n"
        )


def _in_order(runs: Mapping[str, Run]) -> Iterator[tuple[str, Run]]:
    for section in SECTIONS:
        for part in section.parts:
            if part.name in runs:
                yield part.name, runs[part.name]


def _commands(
    section: Section, results: Mapping[str, tuple[Run, list[Comparison]]]
) -> Iterator[str]:
    """Yield what to type for the same figures, and what was not measured."""
    lines = [results[part.name][0].command for part in section.parts if part.name in results]
    if lines:
        yield "\n".join(["```shell-session", *(f"$ {line}" for line in lines), "```\n"])
    for part in section.parts:
        if part.name not in results:
            yield f'Not measured: `make bench ARGS="--section {part.name}"`.\n'


def _tables(section: Section, results: Mapping[str, tuple[Run, list[Comparison]]]) -> Iterator[str]:
    """Yield a table for each heading that the parts of a section name."""
    tables: dict[str, list[Comparison]] = {}
    for part in section.parts:
        for comparison in results[part.name][1] if part.name in results else ():
            tables.setdefault(comparison.table, []).append(comparison)
    for title, comparisons in tables.items():
        yield f"### {title}\n"
        yield _comparisons(comparisons)


def _comparisons(comparisons: Sequence[Comparison]) -> str:
    units = {comparison.unit for comparison in comparisons}
    peers = {comparison.peer for comparison in comparisons}
    unit = f", {units.pop()}" if len(units) == 1 else ""
    peer = peers.pop() if len(peers) == 1 else ""
    own = _capital(comparisons[0].name) + unit
    columns = ["Case", own, _capital(peer) + unit if peer else "Compared with"]
    columns += ["Ratio", "From", "To"]
    has_goals = any(comparison.goal for comparison in comparisons)
    has_remarks = any(comparison.remark for comparison in comparisons)
    columns += ["Goal"] * has_goals + ["Remark"] * has_remarks

    def cells(comparison: Comparison) -> Iterator[str]:
        own_unit = "" if unit else f" {comparison.unit}"
        yield comparison.case
        yield _number(median(comparison.ours)) + own_unit
        theirs = _number(median(comparison.theirs)) + own_unit
        yield theirs if peer else f"{comparison.peer}: {theirs}"
        ratios = comparison.ratios
        yield from map(_ratio, (median(ratios), min(ratios), max(ratios)))
        if has_goals:
            missed = "" if comparison.reached else ", missed"
            yield comparison.goal + missed
        if has_remarks:
            yield comparison.remark

    return _table(columns, map(cells, comparisons))


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = list(columns)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def _number(value: float) -> str:
    """Return a figure with three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


if __name__ == "__main__":
    PAGE.write_text(render(load()), encoding="utf-8")
