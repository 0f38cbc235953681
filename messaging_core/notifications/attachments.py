"""Attach files to notifications: those of the template and those of the request."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence

from attrs import evolve

from messaging_core.lazy import frozen
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import Attachment, Body, HtmlBody, TextBody
from messaging_core.ports.files import Files, name_of, url_of
from messaging_core.rules.requests.notification import MAX_ATTACHED

_CONTENT = 3 / 4  # bytes for each character of base64


@frozen
class Attachments:
    """Attaches files to emails by URL, so that no message holds a copy.

    Attributes:
        own: The attachments of the request.
        sizes: The size of each stored file in bytes, by URL; None if the file does not exist.
    """

    own: tuple[Attachment, ...] = ()
    sizes: Mapping[str, int | None] = {}

    def attach(self, body: Body) -> Body | Sequence[Violation]:
        """Return a body with all attachments, or a violation if a file does not exist."""
        if not isinstance(body, TextBody | HtmlBody):
            return body
        joined = self.joined(body.attachments)
        if any(self.sizes.get(attachment.media_url or "", 0) is None for attachment in joined):
            message = "a file to attach does not exist"
            return [Violation("", "notification.missing_file", message)]
        return body if joined == body.attachments else evolve(body, attachments=joined)

    def joined(self, others: Sequence[Attachment]) -> tuple[Attachment, ...]:
        """Return the attachments of the template, then those of the request, each once."""
        if not self.own:
            return tuple(others)
        joined: dict[object, Attachment] = {}
        for attachment in (*others, *self.own):
            joined.setdefault(attachment.media_url or attachment, attachment)
        return tuple(joined.values())

    def total(self, others: Sequence[Attachment]) -> int:
        """Return the size of all attachments in bytes, as far as it is known."""
        return sum(
            int(len(attachment.content) * _CONTENT)
            if attachment.content is not None
            else self.sizes.get(attachment.media_url or "") or 0
            for attachment in self.joined(others)
        )


def attachments_of(
    names: Sequence[str], contents: Iterable[Sequence[Attachment]], files: Files | None
) -> Attachments | Sequence[Violation]:
    """Return the files of a notification, each looked up once, or a violation if too large.

    Args:
        names: The file names of the request.
        contents: The attachments of each content of its template.
        files: The source of files.

    Raises:
        MediaError: The source failed, so it is unknown whether the files exist.
    """
    contents = list(contents)
    if files is None:
        return Attachments()
    own = tuple(
        Attachment(filename=posixpath.basename(name), media_url=url_of(files, name))
        for name in dict.fromkeys(names)
    )
    attachments = Attachments(own, _sizes(files, [own, *contents]))
    largest = max((attachments.total(content) for content in contents), default=0)
    if largest > MAX_ATTACHED:
        message = f"all files of a message have at most {MAX_ATTACHED} bytes, not {largest}"
        return [Violation("/emailAttachments", "notification.files_too_large", message)]
    return attachments


def _sizes(files: Files, contents: Iterable[Sequence[Attachment]]) -> dict[str, int | None]:
    urls = {
        attachment.media_url
        for content in contents
        for attachment in content
        if attachment.media_url
    }
    names = {url: name_of(files, url) for url in sorted(urls)}
    return {url: files.size(name) for url, name in names.items() if name is not None}
