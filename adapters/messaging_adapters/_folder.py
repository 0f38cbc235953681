"""Reading files of one folder, and of no other."""

import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from messaging_core.errors import MediaError
from messaging_core.ports.media import Media

_ANY_TYPE: Final = "application/octet-stream"


def find_file(root: Path, steps: Sequence[str]) -> Path | None:
    """Return where a file is, every link followed, or nothing if it is not in the folder."""
    folder = root.resolve()
    try:
        path = folder.joinpath(*steps).resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: a ring of links
        return None
    return path if path.is_relative_to(folder) and path.is_file() else None


def read_file(path: Path | None, limit: int) -> Media:
    """Return a file that was found, with the type that its name says.

    Raises:
        MediaError: There is none, it is larger than `limit` bytes, or it cannot be read now.
    """
    if path is None:
        raise MediaError("there is no such file", permanent=True)
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise MediaError("the file cannot be read", permanent=False) from error
    if len(content) > limit:
        raise MediaError(f"it is larger than {limit} bytes", permanent=True)
    return Media(content=content, content_type=_content_type(path.name))


def _content_type(filename: str) -> str:
    content_type, compression = mimetypes.guess_type(filename)
    return content_type if content_type and not compression else _ANY_TYPE
