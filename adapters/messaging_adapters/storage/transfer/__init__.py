"""Move everything from one database to another: export it to a file, and import that file."""

from messaging_adapters.storage.transfer.export import export_storage
from messaging_adapters.storage.transfer.load import import_storage

__all__ = ["export_storage", "import_storage"]
