"""Files out of a folder of this machine."""

import mimetypes
from pathlib import Path
from typing import Final

from attrs import define, field

from messaging_core.errors import MediaError
from messaging_core.ports.files import NOWHERE, Files
from messaging_core.ports.media import Media
from messaging_core.rules.files import is_file_name

_ANY_TYPE: Final = "application/octet-stream"


@define(eq=False)
class FolderFiles(Files):
    """Keep files in a folder, and give nothing else away.

    Nothing outside the folder can be reached: neither by `..`, nor by an absolute path, nor by a
    symbolic link that leads out of it. Whoever can write to the folder is trusted.

    Attributes:
        root: The folder.
        base_url: What the URLs of its files begin with; the default leads nowhere, so that only
            this folder can open them.
    """

    root: Path = field(converter=Path)
    base_url: str = NOWHERE

    def __attrs_post_init__(self) -> None:
        """Let the URL end with a slash, so that no name can change its host."""
        self.base_url = f"{self.base_url.rstrip('/')}/"

    def size(self, name: str) -> int | None:  # noqa: D102 - the port's
        path = self._path(name)
        try:
            return path.stat().st_size if path else None
        except OSError as error:
            raise MediaError("the file cannot be read", permanent=False) from error

    def read(self, name: str, limit: int) -> Media:  # noqa: D102 - the port's
        path = self._path(name)
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

    def _path(self, name: str) -> Path | None:
        """Return where a file is, every link followed, or nothing if it is not in the folder."""
        if not is_file_name(name):
            return None
        root = self.root.resolve()
        try:
            path = root.joinpath(*name.split("/")).resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: a ring of links
            return None
        return path if path.is_relative_to(root) and path.is_file() else None


def _content_type(filename: str) -> str:
    content_type, compression = mimetypes.guess_type(filename)
    return content_type if content_type and not compression else _ANY_TYPE
