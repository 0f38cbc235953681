"""A host that accepts messages in PostgreSQL, and goes on when the server is lost.

Usage: python -m faults.accepting_postgres SETTINGS, where the settings are JSON:

    dsn    where the server is
    run    begins the reference of every message
    seed   of the choices

Every message has the reference RUN-CALL-NUMBER. What was said is checked by the test.
"""

import json
import random
import sys
from contextlib import suppress
from itertools import count
from time import sleep
from typing import Any

import psycopg
from attrs import define, field

from faults.accepting import requests_of
from faults.processes import say
from faults.shop import OFFERS, ORDERS, TENANTS, open_storage
from messaging_core import Channel, Message, Messenger
from messaging_core.errors import StateError, StorageError
from messaging_core.testing import RecordingTransport

_PAUSE = 0.05
_OF_TENANTS = 0.3


@define
class Host:
    """A host that accepts: its messenger, and a connection of its own while there is one."""

    messenger: Messenger
    dsn: str
    chance: random.Random
    channel: Channel = ORDERS
    connection: psycopg.Connection[Any] | None = None
    accepted: list[Message] = field(factory=list)

    def one(self, call: str, size: int) -> None:
        """Send one by one; what failed is repeated under its key."""
        for request in requests_of(call, size):
            self._keep([self._until_it_works("send", request, request.reference)])

    def many(self, call: str, size: int) -> None:
        """Send several at once."""
        requests = requests_of(call, size)
        keys = [request.reference for request in requests]
        self._keep(self._until_it_works("send_many", requests, keys))

    def batch(self, call: str, size: int) -> None:
        """Send a batch."""
        self._until_it_works("send_batch", requests_of(call, size), call)

    def _until_it_works(self, name: str, requests: Any, key: Any) -> Any:
        send = getattr(self.messenger, name)
        argument = "idempotency_keys" if name == "send_many" else "idempotency_key"
        while True:
            try:
                return send(self.channel, requests, **{argument: key})
            except StorageError:
                sleep(_PAUSE)

    def with_an_order(self, call: str, size: int) -> None:
        """Send in the host's own transaction, together with a row of the host's."""
        if self.connection is None or self.connection.closed:
            self.connection = psycopg.connect(self.dsn)
        for request in requests_of(call, size):
            self.connection.execute("INSERT INTO host_orders VALUES (%s)", (request.reference,))
            self.messenger.send("offers", request, connection=self.connection)
        if self.chance.random() < 0.2:
            self.connection.rollback()
            raise psycopg.OperationalError("rolled back")
        self.connection.commit()

    def change(self) -> None:
        """Look a message up, and now and then withdraw it."""
        if not self.accepted:
            return
        message = self.chance.choice(self.accepted)
        with suppress(StorageError, StateError):
            self.messenger.get(message.id)
            if self.chance.random() < 0.1:
                self.messenger.cancel(message.id)

    def _keep(self, answers: list[Any]) -> None:
        if self.channel is ORDERS:
            self.accepted += [answer for answer in answers if isinstance(answer, Message)]
        del self.accepted[:-100]


def main(settings: dict[str, Any]) -> None:
    """Accept until killed."""
    channels = dict.fromkeys([ORDERS, OFFERS, *TENANTS], RecordingTransport())
    messenger = Messenger(storage=open_storage(settings), channels=channels)
    chance = random.Random(settings["seed"])  # noqa: S311 - picks ways and sizes
    host = Host(messenger, settings["dsn"], chance)
    for number in count():
        way, most = chance.choice(
            [(host.one, 1), (host.many, 20), (host.batch, 10), (host.with_an_order, 3)]
        )
        call, size = f"{settings['run']}-{number}", chance.randint(1, most)
        # Most messages are of one workspace, and the others wait in its shadow.
        host.channel = chance.choice(TENANTS) if chance.random() < _OF_TENANTS else ORDERS
        say(begin=call, size=size)
        try:
            way(call, size)
        except (StorageError, psycopg.Error):  # the host's own transaction: it was all, or nothing
            if host.connection is not None:
                host.connection.close()
            sleep(_PAUSE)
            continue
        say(done=call)
        host.change()
        sleep(settings.get("pause", 0.02))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
