"""The commands that send: accept a file of requests, and deliver what is due."""

import signal
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from messaging_adapters.cli.accepting import accept, default_channel, show_count
from messaging_adapters.cli.columns import Column
from messaging_adapters.cli.engine import Engine, sending_engine
from messaging_adapters.cli.lines import opened
from messaging_adapters.cli.screen import Screen
from messaging_adapters.cli.tables import receivers
from messaging_core.ledger import Report
from messaging_core.models.message import Status
from messaging_core.models.query import MessageQuery
from messaging_core.worker import Worker

_BATCH: Final = 200  # delivered and settled in one go
_SHOWN: Final = 5  # troubled messages


def send(options: Namespace) -> int:
    """Accept every request of a file, deliver, and say what became of them."""
    screen = Screen()
    with opened(options.file) as source, sending_engine(options) as engine, stoppable() as stop:
        begun = engine.messenger.clock.now()
        count = accept(screen, engine, source, default_channel(options.channel, engine), stop)
        if not count.read:
            screen.remark(f"{source.name} holds no requests")
        show_count(screen, count)
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
