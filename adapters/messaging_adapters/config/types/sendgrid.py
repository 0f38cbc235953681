"""The type `sendgrid`."""

from typing import Final

from messaging_adapters.receipts.sendgrid import SendGridReceipts
from messaging_adapters.transports.email.sendgrid import SendGridTransport
from messaging_core.models.common.channel import EMAIL
from messaging_core.ports.configuration import AdapterType

RECEIPTS: Final = AdapterType(
    make=SendGridReceipts,
    secrets=frozenset(),  # a public key
    username=None,
    password=None,
    host=None,
)

TRANSPORT: Final = AdapterType(
    make=SendGridTransport,
    secrets=frozenset({"api_key"}),
    username=None,
    password="api_key",  # noqa: S106 - the name of an option
    host=None,
    platforms=frozenset({EMAIL}),
)
