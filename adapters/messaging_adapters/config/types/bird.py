"""The type `bird`."""

from typing import Final

from messaging_adapters.receipts.bird import BirdReceipts
from messaging_adapters.transports.sms.bird import BirdTransport
from messaging_core.ports.configuration import AdapterType

RECEIPTS: Final = AdapterType(
    make=BirdReceipts,
    secrets=frozenset({"signing_key"}),
    username=None,
    password="signing_key",  # noqa: S106 - the name of an option
    host=None,
)

TRANSPORT: Final = AdapterType(
    make=BirdTransport,
    secrets=frozenset({"access_key"}),
    username=None,
    password="access_key",  # noqa: S106 - the name of an option
    host=None,
)
