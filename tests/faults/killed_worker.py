"""A worker to be killed: it hands messages over by appending their ids to a file.

Usage: killed_worker.py DATABASE FILE
"""

import os
import sys
import threading
from datetime import timedelta
from pathlib import Path

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, Worker
from messaging_core.models.envelope import Envelope
from messaging_core.models.outcome import Accepted, Outcome
from messaging_core.ports.transport import Capabilities, Handoff, Transport

CHANNEL = Channel(name="orders", platform="sms", sender="Shop")
LEASE = timedelta(seconds=1)


class Ledger(Transport):
    """Hand over with one write that a killed process has either made or not."""

    name = "ledger"
    capabilities = Capabilities()

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        """Take a moment before and after the point of no return, as networks do."""
        threading.Event().wait(0.002)
        handoff()
        threading.Event().wait(0.001)
        os.write(self._file, f"{envelope.message_id}\n".encode())
        threading.Event().wait(0.001)
        return Accepted(references=(str(envelope.message_id),))


def main(database: str, ledger: str) -> None:
    """Deliver until killed."""
    storage = SqliteStorage(database, busy_timeout=timedelta(seconds=30))
    messenger = Messenger(storage=storage, channels={CHANNEL: Ledger(Path(ledger))})
    Worker(messenger, threads=4, batch=20, lease=LEASE).run(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
