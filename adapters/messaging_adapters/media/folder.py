"""Media out of a folder of this machine, under URLs that lead nowhere else."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from attrs import define, field

from messaging_adapters._folder import find_file, read_file
from messaging_core.arguments import a_text, checked_init, path
from messaging_core.errors import MediaError
from messaging_core.ports.media import Media, MediaSource

# What is no plain name on some system: separators, drives, streams, controls.
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


@checked_init(root=path, base_url=a_text)
@define(eq=False)
class FolderMediaSource(MediaSource):
    """Serve `<base_url>/<path>` from `<root>/<path>`, without any connection.

    Nothing outside the folder can be reached: neither by `..`, nor by an absolute path, nor by a
    symbolic link that leads out of it. Every program that can write to the folder is trusted.

    Attributes:
        root: The folder.
        base_url: What every URL begins with, such as `https://files.example/media`.
    """

    root: Path = field(converter=Path)
    base_url: str

    def read(self, url: str, limit: int) -> Media:
        return read_file(find_file(self.root, self._steps(url)), limit)

    def _steps(self, url: str) -> list[str]:
        """Return the path of a URL, each step a plain name."""
        base = self.base_url.rstrip("/") + "/"
        if not url.startswith(base):
            raise MediaError("the URL is not one of this folder", permanent=True)
        steps = [unquote(step) for step in url.removeprefix(base).split("/")]
        if any(step in {"", ".", ".."} or _UNSAFE.search(step) for step in steps):
            raise MediaError("the URL is not one of this folder", permanent=True)
        return steps
