"""A process that sends under keys which others use too, and prints the messages it gets.

Usage: racing_sender.py DATABASE KEYS. It begins when a line comes in, and prints an id a key.
"""

import sys
from datetime import timedelta
from pathlib import Path

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger
from messaging_core.testing import RecordingTransport, a_request

CHANNEL = Channel(name="orders", platform="sms", sender="Shop")
PATIENCE = timedelta(seconds=60)


def main(database: Path, keys: int) -> None:
    """Send one message for each key."""
    with SqliteStorage(database, busy_timeout=PATIENCE) as storage:
        messenger = Messenger(storage=storage, channels={CHANNEL: RecordingTransport()})
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        for number in range(keys):
            message = messenger.send("orders", a_request(f"{number}"), idempotency_key=f"{number}")
            sys.stdout.write(f"{message.id}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
