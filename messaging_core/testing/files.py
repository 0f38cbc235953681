"""Files in memory, for tests."""

from collections.abc import Mapping

from attrs import field

from messaging_core.errors import MediaError
from messaging_core.lazy import frozen
from messaging_core.ports.files import NOWHERE, Files
from messaging_core.ports.media import Media


@frozen
class MemoryFiles(Files):
    """Keep files in a mapping: `MemoryFiles({"terms.txt": b"Be nice."})`.

    Attributes:
        contents: Bytes by name.
    """

    contents: Mapping[str, bytes] = field(factory=dict)
    base_url: str = NOWHERE

    def size(self, name: str) -> int | None:  # noqa: D102 - the port's
        return len(self.contents[name]) if name in self.contents else None

    def read(self, name: str, limit: int) -> Media:  # noqa: D102 - the port's
        size = self.size(name)
        if size is None or size > limit:
            raise MediaError("there is no such file, or it is too large", permanent=True)
        return Media(content=self.contents[name], content_type="application/octet-stream")
