"""The command that tells whether messages are delivered in time."""

from argparse import Namespace

from messaging_adapters.cli.config.engine import looking_engine
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.health_figures import HealthFigures, figures_of
from messaging_core.wire import encode


def health(options: Namespace) -> int:
    """Show workers, backlog, doubt and dead letters; the exit code is 1 if not all is well."""
    screen = Screen()
    with looking_engine(options) as engine:
        state = figures_of(engine.messenger.health(), engine.name_of)
        if options.json:
            screen.json(encode(state))
        else:
            _show(screen, state)
    return 0 if state.ready else 1


def _show(screen: Screen, state: HealthFigures) -> None:
    problems = ", ".join(problem.replace("_", " ") for problem in state.problems)
    screen.line(f"not well: {problems}" if problems else "well")
    more = "" if state.is_exact else "+"
    rows = [
        ("oldest overdue", f"{state.oldest_overdue_seconds:.0f} s"),
        ("due", f"{state.due}{more}"),
        ("in doubt", f"{state.in_doubt}{more}"),
        ("dead letters, 24 h", f"{state.dead_letters}{more}"),
        ("oldest receipt", f"{state.oldest_receipt_seconds:.0f} s"),
        ("workers", f"{state.workers} of {state.workers + state.silent_workers}"),
    ]
    rows += [(f"due on {own.channel}, {own.lane}", str(own.number)) for own in state.backlog]
    rows += [(f"blocked: {channel}", "") for channel in state.blocked_channels]
    screen.table([Column("figure"), Column("number", is_number=True)], rows)
