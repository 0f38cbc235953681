"""A process that accepts and delivers what others do too; see `limited_worker`.

Usage: python -m faults.racing_process SETTINGS, where the settings are JSON:

    database or dsn   the storage
    keys              idempotency keys that all processes use, each for one message to a person
    people            how many persons there are
    cap               how many messages a person may get in a day

It begins when its input ends, and says the ids that it was given, and those that it delivered.
"""

import os
from typing import Any
from uuid import UUID

from faults.processes import say
from faults.shop import open_storage
from messaging_core import Channel, Messenger, Worker
from messaging_core.models.policy.send_rules import FrequencyCap, SendRules
from messaging_core.testing import RecordingTransport, a_request

OFFERS = Channel(
    id=UUID(int=7), name="offers", platform="sms", sender="Shop", message_type="promotional"
)


def main(settings: dict[str, Any]) -> None:
    """Accept every key, and deliver until nothing is due."""
    transport = RecordingTransport()
    rules = SendRules(
        frequency_caps=FrequencyCap(limit=settings["cap"], only_if_asked=False)  # type: ignore[arg-type] # one alone
    )
    with Messenger(
        storage=open_storage(settings), channels={OFFERS: transport}, send_rules=rules
    ) as messenger:
        say(ready=True)
        os.read(0, 1)
        numbers = range(settings["keys"])
        accepted = [
            str(
                messenger.send(
                    "offers",
                    a_request("Hi", to=f"+3161234{number % settings['people']:04}"),
                    idempotency_key=f"key-{number}",
                ).id
            )
            for number in numbers
        ]
        Worker(messenger, threads=4, batch=5).drain()
        sent = [envelope.receivers[0].value for envelope in transport.sent]
        say(accepted=accepted, sent=sent)
