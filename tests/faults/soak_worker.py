"""A worker of a soak test, with a subscriber and a sender of webhooks; see `faults.soak_host`.

Usage: python -m faults.soak_worker SETTINGS, where the settings are JSON:

    database or dsn    the storage
    folder             where processes note what they did, a line each
    port, authority    where the receiver of webhooks listens, and the file of its CA
    lease              seconds

It ends when its standard input is closed.
"""

import os
import socket
import ssl
import threading
from datetime import timedelta
from pathlib import Path
from time import time
from typing import Any

from attrs import evolve

from faults.processes import say, when_told_to_end
from faults.shop import ORDERS, open_storage
from messaging_adapters.http_clients.public_addresses import is_public
from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_core import Messenger, Worker
from messaging_core.models.common.failure import Failure, FailureCode
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.outcome import Accepted, Outcome, Rejected
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.transport import Capabilities, Handoff, Transport

SUBSCRIBER = "soak"
THREADS = 3
CHANNEL = evolve(ORDERS, in_doubt_timeout=timedelta(0))


class Erratic(Transport):
    """Note each message and when it came; refuse one of 23."""

    name = "erratic"
    capabilities = Capabilities()

    def __init__(self, path: str) -> None:
        self._notes = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        handoff()
        if envelope.message_id.int % 23 == 0:
            return Rejected(failure=Failure(code=FailureCode.REFUSED))
        os.write(self._notes, f"{envelope.message_id.hex} {time():.3f}\n".encode())
        return Accepted(references=(str(envelope.message_id),))


def _client(settings: dict[str, Any]) -> Urllib3Client:
    """Return a client for which every public name is the receiver of the test."""
    return Urllib3Client(
        timeout=timedelta(seconds=5),
        ssl_context=ssl.create_default_context(cafile=settings["authority"]),
        resolve=lambda *_: ["93.184.216.34"],
        connect=lambda _, timeout: socket.create_connection(
            ("127.0.0.1", settings["port"]), timeout
        ),
        allows=is_public,
    )


def main(settings: dict[str, Any]) -> None:
    """Deliver, hear and tell until told to end, or killed."""
    folder = Path(settings["folder"])
    notes = os.open(folder / "events", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def hear(event: Event) -> None:
        line = f"{event.position} {event.kind} {event.message_id.hex} {event.status}\n"
        os.write(notes, line.encode())

    stop = threading.Event()
    when_told_to_end(stop.set)
    channels = {CHANNEL: Erratic(str(folder / "sent"))}
    with Messenger(storage=open_storage(settings), channels=channels) as messenger:
        messenger.subscribe(hear, name=SUBSCRIBER, from_start=True)
        lease = timedelta(seconds=settings["lease"])
        messenger.subscriptions.lease = lease
        sender = messenger.webhook_sender(_client(settings), threads=4)
        sender.lease = lease
        sending = threading.Thread(target=sender.run, args=(stop,))
        sending.start()
        say(ready=True)
        Worker(messenger, threads=THREADS, lease=lease).run(stop)
        sending.join()
