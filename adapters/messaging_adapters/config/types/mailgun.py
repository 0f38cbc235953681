"""The type `mailgun`."""

from typing import Final

from messaging_adapters.receipts.mailgun import MailgunReceipts
from messaging_adapters.transports.email.mailgun import MailgunTransport
from messaging_core.models.common.channel import EMAIL
from messaging_core.ports.configuration import AdapterType

RECEIPTS: Final = AdapterType(
    make=MailgunReceipts,
    secrets=frozenset({"signing_key"}),
    username=None,
    password="signing_key",  # noqa: S106 - the name of an option
    host=None,
)

TRANSPORT: Final = AdapterType(
    make=MailgunTransport,
    secrets=frozenset({"api_key"}),
    username=None,
    password="api_key",  # noqa: S106 - the name of an option
    host="domain",
    platforms=frozenset({EMAIL}),
)
