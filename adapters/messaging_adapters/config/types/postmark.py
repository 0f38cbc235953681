"""The type `postmark`."""

from typing import Final

from messaging_adapters.receipts.postmark import PostmarkReceipts
from messaging_adapters.transports.email.postmark import PostmarkTransport
from messaging_core.models.common.channel import EMAIL
from messaging_core.ports.configuration import AdapterType

RECEIPTS: Final = AdapterType(
    make=PostmarkReceipts,
    secrets=frozenset({"secret"}),
    username="username",
    password="secret",  # noqa: S106 - the name of an option
    host=None,
)

TRANSPORT: Final = AdapterType(
    make=PostmarkTransport,
    secrets=frozenset({"server_token"}),
    username=None,
    password="server_token",  # noqa: S106 - the name of an option
    host=None,
    platforms=frozenset({EMAIL}),
)
