"""A worker in a process of its own; it ends when its standard input is closed.

Usage: python -m faults.delivering SETTINGS, where the settings are JSON:

    database, exclusive, synchronous   the file, and how it is opened
    transport, target                  who takes the messages: a key of TRANSPORTS
    lease                              seconds
    in_doubt_timeout                              seconds that a message in doubt waits for proof
    platform                           of the channels, which says how long a retry waits
    threads                            of the worker
    tenants                            deliver the messages of other workspaces too
    drain                              end by itself once nothing is due
"""

import http.client
import json
import os
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from time import sleep
from typing import Any

from attrs import evolve

from faults.processes import say, when_told_to_end
from faults.shop import OFFERS, ORDERS, TENANTS, open_storage
from messaging_adapters.transports.email.smtp import SmtpSecurity, SmtpTransport
from messaging_core import Messenger, Worker
from messaging_core.decisions.delivery.dispatch import MAX_CRASHES
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.transport import Capabilities, Handoff, Transport


class Spoken(Transport):
    """Hand over by saying the message's id, with one write that is made or not."""

    name = "spoken"
    capabilities = Capabilities()

    def __init__(self, target: str = "") -> None:
        self._file = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if target else 1

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        sleep(0.002)  # as long as connecting takes
        handoff()
        os.write(self._file, f"{os.getpid()} {envelope.message_id.hex}\n".encode())
        return Accepted(references=(str(envelope.message_id),))


class Keyed(Transport):
    """Hand over to a server that recognises a key that comes twice."""

    name = "keyed"
    capabilities = Capabilities(deduplicates_for=timedelta(days=1))

    def __init__(self, target: str) -> None:
        self._port = int(target)

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.connect()
            handoff()
            connection.request("PUT", f"/{envelope.message_id.hex}")
            reference = connection.getresponse().read().decode()
        finally:
            connection.close()
        return Accepted(references=(reference,))


def _smtp(target: str) -> Transport:
    return SmtpTransport("127.0.0.1", int(target), security=SmtpSecurity.NONE)


TRANSPORTS: dict[str, Callable[[str], Transport]] = {
    "keyed": Keyed,
    "smtp": _smtp,
    "spoken": Spoken,
}


def main(settings: dict[str, Any]) -> None:
    """Deliver until told to end, or killed."""
    storage = open_storage(settings)
    transport = TRANSPORTS[settings["transport"]](str(settings.get("target", "")))
    in_doubt_timeout = timedelta(seconds=settings.get("in_doubt_timeout", 0))
    channels = {
        evolve(
            channel,
            in_doubt_timeout=in_doubt_timeout,
            platform=settings.get("platform", channel.platform),
        ): transport
        for channel in (ORDERS, OFFERS, *(TENANTS if settings.get("tenants") else ()))
    }
    threads = settings.get("threads", 4)
    worker = Worker(
        Messenger(storage=storage, channels=channels),
        threads=threads,
        batch=max(20, 2 * threads),
        lease=timedelta(seconds=settings.get("lease", 900)),
        max_crashes=settings.get("max_crashes", MAX_CRASHES),
    )
    if settings.get("drain", False):
        worker.drain()
        return
    stop = threading.Event()
    when_told_to_end(stop.set)
    say(ready=True)
    say(stale=worker.run(stop).stale)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
