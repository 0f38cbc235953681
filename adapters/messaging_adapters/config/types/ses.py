"""The type `ses`."""

from typing import Final

from messaging_adapters.transports.email.ses import SesTransport
from messaging_core.models.common.channel import EMAIL
from messaging_core.ports.configuration import AdapterType

TRANSPORT: Final = AdapterType(
    make=SesTransport,
    secrets=frozenset({"secret_access_key", "session_token"}),
    username="access_key_id",
    password="secret_access_key",  # noqa: S106 - the name of an option
    host="region",
    platforms=frozenset({EMAIL}),
    together=[("access_key_id", "secret_access_key")],
)
