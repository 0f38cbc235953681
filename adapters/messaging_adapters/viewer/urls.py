"""Make every URL of the viewer, below the path at which the host mounted it."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode
from uuid import UUID

from attrs import field, frozen

Pairs = Iterable[tuple[str, str]]


@frozen(kw_only=True)
class Urls:
    """The URLs of the viewer.

    Attributes:
        root: The path at which the viewer is mounted, without a slash at its end.
        workspace: The workspace that is shown, if links must name it.
        files: The names by which files are served.
    """

    root: str = ""
    workspace: UUID | None = None
    files: Mapping[str, str] = field(factory=dict, repr=False)

    def to(self, *segments: str, query: Pairs = ()) -> str:
        """Return the URL of a page: `to("messages", message_id, query=[("view", "text")])`."""
        pairs = [(name, value) for name, value in query if value]
        if self.workspace is not None:
            pairs.append(("workspace", str(self.workspace)))
        path = "/".join([self.root, *(quote(segment, safe="~") for segment in segments)])
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def file(self, name: str) -> str:
        """Return the URL of a style sheet or script; its name changes with its content."""
        return f"{self.root}/static/{self.files[name]}"
