"""The type `webpush`."""

from typing import Final

from messaging_adapters.transports.push.webpush import WebPushTransport
from messaging_core.models.common.channel import PUSH
from messaging_core.ports.configuration import AdapterType

TRANSPORT: Final = AdapterType(
    make=WebPushTransport,
    secrets=frozenset({"private_key"}),
    username=None,
    password="private_key",  # noqa: S106 - the name of an option
    host=None,
    platforms=frozenset({PUSH}),
)
