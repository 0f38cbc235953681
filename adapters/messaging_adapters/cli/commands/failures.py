"""The commands about what went wrong: dead letters, sending them again, and doubts."""

from argparse import Namespace

from attrs import asdict

from messaging_adapters.cli.commands.show import message_id
from messaging_adapters.cli.config.engine import looking_engine
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.output.tables import receivers
from messaging_adapters.cli.output.timestamps import moment
from messaging_core.errors import StateError
from messaging_core.wire import encode


def dead(options: Namespace) -> int:
    """List what could not be sent, the newest first, with the reasons."""
    screen = Screen()
    with looking_engine(options) as engine:
        page = engine.messenger.dead_letters(limit=options.limit, page_token=options.page_token)
        if options.json:
            for message in page.results:
                screen.json(encode(message))
        elif not page.results:
            screen.remark("no dead letters")
        else:
            rows = [
                (
                    str(message.id),
                    moment(message.last_status_at)[:16],
                    engine.name_of(message.channel_id),
                    receivers(message),
                    message.reason or "",
                )
                for message in page.results
            ]
            yields = [Column(name, yields=True) for name in ("channel", "to")]
            why = Column("why", wraps=True)
            screen.table([Column("id"), Column("failed"), *yields, why], rows)
    if page.next_page_token:
        screen.remark(f"there are more: --page-token {page.next_page_token}")
    return 0


def replay(options: Namespace) -> int:
    """Send once more what could not be sent, or what waits in doubt."""
    screen, old = Screen(), message_id(options.id)
    with looking_engine(options) as engine:
        try:
            new = engine.messenger.replay(old, again=options.again)
        except StateError as error:
            screen.remark(f"messaging: {error}")
            return 1
    if new.id == old:
        screen.line(f"{old} was in doubt, and is due now: it may arrive twice")
    else:
        screen.line(f"{old} is sent again as {new.id}, which is {new.status}")
    return 0


def receipts(options: Namespace) -> int:
    """List the receipts that were put aside, or let a worker apply them again."""
    screen = Screen()
    with looking_engine(options) as engine:
        if options.retry:
            number = engine.messenger.retry_receipts()
            screen.line(f"{number} receipts are applied again as soon as a worker runs")
            return 0
        entries = engine.messenger.failed_receipts(limit=options.limit, after=options.after)
    if not entries:
        screen.remark("no receipts failed")
        return 0
    rows = [
        (
            str(entry.position),
            moment(entry.received_at)[:16],
            type(entry.receipt).__name__ if entry.receipt else "",
            entry.receipt.source if entry.receipt else "",
            (entry.receipt.reference if entry.receipt else None) or "",
        )
        for entry in entries
    ]
    names = ("number", "received", "kind", "source")
    screen.table([*map(Column, names), Column("reference", yields=True)], rows)
    return 0


def webhooks(options: Namespace) -> int:
    """List the webhooks that were given up, the earliest first, or send them again."""
    screen = Screen()
    with looking_engine(options) as engine:
        if options.replay:
            number = engine.messenger.webhooks.replay(limit=options.limit)
            screen.line(f"{number} webhooks are sent again as soon as a sender runs")
            return 0
        deliveries = engine.messenger.webhooks.dead(limit=options.limit)
    if not deliveries:
        screen.remark("no webhooks were given up")
        return 0
    rows = [
        (
            str(delivery.id),
            moment(delivery.due_at)[:16],
            str(delivery.message_id),
            str(delivery.attempts),
            delivery.failure or "",
        )
        for delivery in deliveries
    ]
    attempts = Column("attempts", is_number=True)
    screen.table(
        [Column("id"), Column("given up"), Column("message"), attempts, Column("why")], rows
    )
    return 0


def doubts(options: Namespace) -> int:
    """Count the attempts that may have been accepted or not, and how they ended."""
    screen = Screen()
    with looking_engine(options) as engine:
        counted = engine.messenger.doubts()
    rows = [(name, f"{count:,}") for name, count in asdict(counted).items()]
    columns = [Column("attempts in doubt"), Column("number", is_number=True)]
    screen.table(columns, [*rows, ("open now", f"{counted.open:,}")])
    return 0
