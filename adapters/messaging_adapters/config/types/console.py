"""The type `console`."""

from typing import Final

from messaging_adapters.transports.development.console import ConsoleTransport
from messaging_core.ports.configuration import AdapterType

CONSOLE: Final = AdapterType(make=ConsoleTransport, username=None, password=None, host=None)
