"""Measure what providers that answer slowly reach with how many threads, with the durable mark.

A provider that takes 50 ms can do no more than 20 messages a second with each thread. The figures
say how near the engine comes to that, on SQLite with `synchronous=FULL`.
"""

import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep

import orjson

from _requests import minimal
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, Worker
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.transport import Capabilities, Handoff, Transport

ANSWERS, THREADS, SECONDS = (0.05, 0.2), (8, 32, 64, 128), 3.0
LEAST = 0.5
"""What share of the possible at least 8 threads reach; more depends on the machine."""


class Slow(Transport):
    """Take some time to answer."""

    name = "slow"
    capabilities = Capabilities()

    def __init__(self, answer: float) -> None:
        self._answer = answer

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        """Answer late."""
        handoff()
        sleep(self._answer)
        return Accepted(references=(envelope.message_id.hex,))


def rate(answer: float, threads: int) -> float:
    """Return how many messages a second go through one channel."""
    count = int(threads / answer * SECONDS)
    channel = Channel(name="slow", platform="sms", sender="Shop", concurrency=threads)
    with (
        tempfile.TemporaryDirectory() as folder,
        SqliteStorage(Path(folder) / "messages.db", exclusive=True) as storage,
    ):
        messenger = Messenger(storage=storage, channels={channel: Slow(answer)})
        messenger.send_many(channel, [orjson.dumps(minimal(number)) for number in range(count)])
        began = perf_counter()
        Worker(messenger, batch=max(100, 4 * threads)).drain()
        return count / (perf_counter() - began)


def main() -> int:
    """Print a line for each; fail where few threads do not reach what they could."""
    is_near = True
    for answer in ANSWERS:
        for threads in THREADS:
            found, possible = rate(answer, threads), threads / answer
            is_near &= threads > min(THREADS) or found >= LEAST * possible
            print(
                f"{answer * 1000:4.0f} ms, {threads:4} threads: {found:7,.0f} messages/s"
                f" of {possible:7,.0f} possible, {found / possible:.0%}",
                flush=True,
            )
    return 0 if is_near else 1


if __name__ == "__main__":
    sys.exit(main())
