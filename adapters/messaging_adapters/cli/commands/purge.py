"""The command that takes out what is old."""

import sys
from argparse import Namespace
from datetime import datetime
from typing import Final

from messaging_adapters.cli.config.engine import Engine, looking_engine
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.output.timestamps import read_moment
from messaging_core.models.messages.retention import Keep

_MOST_COUNTED: Final = 10_000


def purge(options: Namespace) -> int:
    """Delete or redact old messages, and say how many there were.

    On a terminal it asks first, unless `--yes` is given; `--dry-run` only counts.
    """
    screen = Screen()
    before = read_moment(options.before, options.clock.now())
    with looking_engine(options) as engine:
        if options.dry_run:
            screen.line(f"{_what(engine, options, before)}; nothing was changed")
            return 0
        asks = sys.stdin is not None and sys.stdin.isatty() and not options.yes
        if asks and not _agrees(screen, _what(engine, options, before)):
            screen.remark("nothing was changed")
            return 1
        purged = engine.messenger.purge(before=before, keep=Keep(options.keep), limit=options.limit)
    screen.line(
        f"{purged.deleted} messages deleted, {purged.redacted} redacted, "
        f"{purged.receipts} receipts deleted"
    )
    if purged.audit:
        screen.line(f"{purged.audit} entries of the audit log deleted")
    if purged.more:
        screen.remark("messaging: the limit was reached: there may be more")
    return 0


def _what(engine: Engine, options: Namespace, before: datetime) -> str:
    """Return what a purge would do, in words."""
    deletes = options.keep == Keep.NOTHING
    limit = _MOST_COUNTED if options.limit is None else min(options.limit, _MOST_COUNTED)
    with engine.storage.begin(read_only=True) as tx:
        number = len(tx.retention.find_expired(before=before, limit=limit, with_redacted=deletes))
    at_least = "at least " if number == _MOST_COUNTED else ""
    verb = "deleted" if deletes else "redacted"
    return f"{at_least}{number:,} messages from before {before.isoformat()} would be {verb}"


def _agrees(screen: Screen, what: str) -> bool:
    """Ask, and return whether the answer is yes; the end of the input is no."""
    screen.remark(f"{what}, with their receipts. Go on? [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
