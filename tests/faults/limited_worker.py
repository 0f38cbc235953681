"""A worker in a process of its own, whose transport has a shared limit; see `delivering`.

Usage: python -m faults.limited_worker SETTINGS, where the settings are JSON:

    database or dsn   the storage
    port              of the provider
    limits, limit     the table `limits` of a configuration, and which one the channel has
    threads           of the worker
"""

import threading
from typing import Any

from faults.processes import say, when_told_to_end
from faults.shop import open_storage
from messaging_adapters.config import load_config
from messaging_core import Messenger, Worker

CHANNEL_ID = "0192e4a0-7c5d-7000-8000-000000000001"


def main(settings: dict[str, Any]) -> None:
    """Deliver until the input ends."""
    config = load_config(
        {
            "channels": {
                "orders": {
                    "id": CHANNEL_ID,
                    "platform": "sms",
                    "sender": "Shop",
                    "limit": settings["limit"],
                    "transport": {
                        "type": "twilio",
                        "account_sid": "AC" + "1" * 32,
                        "auth_token": "s3cret",
                        "base_url": f"http://127.0.0.1:{settings['port']}",
                    },
                }
            },
            "limits": settings["limits"],
        }
    )
    transports = config.make_transports({})
    channels = {config.channels[name]: made for name, made in transports.items()}
    stop = threading.Event()
    with Messenger(storage=open_storage(settings), channels=channels) as messenger:
        say(ready=True)
        when_told_to_end(stop.set)
        Worker(messenger, threads=settings["threads"]).run(stop)
