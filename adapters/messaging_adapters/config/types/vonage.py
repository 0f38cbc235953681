"""The type `vonage`."""

from typing import Final

from messaging_adapters.receipts.vonage import VonageReceipts
from messaging_adapters.transports.sms.vonage import VonageTransport
from messaging_core.models.common.channel import SMS
from messaging_core.ports.configuration import AdapterType

RECEIPTS: Final = AdapterType(
    make=VonageReceipts,
    secrets=frozenset({"signature_secret"}),
    username=None,
    password="signature_secret",  # noqa: S106 - the name of an option
    host=None,
)

TRANSPORT: Final = AdapterType(
    make=VonageTransport,
    secrets=frozenset({"api_secret", "private_key"}),
    username="api_key",
    password="api_secret",  # noqa: S106 - the name of an option
    host=None,
    platforms=frozenset({SMS}),
    together=[("api_key", "api_secret"), ("application_id", "private_key")],
)
