"""The type `twilio`."""

from typing import Final

from messaging_adapters.receipts.twilio import TwilioReceipts
from messaging_adapters.transports.sms.twilio import TwilioTransport
from messaging_core.models.common.channel import SMS
from messaging_core.ports.configuration import AdapterType

RECEIPTS: Final = AdapterType(
    make=TwilioReceipts,
    secrets=frozenset({"auth_token"}),
    username=None,
    password="auth_token",  # noqa: S106 - the name of an option
    host=None,
)

TRANSPORT: Final = AdapterType(
    make=TwilioTransport,
    secrets=frozenset({"auth_token", "api_secret"}),
    username="account_sid",
    password="auth_token",  # noqa: S106 - the name of an option
    host=None,
    platforms=frozenset({SMS}),
    together=[("api_key", "api_secret")],
)
