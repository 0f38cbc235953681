"""Measure what a message takes on disk: accepted, delivered, redacted and deleted.

The bytes are pages in use: free pages, which SQLite gives to the next message, do not count.
"""

import sys
from datetime import timedelta

import orjson

from _hosts import QUICK, Provider, messenger, stays_below
from _requests import full, minimal
from messaging_core import Channel, Keep, Messenger, Worker
from messaging_core.ports.clock import SystemClock

COUNT = 500 if QUICK else 3000
SMS = Channel(name="orders", platform="sms", sender="+31612345678")
MAIL = Channel(name="support", platform="email", sender="support@shop.example")
REDACTED_OF_DELIVERED = 0.4


def bytes_in_use(host: Messenger) -> int:
    """Return the size of the pages that hold something."""
    connection = host.storage._connection  # type: ignore[attr-defined]  # noqa: SLF001
    page_size, count, free = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    return int(page_size * (count - free))


def measure(name: str, channel: Channel, request: dict[str, object]) -> float:
    """Print the bytes of a message through its life; return redacted of delivered."""
    requests = [
        orjson.dumps({key: value for key, value in request.items() if key != "scheduledFor"})
        for _ in range(COUNT)
    ]
    later = SystemClock().now() + timedelta(days=400)
    with messenger(channel=channel, transport=Provider()) as host:
        empty = bytes_in_use(host)
        sizes = {}
        host.send_many(channel, requests)
        sizes["accepted"] = bytes_in_use(host) - empty
        Worker(host).drain()
        sizes["delivered"] = bytes_in_use(host) - empty
        host.purge(before=later, keep=Keep.RECORD)
        sizes["redacted"] = bytes_in_use(host) - empty
        host.purge(before=later)
        sizes["deleted"] = bytes_in_use(host) - empty
    for state, size in sizes.items():
        print(f"{name}, {state:10}{size / COUNT:8,.0f} bytes a message")
    return sizes["redacted"] / sizes["delivered"]


if __name__ == "__main__":
    measure("SMS", SMS, minimal(1))
    ratio = measure("mail", MAIL, full(1))
    is_small = stays_below("redacted mail, of the delivered one", ratio, REDACTED_OF_DELIVERED)
    sys.exit(0 if is_small else 1)
