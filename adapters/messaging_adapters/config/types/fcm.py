"""The type `fcm`."""

from typing import Final

from messaging_adapters.transports.push.fcm import FcmTransport
from messaging_core.models.common.channel import PUSH
from messaging_core.ports.configuration import AdapterType

TRANSPORT: Final = AdapterType(
    make=FcmTransport,
    secrets=frozenset({"service_account"}),
    username=None,
    password="service_account",  # noqa: S106 - the name of an option
    host=None,
    platforms=frozenset({PUSH}),
)
