"""The type `sendgrid`."""

from typing import Final

from messaging_adapters.transports.email.sendgrid import SendGridTransport
from messaging_core.models.common.channel import EMAIL
from messaging_core.ports.configuration import AdapterType

TRANSPORT: Final = AdapterType(
    make=SendGridTransport,
    secrets=frozenset({"api_key"}),
    username=None,
    password="api_key",  # noqa: S106 - the name of an option
    host=None,
    platforms=frozenset({EMAIL}),
)
