"""What several benchmarks share: a messenger on a new file, a transport, a rate, a verdict."""

import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from time import perf_counter, process_time, sleep
from types import ModuleType
from typing import Any

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.transport import Capabilities, Handoff, Transport

QUICK = "--quick" in sys.argv
"""Measure less, for a run of about two minutes in all."""
MARGIN = 3.0 if QUICK else 1.0
"""How many times a figure may miss its limit: a short run finds gross faults only."""
CPU_MARGIN = 1.5 if QUICK else 1.0
"""The same for figures that a short run counts in processor time: half the rate misses it."""

cpu_in_short = process_time if QUICK else perf_counter
"""A clock: processor time in a short run, so that other programs on the machine disturb little."""


def _driver() -> ModuleType:
    names = [text.partition("=")[2] for text in sys.argv if text.startswith("--driver=")]
    return import_module(names[0]) if names else sqlite3


DRIVER = _driver()
"""The module with which the engine opens its files: `--driver=pysqlite3` for a newer SQLite."""

SMS = Channel(name="orders", platform="sms", sender="+31612345678")


class Provider(Transport):
    """Accept every message, after `answer` seconds."""

    name = "provider"
    capabilities = Capabilities()

    def __init__(self, answer: float = 0) -> None:
        self._answer = answer

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        """Hand off, wait, accept."""
        handoff()
        if self._answer:
            sleep(self._answer)
        return Accepted(references=(envelope.message_id.hex,))


@contextmanager
def messenger(
    channel: Channel = SMS, transport: Transport | None = None, **options: Any
) -> Iterator[Messenger]:
    """Open a messenger on a new SQLite file; `options` are those of `SqliteStorage`."""
    with (
        tempfile.TemporaryDirectory() as folder,
        SqliteStorage(Path(folder) / "messages.db", driver=DRIVER, **options) as storage,
    ):
        yield Messenger(storage=storage, channels={channel: transport or Provider()})


def rate(count: int, work: Callable[[], Any], clock: Callable[[], float] = perf_counter) -> float:
    """Return how many a second `work` does, if it does `count`."""
    start = clock()
    work()
    return count / (clock() - start)


def reaches(
    name: str, figure: float, limit: float, unit: str = "times", margin: float = MARGIN
) -> bool:
    """Print a figure beside the limit that it must reach."""
    least = limit / margin
    verdict = "ok" if figure >= least else "MISSED"
    print(f"{name:48}{figure:8.2f} {unit}, at least {least:.4g}: {verdict}", flush=True)
    return figure >= least


def stays_below(name: str, figure: float, limit: float, unit: str = "times") -> bool:
    """Print a figure beside the limit that it must not exceed."""
    most = limit * MARGIN
    verdict = "ok" if figure <= most else "MISSED"
    print(f"{name:48}{figure:8.2f} {unit}, at most {most:.4g}: {verdict}", flush=True)
    return figure <= most
