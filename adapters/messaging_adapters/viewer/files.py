"""The style sheet and the script, under names that change with their content."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from attrs import frozen

_FOLDER: Final = Path(__file__).parent / "static"
_MEDIA_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_HASH_LENGTH: Final = 12


@frozen
class StaticFile:
    """One file.

    Attributes:
        name: By which it is served.
        content: Its bytes.
        media_type: What it is.
    """

    name: str
    content: bytes
    media_type: str


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Return the files by their own names, such as `viewer.css`."""
    paths = (path for path in sorted(_FOLDER.iterdir()) if path.suffix in _MEDIA_TYPES)
    return {path.name: _read(path) for path in paths}


def served_names() -> dict[str, str]:
    """Return the names by which the files are served, by their own names."""
    return {name: file.name for name, file in static_files().items()}


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    name = f"{path.stem}.{sha256(content).hexdigest()[:_HASH_LENGTH]}{path.suffix}"
    return StaticFile(name, content, _MEDIA_TYPES[path.suffix])
