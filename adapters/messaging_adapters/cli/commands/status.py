"""The command that shows on one screen what waits, by channel, and who delivers."""

from argparse import Namespace
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from messaging_adapters.cli.config.engine import Engine, looking_engine
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.health_figures import figures_of
from messaging_core.models.delivery.health import Health
from messaging_core.models.messages.counts import CountBy
from messaging_core.models.messages.message import Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.wire import dump


def status(options: Namespace) -> int:
    """Show what is due and scheduled on each channel; the exit code is 1 if not all is well."""
    screen = Screen()
    with looking_engine(options) as engine:
        state = engine.messenger.health()
        scheduled = engine.messenger.counts(
            MessageQuery(status=Status.SCHEDULED), by=[CountBy.CHANNEL]
        )
        waiting = Counter(
            {count.channel_id: count.number for count in scheduled.counts if count.channel_id}
        )
        rows = _rows(engine, state, waiting)
        if options.json:
            channels = [_document(*row) for row in rows]
            figures = dump(figures_of(state, engine.name_of))
            screen.json(orjson.dumps(figures | {"channels": channels}))
        else:
            _show(screen, state, rows)
    return 0 if state.ready else 1


Row = tuple[str, int, datetime | None, int]
"""Name of a channel, what is due there, since when, and what is scheduled."""


def _rows(engine: Engine, state: Health, waiting: Counter[UUID]) -> list[Row]:
    configured = [channel.id for channel in engine.config.channels.values()]
    backlogs = [backlog.channel_id for backlog in state.backlog]
    return [
        _row(engine, state, channel_id, waiting[channel_id])
        for channel_id in dict.fromkeys([*configured, *backlogs, *waiting])
    ]


def _row(engine: Engine, state: Health, channel_id: UUID, waiting: int) -> Row:
    own = [backlog for backlog in state.backlog if backlog.channel_id == channel_id]
    since = min((backlog.oldest_due_at for backlog in own), default=None)
    return engine.name_of(channel_id), sum(backlog.number for backlog in own), since, waiting


def _document(name: str, due: int, since: datetime | None, scheduled: int) -> dict[str, Any]:
    return {"channel": name, "due": due, "oldestDueAt": since, "scheduled": scheduled}


def _show(screen: Screen, state: Health, rows: list[Row]) -> None:
    problems = ", ".join(problem.replace("_", " ") for problem in state.problems)
    more = "" if state.is_exact else "+"
    screen.line(f"not well: {problems}" if problems else "well")
    screen.line(
        f"{state.due}{more} due, {state.in_doubt}{more} in doubt,"
        f" {state.dead_letters}{more} dead letters in 24 h"
    )
    screen.line(f"{len(state.live)} workers, {len(state.silent)} silent")
    columns = [
        Column("channel", yields=True),
        Column("due", is_number=True),
        Column("due since"),
        Column("scheduled", is_number=True),
    ]
    screen.table(
        columns,
        [
            (name, str(due), f"{since:%Y-%m-%d %H:%M:%SZ}" if since else "", str(scheduled))
            for name, due, since, scheduled in rows
        ],
    )
