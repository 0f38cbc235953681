"""A sender of webhooks in a process of its own; it ends when its standard input is closed.

Usage: python -m faults.notifying SETTINGS, where the settings are JSON:

    database, exclusive, synchronous   the file, and how it is opened
    port, authority                    where all receivers listen, and the file of their CA
    ahead                              seconds by which its clock is ahead
"""

import json
import socket
import ssl
import sys
import threading
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen

from faults.processes import say, when_told_to_end
from faults.shop import ORDERS, open_storage
from messaging_adapters.http_clients.public_addresses import is_public
from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_core import Messenger
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.testing import RecordingTransport


@frozen
class Ahead(Clock):
    """The clock of the machine, set forward."""

    span: timedelta

    def now(self) -> datetime:
        return SystemClock().now() + self.span


def main(settings: dict[str, Any]) -> None:
    """Send webhooks until told to end, or killed."""
    client = Urllib3Client(
        timeout=timedelta(seconds=5),
        ssl_context=ssl.create_default_context(cafile=settings["authority"]),
        resolve=lambda *_: ["93.184.216.34"],
        connect=lambda _, timeout: socket.create_connection(
            ("127.0.0.1", settings["port"]), timeout
        ),
        allows=is_public,
    )
    messenger = Messenger(
        storage=open_storage(settings),
        channels={ORDERS: RecordingTransport()},
        clock=Ahead(timedelta(seconds=settings["ahead"])),
    )
    stop = threading.Event()
    when_told_to_end(stop.set)
    say(ready=True)
    messenger.webhook_sender(client).run(stop)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
