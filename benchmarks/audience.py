"""Resolve lists of contacts, and compare the memory that large and small lists take.

Prints seconds and peak memory for a list of a tenth of the size and for the whole, and fails where
the larger one takes more than 1.2 times the memory of the smaller.
"""

import sys
import tempfile
import tracemalloc
from itertools import islice
from pathlib import Path
from time import perf_counter

from _hosts import QUICK, stays_below
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Messenger
from messaging_core.models import Identifier, User
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.notifications.audience import ContactAudience

CHUNK = 1000 if QUICK else 10_000
ALLOWED = 1.2


def fill(messenger: Messenger, name: str, count: int) -> None:
    """Make a list of so many contacts, some of whom may be known already."""
    joined = messenger.contacts.create_list(name)
    now = messenger.clock.now()
    numbers = iter(range(count))
    while chunk := list(islice(numbers, CHUNK)):
        identifiers = [
            Identifier(identifier_key="emailaddress", identifier_value=f"c{number}@shop.example")
            for number in chunk
        ]
        with messenger.storage.begin() as tx:
            fresh = (f"customer-{number:07}" for number in chunk)
            ids = tx.contacts.ensure(
                DEFAULT_WORKSPACE, identifiers, now=now, new_id=lambda fresh=fresh: next(fresh)
            )
            tx.lists.add_members(DEFAULT_WORKSPACE, joined.id, ids)


def walk(messenger: Messenger, name: str) -> tuple[int, float]:
    """Return how many users a list has, and in how many seconds they were met."""
    start = perf_counter()
    users = ContactAudience(messenger.storage).resolve([], [name])
    count = sum(isinstance(user, User) for user in users)
    return count, perf_counter() - start


def peak(messenger: Messenger, name: str) -> float:
    """Return the most memory, in MiB, that a walk takes."""
    tracemalloc.start()
    walk(messenger, name)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 2**20


def main(count: int) -> int:
    """Print the figures; fail when memory grows with the list."""
    peaks = []
    with (
        tempfile.TemporaryDirectory() as folder,
        SqliteStorage(Path(folder) / "contacts.db", synchronous="NORMAL") as storage,
    ):
        messenger = Messenger(storage=storage, channels={})
        sizes = {"small": count // 10, "large": count}
        for name, size in reversed(sizes.items()):
            fill(messenger, name, size)
        walk(messenger, "small")
        for name, size in sizes.items():
            size_walked, seconds = walk(messenger, name)
            assert size_walked == size
            peaks.append(peak(messenger, name))
            print(f"{size:9,} contacts  {seconds:6.2f} s  {peaks[-1]:6.2f} MiB at most")
    is_flat = stays_below("memory of a list ten times as long", peaks[1] / peaks[0], ALLOWED)
    return 0 if is_flat else 1


if __name__ == "__main__":
    sys.exit(main(10_000 if QUICK else 100_000))
