"""The command that tells whether messages are delivered in time."""

from argparse import Namespace
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson

from messaging_adapters.cli.config.engine import looking_engine
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.screen import Screen
from messaging_core.models.delivery.health import Health


def health(options: Namespace) -> int:
    """Show workers, backlog, doubt and dead letters; the exit code is 1 if not all is well."""
    screen = Screen()
    with looking_engine(options) as engine:
        state = engine.messenger.health()
        if options.json:
            screen.json(orjson.dumps(document_of(state, engine.name_of)))
        else:
            _show(screen, state, engine.name_of)
    return 0 if state.ready else 1


def document_of(state: Health, name_of: Callable[[UUID], str]) -> dict[str, Any]:
    """Return the figures as JSON has them."""
    return {
        "ready": state.ready,
        "problems": list(state.problems),
        "oldestOverdueSeconds": state.oldest_overdue.total_seconds(),
        "due": state.due,
        "inWork": state.in_flight,
        "inDoubt": state.in_doubt,
        "deadLetters": state.dead_letters,
        "isExact": state.is_exact,
        "workers": len(state.live),
        "silentWorkers": len(state.silent),
        "backlog": [
            {
                "workspace": str(own.workspace),
                "channel": name_of(own.channel_id),
                "lane": own.lane.name.lower(),
                "number": own.number,
                "oldestDueAt": own.oldest_due_at.isoformat(),
            }
            for own in state.backlog
        ],
    }


def _show(screen: Screen, state: Health, name_of: Callable[[UUID], str]) -> None:
    problems = ", ".join(problem.replace("_", " ") for problem in state.problems)
    screen.line(f"not well: {problems}" if problems else "well")
    more = "" if state.is_exact else "+"
    rows = [
        ("oldest overdue", f"{state.oldest_overdue.total_seconds():.0f} s"),
        ("due", f"{state.due}{more}"),
        ("in doubt", f"{state.in_doubt}{more}"),
        ("dead letters, 24 h", f"{state.dead_letters}{more}"),
        ("workers", f"{len(state.live)} of {len(state.workers)}"),
    ]
    rows += [
        (f"due on {name_of(own.channel_id)}, {own.lane.name.lower()}", str(own.number))
        for own in state.backlog
    ]
    screen.table([Column("figure"), Column("number", is_number=True)], rows)
