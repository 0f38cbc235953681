"""The type `folder`."""

from pathlib import Path
from typing import Final

from messaging_adapters.media_stores.folder import FolderMediaStore
from messaging_core.ports.configuration import AdapterType


def _folder(folder: Path) -> FolderMediaStore:
    return FolderMediaStore(folder)


STORE: Final = AdapterType(
    make=_folder,
    secrets=frozenset(),
    username=None,
    password=None,
    host=None,
    path="folder",
)
