"""The type `file`."""

from typing import Final

from messaging_adapters.transports.development.file import FileTransport
from messaging_core.ports.configuration import AdapterType

FILE: Final = AdapterType(
    make=FileTransport, username=None, password=None, host=None, path="folder"
)
