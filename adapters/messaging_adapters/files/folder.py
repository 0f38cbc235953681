"""Files out of a folder of this machine."""

from pathlib import Path

from attrs import define, field

from messaging_adapters._folder import find_file, read_file
from messaging_core.arguments import a_text, checked_init, path
from messaging_core.errors import MediaError
from messaging_core.ports.files import NOWHERE, Files
from messaging_core.ports.media import Media
from messaging_core.rules.content.files import is_file_name


@checked_init(root=path, base_url=a_text)
@define(eq=False)
class FolderFiles(Files):
    """Keep files in a folder, and give nothing else away.

    Nothing outside the folder can be reached: neither by `..`, nor by an absolute path, nor by a
    symbolic link that leads out of it. Every program that can write to the folder is trusted.

    Attributes:
        root: The folder.
        base_url: What the URLs of its files begin with; the host of the default does not exist,
            so that only this folder can open them.
    """

    root: Path = field(converter=Path)
    base_url: str = NOWHERE

    def __attrs_post_init__(self) -> None:
        """Let the URL end with a slash, so that no name can change its host."""
        self.base_url = f"{self.base_url.rstrip('/')}/"

    def size(self, name: str) -> int | None:
        path = self._path(name)
        try:
            return path.stat().st_size if path else None
        except OSError as error:
            raise MediaError("the file cannot be read", permanent=False) from error

    def read(self, name: str, limit: int) -> Media:
        return read_file(self._path(name), limit)

    def _path(self, name: str) -> Path | None:
        return find_file(self.root, name.split("/")) if is_file_name(name) else None
