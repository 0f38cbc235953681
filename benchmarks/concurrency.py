"""Measure what providers that answer slowly reach with how many threads.

A provider that takes 50 ms can do no more than 20 messages a second with each thread. The figures
say how near the engine comes to that. First everything is a default: the file, the durable
hand-off, the threads of the worker. Then the channel names its concurrency, which the worker's
threads follow.
"""

import sys

import orjson

from _hosts import QUICK, Provider, messenger, rate, reaches
from _requests import minimal
from messaging_core import Channel, Worker

DEFAULT_THREADS = 32
SECONDS = 1.0 if QUICK else 3.0
DEFAULTS = {0.005: 300.0, 0.05: 350.0, 0.2: 110.0}
"""At least so many messages a second with all defaults, by the seconds of an answer."""
SIZED = ((0.05, 8, 0.5), (0.05, 128, 0.2), (0.2, 64, 0.2), (0.2, 256, 0.2))
"""Seconds of an answer, threads, and the least share of the possible; alone on the file."""


def measure(channel: Channel, answer: float, threads: int, **storage: bool) -> float:
    """Return how many messages a second one channel delivers."""
    count = int(min(threads / answer, 2000) * SECONDS)
    with messenger(channel, Provider(answer), **storage) as host:
        host.send_many(channel, [orjson.dumps(minimal(number)) for number in range(count)])
        return rate(count, Worker(host).drain)


def main() -> int:
    """Print a line for each; fail where a figure misses its limit."""
    checks = []
    for answer, least in DEFAULTS.items():
        plain = Channel(name="slow", platform="sms", sender="Shop")
        name = f"defaults, {answer * 1000:.0f} ms"
        reached = measure(plain, answer, DEFAULT_THREADS)
        checks.append(reaches(name, reached, least, "messages/s"))
    for answer, threads, least in SIZED:
        sized = Channel(name="slow", platform="sms", sender="Shop", concurrency=threads)
        possible = threads / answer
        reached = measure(sized, answer, threads, exclusive=True)
        name = f"exclusive, {answer * 1000:.0f} ms, {threads} threads"
        print(f"{name}: {reached:,.0f} messages/s")
        checks.append(reaches(f"{name}, of the possible", reached / possible, least))
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
