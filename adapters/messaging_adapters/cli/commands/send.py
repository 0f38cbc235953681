"""The commands that send: accept a file of requests, and deliver what is due."""

import shlex
import threading
from argparse import Namespace
from datetime import datetime
from typing import Final

from messaging_adapters.cli.commands.accept import (
    Count,
    Reading,
    accept,
    default_channel,
    show_count,
)
from messaging_adapters.cli.commands.plan import plan
from messaging_adapters.cli.config.engine import Engine, sending_engine
from messaging_adapters.cli.csv_requests import csv_source
from messaging_adapters.cli.interrupts import stoppable
from messaging_adapters.cli.line_keys import LINE, keying
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.output.tables import receivers
from messaging_adapters.cli.request_lines import opened
from messaging_core.delivery.report import DeliveryReport
from messaging_core.models.messages.message import Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.worker import Worker

_BATCH: Final = 200  # delivered and settled in one go
_DELIVER: Final = "messaging deliver"
_SHOWN: Final = 5  # troubled messages
_REPEATED: Final = (  # options that the command to go on needs too
    *("config", "database", "channel", "idempotency_key"),
    *("template", "to", "locale", "encoding"),
)


def send(options: Namespace) -> int:
    """Accept every request of a file, deliver, and say what became of them."""
    if options.dry_run:
        return plan(options)
    screen = Screen()
    with opened(options.file) as file, sending_engine(options) as engine, stoppable() as stop:
        begun = engine.messenger.clock.now()
        channel = default_channel(options.channel, engine)
        source = csv_source(file, options, channel, engine, screen.remark)
        reading = Reading(
            channel=channel,
            # A row has a key in any case, so that a file can be sent again after a stop.
            keying=keying(LINE if options.csv else options.idempotency_key, source.name),
            first=options.from_line,
            stop=stop,
        )
        count = accept(screen, engine, source, reading)
        if not count.read and not stop.is_set():
            screen.remark(f"{source.name} holds no requests")
        show_count(screen, count)
        if stop.is_set():
            _show_stop(screen, options, count)
        elif not options.no_deliver:
            total = count.accepted.total()
            _show_delivery(screen, engine, drain(screen, engine, total, stop), begun)
            if stop.is_set():
                screen.remark("stopped; every line was read; deliver the rest with: " + _DELIVER)
    if stop.is_set():
        return stop.status
    return 1 if count.refused else 0


def _show_stop(screen: Screen, options: Namespace, count: Count) -> None:
    """Say where it stopped, and how to go on from there."""
    line, command = count.next_line, ["messaging", "send"]
    for name in _REPEATED:
        if value := getattr(options, name):
            command += [f"--{name.replace('_', '-')}", str(value)]
    command += [part for tag in options.tag or () for part in ("--tag", tag)]
    command += ["--csv"] * options.csv + ["--no-deliver"] * options.no_deliver
    command += ["--from-line", str(line), options.file]
    screen.remark(
        f"stopped before line {line}; what was accepted is kept; deliver it with: {_DELIVER}"
    )
    screen.remark(f"to go on: {shlex.join(command)}")


def deliver(options: Namespace) -> int:
    """Deliver what is due; with `--follow` also what becomes due, until a signal ends it."""
    screen = Screen()
    with sending_engine(options) as engine, stoppable() as stop:
        begun = engine.messenger.clock.now()
        if options.follow:
            screen.remark("delivering whatever becomes due; Ctrl-C stops")
            report = Worker(engine.messenger).run(stop)
        else:
            report = drain(screen, engine, None, stop)
            if stop.is_set():
                screen.remark(f"stopped; the rest waits for the next: {_DELIVER}")
        _show_delivery(screen, engine, report, begun)
    return 0


def drain(
    screen: Screen, engine: Engine, total: int | None, stop: threading.Event
) -> DeliveryReport:
    """Deliver until nothing is due; each batch is settled before Ctrl-C is heard."""
    worker, report = Worker(engine.messenger, batch=_BATCH), DeliveryReport()
    with screen.progress("Delivering", total, "messages") as advance:
        while not stop.is_set() and (batch := worker.run_once()).total:
            report += batch
            advance(batch.total)
    return report


def _show_delivery(screen: Screen, engine: Engine, report: DeliveryReport, begun: datetime) -> None:
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
        (str(message.id), message.status, receivers(message), message.reason or "")
        for message in page.results
        if message.last_status_at >= begun
    ]
    columns = [Column("id"), Column("status"), Column("to", yields=True), Column("why", wraps=True)]
    screen.table(columns, rows[:_SHOWN])
    screen.remark("all of them: messaging list --status sending_failed --status processing")
