"""Media out of a folder of this machine, under URLs that lead nowhere else."""

import mimetypes
import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from attrs import define, field

from messaging_core.errors import MediaError
from messaging_core.ports.media import Media, MediaSource

# What is no plain name on some system: separators, drives, streams, controls.
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_ANY_TYPE: Final = "application/octet-stream"


@define(eq=False)
class FolderMediaSource(MediaSource):
    """Serve `<base_url>/<path>` from `<root>/<path>`, without any connection.

    Nothing outside the folder can be reached: neither by `..`, nor by an absolute path, nor by a
    symbolic link that leads out of it. Whoever can write to the folder is trusted.

    Attributes:
        root: The folder.
        base_url: What every URL begins with, such as `https://files.example/media`.
    """

    root: Path = field(converter=Path)
    base_url: str

    def read(self, url: str, limit: int) -> Media:  # noqa: D102 - the port's
        path = self._path(url)
        try:
            with path.open("rb") as file:
                content = file.read(limit + 1)
        except OSError as error:
            raise MediaError("the file cannot be read", permanent=False) from error
        if len(content) > limit:
            raise MediaError(f"it is larger than {limit} bytes", permanent=True)
        return Media(content=content, content_type=_content_type(path.name))

    def _path(self, url: str) -> Path:
        root = self.root.resolve()
        try:
            path = root.joinpath(*self._steps(url)).resolve(strict=True)
        except (OSError, RuntimeError) as error:  # RuntimeError: a ring of links
            raise MediaError("there is no such file", permanent=True) from error
        if not path.is_relative_to(root) or not path.is_file():
            raise MediaError("there is no such file", permanent=True)
        return path

    def _steps(self, url: str) -> list[str]:
        """Return the path of a URL, each step a plain name."""
        base = self.base_url.rstrip("/") + "/"
        if not url.startswith(base):
            raise MediaError("the URL is not one of this folder", permanent=True)
        steps = [unquote(step) for step in url.removeprefix(base).split("/")]
        if any(step in {"", ".", ".."} or _UNSAFE.search(step) for step in steps):
            raise MediaError("the URL is not one of this folder", permanent=True)
        return steps


def _content_type(filename: str) -> str:
    content_type, compression = mimetypes.guess_type(filename)
    return content_type if content_type and not compression else _ANY_TYPE
