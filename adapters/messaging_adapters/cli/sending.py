"""The commands that send: accept a file of requests, and deliver what is due."""

import signal
import threading
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from attrs import define, field

from messaging_adapters.cli.engine import Engine, no_channel, sending_engine
from messaging_adapters.cli.lines import Line, Source, opened
from messaging_adapters.cli.screen import Column, Screen
from messaging_adapters.cli.tables import receivers
from messaging_adapters.cli.usage import UsageError
from messaging_core.errors import UnknownChannelError
from messaging_core.models.message import Message, Status
from messaging_core.models.plan import Rejection
from messaging_core.models.query import MessageQuery
from messaging_core.models.violation import Violation
from messaging_core.worker import Report, Worker

_BATCH: Final = 200  # delivered and settled in one go
_SHOWN: Final = 5  # troubled messages


@define
class Count:
    """How the requests of a file fared, by the name of the channel."""

    read: int = 0
    accepted: Counter[str] = field(factory=Counter[str])
    scheduled: Counter[str] = field(factory=Counter[str])
    refused: Counter[str] = field(factory=Counter[str])

    def take(self, line: Line, answer: Message | Rejection) -> None:
        """Count one answer."""
        name, self.read = line.channel or "", self.read + 1
        if isinstance(answer, Rejection):
            self.refused[name] += 1
        elif answer.status is Status.SCHEDULED:
            self.scheduled[name] += 1
        else:
            self.accepted[name] += 1


def send(options: Namespace) -> int:
    """Accept every request of a file, deliver, and say what became of them."""
    screen = Screen()
    with opened(options.file) as source, sending_engine(options) as engine, stoppable() as stop:
        begun = engine.messenger.clock.now()
        count = _accept(screen, engine, source, default_channel(options.channel, engine), stop)
        if not count.read:
            screen.remark(f"{source.name} holds no requests")
        _show_count(screen, count)
        if stop.is_set():
            screen.remark("stopped; what was accepted is kept, and goes with: messaging deliver")
        elif not options.no_deliver:
            total = count.accepted.total()
            _show_delivery(screen, engine, drain(screen, engine, total, stop), begun)
    return 1 if count.refused else 0


def deliver(options: Namespace) -> int:
    """Deliver what is due; with `--follow` also what becomes due, until Ctrl-C."""
    screen = Screen()
    with sending_engine(options) as engine, stoppable() as stop:
        begun = engine.messenger.clock.now()
        if options.follow:
            screen.remark("delivering whatever becomes due; Ctrl-C stops")
            report = Worker(engine.messenger).run(stop)
        else:
            report = drain(screen, engine, None, stop)
            if stop.is_set():
                screen.remark("stopped; the rest waits for the next: messaging deliver")
        _show_delivery(screen, engine, report, begun)
    return 0


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Let Ctrl-C end the work between two messages: an interrupted one would be sent twice."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def drain(screen: Screen, engine: Engine, total: int | None, stop: threading.Event) -> Report:
    """Deliver until nothing is due; each batch is settled before Ctrl-C is heard."""
    worker, report = Worker(engine.messenger, batch=_BATCH), Report()
    with screen.progress("Delivering", total, "messages") as advance:
        while not stop.is_set() and (batch := worker.run_once()).total:
            report += batch
            advance(batch.total)
    return report


def answers(engine: Engine, lines: Sequence[Line]) -> list[Message | Rejection]:
    """Send some lines, those of one channel in one transaction, and return their answers."""
    found: dict[int, Message | Rejection] = {}
    by_channel: dict[str | None, list[Line]] = {}
    for line in lines:
        by_channel.setdefault(line.channel, []).append(line)
    for name, its in by_channel.items():
        try:
            given = engine.messenger.send_many(name or "", (line.request for line in its))
        except UnknownChannelError as error:
            given = [unknown_channel(name, error)] * len(its)
        found |= {line.number: answer for line, answer in zip(its, given, strict=True)}
    return [found[line.number] for line in lines]


def unknown_channel(name: str | None, error: UnknownChannelError) -> Rejection:
    """Refuse a line whose channel is not configured."""
    if name is None:
        message, code = "the line names no channel: give --channel", "channel.missing"
    else:
        message, code = no_channel(name, error.known), "channel.unknown"
    return Rejection(index=0, violations=(Violation("/channel", code, message),))


def default_channel(name: str | None, engine: Engine) -> str | None:
    """Return the channel for lines that name none: the one asked for, or the only one there is.

    Raises:
        UsageError: There is no such channel.
    """
    if name:
        return engine.channel(name).name
    names = list(engine.config.channels)
    return names[0] if len(names) == 1 else None


def refusal(source: str, line: Line, violation: Violation) -> str:
    """Return where a request is wrong and why, as compilers write it."""
    return f"{source}:{line.number}: {violation}"


def _accept(
    screen: Screen, engine: Engine, source: Source, channel: str | None, stop: threading.Event
) -> Count:
    count = Count()
    with screen.progress("Accepting", source.size, "bytes") as advance:
        for chunk in source.chunks(channel, stop.is_set):
            if not count.read and chunk[0].channel is None:
                known = ", ".join(engine.config.channels)
                raise UsageError(f"which channel? Give --channel NAME; there are: {known}")
            for line, answer in zip(chunk, answers(engine, chunk), strict=True):
                count.take(line, answer)
                for violation in answer.violations if isinstance(answer, Rejection) else ():
                    screen.remark(refusal(source.name, line, violation))
                advance(line.size)
    return count


def _show_count(screen: Screen, count: Count) -> None:
    names = sorted({*count.accepted, *count.scheduled, *count.refused})
    counts = (count.accepted, count.scheduled, count.refused)
    rows = [[name or "(none)", *(f"{one[name]:,}" for one in counts)] for name in names]
    if len(names) != 1:
        rows.append(["all", *(f"{one.total():,}" for one in counts)])
    numbers = [Column(name, is_number=True) for name in ("accepted", "scheduled", "refused")]
    screen.table([Column("channel"), *numbers], rows)


def _show_delivery(screen: Screen, engine: Engine, report: Report, begun: datetime) -> None:
    parts = [f"{report.sent:,} sent", f"{report.failed:,} failed"]
    if report.waiting:
        parts.append(f"{report.waiting:,} to be tried again")
    screen.line(f"Delivered what was due: {', '.join(parts)}.")
    if report.failed or report.waiting:
        _show_trouble(screen, engine, begun)


def _show_trouble(screen: Screen, engine: Engine, begun: datetime) -> None:
    """Name some messages that did not go, and why."""
    troubled = (Status.SENDING_FAILED, Status.PROCESSING)
    page = engine.messenger.find(MessageQuery(status=troubled, limit=_SHOWN * 4))
    rows = [
        (str(one.id), one.status, receivers(one), one.reason or "")
        for one in page.results
        if one.last_status_at >= begun
    ]
    columns = [Column("id"), Column("status"), Column("to", yields=True), Column("why", wraps=True)]
    screen.table(columns, rows[:_SHOWN])
    screen.remark("all of them: messaging list --status sending_failed --status processing")
