"""A process with a circuit breaker that others share, which does what it is told line by line.

Usage: a `Child` with the settings

    database or dsn   the storage
    up                a file that is there while the provider is well

and then `send`, or the seconds by which its clock goes forward.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from faults.processes import say
from faults.shop import open_storage
from messaging_adapters.transports.composition.circuit_breaker import CircuitBreaker
from messaging_core import Messenger
from messaging_core.models import Accepted, Deferred, Outcome, Retry
from messaging_core.ports.clock import SystemClock
from messaging_core.testing import RecordingTransport, a_channel, a_failure
from messaging_core.testing.contracts.transport import CONTENTS, Leave, an_envelope

DOWN = Deferred(failure=a_failure(15001, retry=Retry.TRANSIENT))


class Provider(RecordingTransport):
    """Is well while a file is there, and counts."""

    def __init__(self, up: Path) -> None:
        super().__init__()
        self.calls = 0
        self._up = up

    def send(self, *_: Any) -> Outcome:
        self.calls += 1
        return Accepted() if self._up.exists() else DOWN


class ShiftedClock(SystemClock):
    """The clock of this machine, and some seconds more."""

    def __init__(self) -> None:
        self.seconds = 0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.seconds)


def main(settings: dict[str, Any]) -> None:
    """Do what each line says until the input ends."""
    provider, clock = Provider(Path(settings["up"])), ShiftedClock()
    breaker = CircuitBreaker(provider, failures=2, open_for=timedelta(minutes=5), key="provider")
    with Messenger(storage=open_storage(settings), channels={a_channel(): breaker}, clock=clock):
        for line in open(0, encoding="ascii", closefd=False):  # noqa: SIM115 - our input
            if line.strip() == "send":
                outcome = breaker.send(an_envelope(*CONTENTS[1]), Leave())
                say(outcome=type(outcome).__name__, calls=provider.calls)
            else:
                clock.seconds += int(line)
                say(clock=clock.seconds)
