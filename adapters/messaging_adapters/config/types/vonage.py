"""The type `vonage`."""

from typing import Final

from messaging_adapters.receipts.vonage import VonageReceipts
from messaging_core.ports.configuration import AdapterType

RECEIPTS: Final = AdapterType(
    make=VonageReceipts,
    secrets=frozenset({"signature_secret"}),
    username=None,
    password="signature_secret",  # noqa: S106 - the name of an option
    host=None,
)
