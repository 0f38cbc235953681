"""Reading files of one folder, and of no other."""

import errno
import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from messaging_core.errors import MediaError
from messaging_core.ports.media import Media

_NO_SUCH_FILE: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL}
)
_ANY_TYPE: Final = "application/octet-stream"


def find_file(root: Path, steps: Sequence[str]) -> Path | None:
    """Return where a file is, every link followed, or nothing if it is not in the folder.

    Raises:
        MediaError: A folder on the way may not be entered, or cannot be read now.
    """
    try:
        folder = root.resolve()
        path = folder.joinpath(*steps).resolve(strict=True)
        return path if path.is_relative_to(folder) and path.is_file() else None
    except (RuntimeError, ValueError):  # a ring of links; a name that no file can have
        return None
    except OSError as error:
        if error.errno in _NO_SUCH_FILE:
            return None
        raise MediaError("the file cannot be read", permanent=False) from error


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
