"""A process that takes as much of a shared rate limit as it can, and prints when it did.

It says when it is ready, and begins at the next line of its input.
"""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from uuid import UUID

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.errors import StorageBusyError
from messaging_core.policy.shared_rate import SharedRate
from messaging_core.ports.clock import SystemClock


class NotedClock(SystemClock):
    """Tells the time, and remembers what it told last: when a unit was used."""

    def now(self) -> datetime:
        self.last = super().now()
        return self.last


def main(file: str, limit: str, seconds: str) -> None:
    clock, used = NotedClock(), list[float]()
    with SqliteStorage(Path(file), journal_mode="TRUNCATE") as storage:
        rate = SharedRate(storage, key="http", limit=int(limit), workspace=UUID(int=1), clock=clock)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        end = clock.now() + timedelta(seconds=float(seconds))
        while clock.now() < end:
            taken = rate.take()
            if taken:
                used.append(clock.last.timestamp())
            elif taken is None:
                try:
                    rate.refill()
                except StorageBusyError:
                    continue
            else:
                sleep(min(rate.wait().total_seconds(), 0.001))
    sys.stdout.write(json.dumps(used))


if __name__ == "__main__":
    main(*sys.argv[1:])
