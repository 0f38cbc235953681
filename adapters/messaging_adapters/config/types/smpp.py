"""The type `smpp`."""

from typing import Final

from messaging_adapters.transports.sms.smpp import SmppSecurity, SmppTransport
from messaging_core.models.common.channel import SMS
from messaging_core.ports.configuration import AdapterType

SMPP: Final = AdapterType(
    make=SmppTransport,
    username="system_id",
    variants={name: {"security": str(name)} for name in SmppSecurity},
    platforms=frozenset({SMS}),
)
