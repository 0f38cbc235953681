"""Transports for development: they write to the console or into files."""

from messaging_adapters.transports.development.console import ConsoleTransport
from messaging_adapters.transports.development.file import FileTransport

__all__ = ["ConsoleTransport", "FileTransport"]
