"""The commands that move everything from one database to another."""

from argparse import Namespace
from functools import partial

from messaging_adapters.cli.config.engine import looking_engine, viewing_engine
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.storage.transfer import export_storage, import_storage


def export_database(options: Namespace) -> int:
    """Write everything in the database into a file, and say how much it was."""
    screen = Screen()
    progress = partial(screen.progress, "Exporting", unit="rows")

    with looking_engine(options) as engine:
        now = options.clock.now()
        rows = export_storage(engine.storage, options.file, now=now, progress=progress)
    screen.line(f"{rows:,} rows exported to {options.file}")
    return 0


def import_database(options: Namespace) -> int:
    """Write an exported file into a database, which is made when it is not there."""
    screen = Screen()
    progress = partial(screen.progress, "Importing", unit="rows")

    with viewing_engine(options) as engine:
        now = options.clock.now()
        rows = import_storage(engine.storage, options.file, now=now, progress=progress)
    screen.line(f"{rows:,} rows imported from {options.file}, as many as were exported")
    return 0
