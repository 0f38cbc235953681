"""`manage.py messaging_worker`: deliver messages until a signal ends it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from messaging_adapters.cli.interrupts import stoppable
from messaging_adapters.django.engine import make_worker_messenger
from messaging_core.errors import ConfigurationError
from messaging_core.worker import Worker


class Command(BaseCommand):
    """Runs a worker on connections of its own."""

    help = (
        "Delivers messages as they become due. SIGTERM or Ctrl-C stops it: it finishes what is"
        " being handed over, and leaves the rest to other workers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add those of the worker."""
        parser.add_argument(
            "--threads", type=int, default=32, help="calls of a channel at the same time"
        )
        parser.add_argument(
            "--once", action="store_true", help="deliver what is due now, then end: for cron"
        )

    def handle(self, *, threads: int, once: bool, **_: Any) -> None:
        """Deliver until the end, and print what was done."""
        try:
            with make_worker_messenger() as messenger, stoppable() as stop:
                worker = Worker(messenger, threads=threads)
                self.stdout.write("delivering; stop with SIGTERM or Ctrl-C")
                self.stdout.flush()
                report = worker.drain() if once else worker.run(stop)
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(report))
