"""The files of a notification: those of its template and those of the request, each once."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence

from attrs import evolve, frozen

from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import Attachment, Body, HtmlBody, TextBody
from messaging_core.ports.files import Files, name_of, url_of
from messaging_core.rules.requests.notification import MAX_ATTACHED

_CONTENT = 3 / 4  # octets in a character of base64


@frozen
class Attachments:
    """Attach files to emails; they are named by URL, so that no message holds a copy.

    Attributes:
        own: Those of the request.
        sizes: How large each stored file is, by its URL; nothing where there is none.
    """

    own: tuple[Attachment, ...] = ()
    sizes: Mapping[str, int | None] = {}

    def attach(self, body: Body) -> Body | Sequence[Violation]:
        """Return a body with everything attached, or why that cannot be."""
        if not isinstance(body, TextBody | HtmlBody):
            return body
        joined = self.joined(body.attachments)
        if any(self.sizes.get(one.media_url or "", 0) is None for one in joined):
            message = "a file to be attached is not there"
            return [Violation("", "notification.missing_file", message)]
        return body if joined == body.attachments else evolve(body, attachments=joined)

    def joined(self, others: Sequence[Attachment]) -> tuple[Attachment, ...]:
        """Return the template's files and then those of the request, duplicates once."""
        if not self.own:
            return tuple(others)
        joined: dict[object, Attachment] = {}
        for one in (*others, *self.own):
            joined.setdefault(one.media_url or one, one)
        return tuple(joined.values())

    def total(self, others: Sequence[Attachment]) -> int:
        """Return how many bytes all of it has, as far as that is known."""
        return sum(
            int(len(one.content) * _CONTENT)
            if one.content is not None
            else self.sizes.get(one.media_url or "") or 0
            for one in self.joined(others)
        )


def attachments_of(
    names: Sequence[str], contents: Iterable[Sequence[Attachment]], files: Files | None
) -> Attachments | Sequence[Violation]:
    """Look up the files of a notification once, or tell that they are too large together.

    Args:
        names: What the request asks for.
        contents: What each content of its template has attached already.
        files: Where they are kept.

    Raises:
        MediaError: It cannot be told now whether they are there.
    """
    contents = list(contents)
    if files is None:
        return Attachments()
    own = tuple(
        Attachment(filename=posixpath.basename(name), media_url=url_of(files, name))
        for name in dict.fromkeys(names)
    )
    found = Attachments(own, _sizes(files, [own, *contents]))
    largest = max((found.total(content) for content in contents), default=0)
    if largest > MAX_ATTACHED:
        message = f"all files of a message have at most {MAX_ATTACHED} bytes, not {largest}"
        return [Violation("/emailAttachments", "notification.files_too_large", message)]
    return found


def _sizes(files: Files, contents: Iterable[Sequence[Attachment]]) -> dict[str, int | None]:
    urls = {one.media_url for content in contents for one in content if one.media_url}
    names = {url: name_of(files, url) for url in sorted(urls)}
    return {url: files.size(name) for url, name in names.items() if name is not None}
