"""Imports, by using it once, what is imported only when it is used."""

from faults import accepting, delivering, notifying, unwritable
from faults.shop import ORDERS
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.transports.email.smtp import SmtpSecurity, SmtpTransport
from messaging_core import Messenger, Worker

PROCESSES = (accepting, delivering, notifying, unwritable)


def accept_and_deliver() -> None:
    """Accept a message, and try to deliver it to a port that no server listens on."""
    unreachable = SmtpTransport("127.0.0.1", 9, security=SmtpSecurity.NONE)
    with SqliteStorage(":memory:") as storage:
        messenger = Messenger(storage=storage, channels={ORDERS: unreachable})
        messenger.send_batch("orders", accepting.requests_of("warm-0", 2), idempotency_key="warm")
        Worker(messenger, threads=1).run_once()


accept_and_deliver()
