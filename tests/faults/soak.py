"""A soak test: everything at once, for as long as you like, and nothing may grow or be lost.

Two hosts accept, and withdraw, move, suppress, replay and look up; two workers deliver, with a
subscriber and a sender of webhooks each; the provider's receipts come in, and what is a minute old
is purged. One host and one worker are killed or stopped again and again, and then replaced. The
other two must not grow: they are measured every ten seconds.

Run it from the root of the project, on a storage of its own, which is made and removed:

    PYTHONPATH=tests .venv/bin/python -m faults.soak --storage sqlite --minutes 60
"""

import argparse
import random
import ssl
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import orjson
import trustme
from attrs import define, field, frozen

from faults.processes import Child
from faults.shop import open_storage
from faults.soak_figures import Bounds, Sample, growth, percentile, slower, thirds, usage_of
from faults.soak_notes import read_notes
from faults.soak_promises import broken_promises
from faults.soak_repeats import Faults
from faults.soak_storage import STORAGES, counted_doubts, new_storage
from faults.soak_worker import SUBSCRIBER
from messaging_core import Messenger
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.testing import HttpPeer

LASTING = ("host", "worker")  # those that are never restarted
_FEWEST = 3  # samples, so that there is one in each third, however slow the machine is
_PATIENCE = 600.0  # seconds for the end of a process, which may have much to see through


@frozen(kw_only=True)
class Options:
    """How long a soak test takes, and how much it does.

    Attributes:
        seconds: How long hosts accept.
        rate: Messages a second, of both hosts.
        retention: After how many seconds messages are purged.
        unmatched: The same of receipts without a message, and of idempotency keys; longer than a
            settlement, or a repeated call, takes on a slow machine.
        lease: Seconds, of workers.
        sampled: Seconds between two samples.
        restarted: Seconds between two restarts, at most.
    """

    seconds: float
    rate: float = 20
    retention: float = 60
    unmatched: float = 60
    lease: float = 10
    sampled: float = 10
    restarted: float = 15


@frozen(kw_only=True)
class Result:
    """What a soak test found.

    Attributes:
        problems: What was not as it must be.
        table: The figures, a line each.
    """

    problems: list[str]
    table: list[str]


@define
class Soak:
    """The processes of one soak test, and its samples."""

    where: dict[str, Any]
    folder: Path
    options: Options
    size: Callable[[], int]
    report: Callable[[str], object]
    chance: random.Random = field(factory=lambda: random.Random(1))  # noqa: S311 - picks moments
    children: dict[str, Child] = field(factory=dict)
    samples: list[Sample] = field(factory=list)
    kills: Counter[str] = field(factory=Counter)
    starts: int = 0

    def start(self, name: str) -> None:
        """Start a process; the name says what it does, and whether it is the lasting one."""
        kind = name.removeprefix("another_")
        self.starts += 1
        self.children[name] = Child(
            f"soak_{kind}",
            {
                **self.where,
                "folder": str(self.folder),
                "run": f"run{self.starts}",
                "seed": self.starts,
                "rate": self.options.rate / 2,
                "retention": self.options.retention,
                "unmatched": self.options.unmatched,
                "reports": name in LASTING,
                "lease": self.options.lease,
            },
        )

    def restart(self) -> None:
        """Kill the process that is not lasting, or stop it, and start it again."""
        name = self.chance.choice([name for name in self.children if name not in LASTING])
        if self.chance.random() < 0.5:
            self.kills[name] += 1
            killed = self.children.pop(name)
            killed.kill()
            self._check(name, killed.exit_code, -SIGKILL)
        else:
            self.children.pop(name).finish(_PATIENCE)
        self.start(name)

    def run(self) -> None:
        """Let everything happen, and then end in order: workers see through what hosts left."""
        for kind in LASTING:
            self.start(kind)
            self.start(f"another_{kind}")
        began = monotonic()
        restart_at = self._next_restart()
        while monotonic() < began + self.options.seconds or len(self.samples) < _FEWEST:
            sleep(min(self.options.sampled, max(0.1, began + self.options.seconds - monotonic())))
            self._sample(monotonic() - began)
            if monotonic() > restart_at:
                self.restart()
                restart_at = self._next_restart()
        self.report("hosts end, and wait for what is under way")
        for name in ("another_host", "host", "another_worker", "worker"):
            self.children.pop(name).finish(_PATIENCE)

    def _next_restart(self) -> float:
        return monotonic() + self.options.restarted * self.chance.uniform(0.3, 1)

    def _sample(self, at: float) -> None:
        for name, process in self.children.items():
            self._check(name, process.exit_code, None)
        notes = self.folder / "accepted"
        accepted = notes.read_bytes().count(b"\n") if notes.exists() else 0
        usages = {name: usage_of(self.children[name].pid) for name in LASTING}
        sample = Sample(at=at, processes=usages, size=self.size(), accepted=accepted)
        self.samples.append(sample)
        self.report(_line(sample))

    @staticmethod
    def _check(name: str, code: int | None, expected: int | None) -> None:
        assert code == expected, f"{name} ended by itself, with {code}"

    def end(self) -> None:
        """Kill what still runs."""
        for process in self.children.values():
            process.kill()


