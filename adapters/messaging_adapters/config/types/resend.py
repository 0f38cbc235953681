"""The type `resend`."""

from typing import Final

from messaging_adapters.receipts.resend import ResendReceipts
from messaging_adapters.transports.email.resend import ResendTransport
from messaging_core.models.common.channel import EMAIL
from messaging_core.ports.configuration import AdapterType

RECEIPTS: Final = AdapterType(
    make=ResendReceipts,
    secrets=frozenset({"secret", "api_key"}),
    username=None,
    password="secret",  # noqa: S106 - the name of an option
    host=None,
)

TRANSPORT: Final = AdapterType(
    make=ResendTransport,
    secrets=frozenset({"api_key"}),
    username=None,
    password="api_key",  # noqa: S106 - the name of an option
    host=None,
    platforms=frozenset({EMAIL}),
)
