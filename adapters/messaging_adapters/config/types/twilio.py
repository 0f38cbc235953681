"""The type `twilio`."""

from typing import Final

from messaging_adapters.receipts.twilio import TwilioReceipts
from messaging_core.ports.configuration import AdapterType

RECEIPTS: Final = AdapterType(
    make=TwilioReceipts,
    secrets=frozenset({"auth_token"}),
    username=None,
    password="auth_token",  # noqa: S106 - the name of an option
    host=None,
)
