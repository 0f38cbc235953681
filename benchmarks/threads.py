"""Compare many threads that call `send` on one messenger with one thread that does.

Each message is durable when `send` returns (`synchronous=FULL`), with the default file and alone on
the file. One thread and many take turns.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from statistics import median, quantiles
from time import perf_counter

import orjson

from _hosts import QUICK, SMS, messenger, reaches, stays_below
from _requests import minimal
from messaging_core import Messenger

THREADS = (1, 4, 16, 64)
ROUNDS, EACH = (2, 200) if QUICK else (5, 1600)
LEAST = {16: 1.1, 64: 0.9}
"""How many times the rate of one thread; 64 threads of one process also share one interpreter."""
LONGEST_TAIL = 3.0


def send(host: Messenger, threads: int, count: int) -> tuple[float, list[float]]:
    """Send `count` messages; return how many a second, and the seconds of each call."""
    requests = [orjson.dumps(minimal(number)) for number in range(count)]

    def call(share: list[bytes]) -> list[float]:
        times = []
        for request in share:
            start = perf_counter()
            host.send(SMS, request)
            times.append(perf_counter() - start)
        return times

    shares = [requests[number::threads] for number in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        start = perf_counter()
        calls = [duration for times in pool.map(call, shares) for duration in times]
        return count / (perf_counter() - start), calls


def compare(name: str, **options: bool) -> bool:
    """Print the rate of each number of threads, and its ratio to that of one thread."""
    rates: dict[int, list[float]] = {threads: [] for threads in THREADS}
    alone: list[float] = []
    with messenger(**options) as host:
        send(host, 1, 100)
        for _ in range(ROUNDS):
            for threads in THREADS:
                rate, calls = send(host, threads, EACH)
                rates[threads].append(rate)
                alone += calls if threads == 1 else []
    is_fast = True
    for threads in THREADS:
        ratio = median(many / single for many, single in zip(rates[threads], rates[1], strict=True))
        print(f"{name}, {threads:3} threads: {median(rates[threads]):8,.0f} messages/s")
        if threads in LEAST:
            is_fast &= reaches(f"{name}, {threads} threads, of one thread", ratio, LEAST[threads])
    percentiles = quantiles(alone, n=100)
    tail = percentiles[98] / percentiles[49]
    is_steady = stays_below(f"{name}, one thread, p99 of p50", tail, LONGEST_TAIL)
    return is_fast and (is_steady or QUICK)  # a tail needs a quiet machine


if __name__ == "__main__":
    results = [compare("default file"), compare("exclusive", exclusive=True)]
    sys.exit(0 if all(results) else 1)
