"""The command that takes out what is old."""

from argparse import Namespace

from messaging_adapters.cli.config.engine import looking_engine
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.output.timestamps import read_moment
from messaging_core.models.messages.retention import Keep


def purge(options: Namespace) -> int:
    """Delete or redact old messages, and say how many there were."""
    screen = Screen()
    before = read_moment(options.before, options.clock.now())
    with looking_engine(options) as engine:
        purged = engine.messenger.purge(before=before, keep=Keep(options.keep), limit=options.limit)
    screen.line(
        f"{purged.deleted} messages deleted, {purged.redacted} redacted, "
        f"{purged.receipts} receipts deleted"
    )
    if purged.more:
        screen.remark("messaging: the limit was reached: there may be more")
    return 0
