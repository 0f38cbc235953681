"""The type `ses`."""

from typing import Final

from messaging_adapters.receipts.ses import SesReceipts
from messaging_adapters.transports.email.ses import SesTransport
from messaging_core.models.common.channel import EMAIL
from messaging_core.ports.configuration import AdapterType

RECEIPTS: Final = AdapterType(
    make=SesReceipts,
    secrets=frozenset(),  # SNS signs with certificates
    username=None,
    password=None,
    host=None,
)

TRANSPORT: Final = AdapterType(
    make=SesTransport,
    secrets=frozenset({"secret_access_key", "session_token"}),
    username="access_key_id",
    password="secret_access_key",  # noqa: S106 - the name of an option
    host="region",
    platforms=frozenset({EMAIL}),
    together=[("access_key_id", "secret_access_key")],
)