def _line(sample: Sample) -> str:
    processes = "; ".join(
        f"{name} {usage.memory / 1e6:.1f} MB, {usage.descriptors} fd, {usage.threads} threads,"
        f" {usage.processor:.1f} s"
        for name, usage in sample.processes.items()
    )
    return (
        f"{sample.at:6.0f} s: {sample.accepted:,} accepted; {processes};"
        f" storage {sample.size / 1e6:.1f} MB"
    )


def soak(
    name: str, options: Options, bounds: Bounds, report: Callable[[str], object] = print
) -> Result:
    """Run a soak test on a new storage, and say what it found."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="messaging-soak-")))
        where, size = stack.enter_context(new_storage(name, folder))
        webhooks: list[tuple[str, str, str]] = []

        def take(request: HttpRequest) -> HttpResponse:
            message = orjson.loads(request.body)["payload"]
            webhook = request.headers["messagebird-request-id"]
            webhooks.append((webhook, UUID(message["id"]).hex, message["status"]))
            peer.exchanges.clear()
            return HttpResponse(status=204)

        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("shop.example").configure_cert(context)
        peer = stack.enter_context(HttpPeer(take, tls=context))
        where |= {"port": peer.port, "authority": str(folder / "ca.pem")}
        _prepare(where)
        test = Soak(where, folder, options, size, report)
        stack.callback(test.end)
        test.run()
        return _judge(test, webhooks, bounds)


def _prepare(where: dict[str, Any]) -> None:
    """Subscribe, before anything happens."""
    with open_storage(where) as storage:
        messenger = Messenger(storage=storage, channels={})
        messenger.webhooks.subscribe(
            {
                "service": "channels",
                "event": "email.outbound",
                "url": "https://shop.example/all",
                "eventFilters": [{"key": "messageStatus", "value": "delivered"}],
            }
        )
        with storage.begin() as tx:
            tx.timeline.subscribe(SUBSCRIBER, from_start=True)


def _judge(test: Soak, webhooks: list[tuple[str, str, str]], bounds: Bounds) -> Result:
    notes = read_notes(test.folder, webhooks)
    faults = Faults(
        host_kills=test.kills["another_host"],
        worker_kills=test.kills["another_worker"],
        doubts=counted_doubts(test.where),
    )
    with open_storage(test.where) as storage:
        problems = broken_promises(notes, faults, storage)
    problems += growth(test.samples, bounds)
    table = [
        f"{len(notes.accepted):,} messages accepted, {len(notes.sends):,} sent",
        f"{len(notes.heard):,} events heard, {len(webhooks):,} webhooks taken",
        f"{test.starts - 4} restarts, of which {test.kills.total()} by kill",
        f"{faults.doubts.total()} in doubt",
    ]
    for name, times in (("accept", notes.accept_times()), ("deliver", notes.delivery_times())):
        problems += slower(name, times, bounds)
        first, last = thirds(times)
        table += [
            f"{name}, {percent} %: {percentile(first, percent) * 1000:.1f} ms in the first third,"
            f" {percentile(last, percent) * 1000:.1f} ms in the last"
            for percent in (50, 90, 99)
        ]
    third = len(test.samples) // 3
    table += [_line(test.samples[index]) for index in (third, 2 * third, -1)]
    if not webhooks:
        problems.append("no webhook came")
    return Result(problems=problems, table=table)


def main() -> int:
    """Run it, print a line every ten seconds and a table at the end; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m faults.soak", description=__doc__)
    parser.add_argument("--storage", choices=STORAGES, default="sqlite")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=Options(seconds=0).rate)
    options = parser.parse_args()
    result = soak(
        options.storage,
        Options(seconds=options.minutes * 60, rate=options.rate),
        Bounds(),
        lambda line: print(line, flush=True),  # noqa: T201 - a script
    )
    for line in [*result.table, *(f"PROBLEM: {problem}" for problem in result.problems)]:
        print(line)  # noqa: T201 - a script
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
