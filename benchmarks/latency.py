"""Measure how long an idle worker takes to hand over a message that was just accepted.

In the same process `send` wakes the worker. A worker in another process looks at the storage as
often as `Worker.run` says.
"""

import sys
import threading
from statistics import median
from time import perf_counter, sleep

import orjson

from _hosts import QUICK, SMS, Provider, messenger, stays_below
from _requests import minimal
from messaging_core import Worker
from messaging_core.models.delivery.outcome import Outcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.transport import Handoff

ROUNDS = 10 if QUICK else 40
LONGEST_MS = 10.0


class Noticing(Provider):
    """Keep the instant of the latest call."""

    def __init__(self) -> None:
        super().__init__()
        self.called = threading.Event()
        self.called_at = 0.0

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        """Note the time before anything else."""
        self.called_at = perf_counter()
        self.called.set()
        return super().send(envelope, handoff)


def milliseconds(**options: bool) -> float:
    """Return the median time from the return of `send` to the call of the transport."""
    transport, stop, times = Noticing(), threading.Event(), []
    with messenger(transport=transport, **options) as host:
        thread = threading.Thread(target=Worker(host).run, args=(stop,))
        thread.start()
        for number in range(ROUNDS):
            sleep(0.05)  # idle again
            transport.called.clear()
            host.send(SMS, orjson.dumps(minimal(number)))
            accepted_at = perf_counter()
            transport.called.wait(10)
            times.append(max(0.0, transport.called_at - accepted_at))
        stop.set()
        thread.join()
    return median(times) * 1000


if __name__ == "__main__":
    results = [
        stays_below("idle, default file", milliseconds(), LONGEST_MS, "ms"),
        stays_below("idle, exclusive", milliseconds(exclusive=True), LONGEST_MS, "ms"),
    ]
    sys.exit(0 if all(results) else 1)
