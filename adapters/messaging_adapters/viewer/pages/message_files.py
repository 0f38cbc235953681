"""The attachments of a message: always downloaded, never opened here."""

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_core.models.content.body import Attachment, FileBody, GifBody, ImageBody
from messaging_core.models.messages.message import Message
from messaging_core.rules.content.attachments import content_id_of

_MOST_PICTURE: Final = 1_000_000
_MOST_PICTURES: Final = 20
_PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
_KILO: Final = 1000


@frozen(kw_only=True)
class FileView:
    """One attachment.

    Attributes:
        index: Its place.
        size: In words; nothing for a file at a URL, which is not loaded.
        is_here: Whether it came inside the request, so that it can be downloaded.
    """

    index: int
    name: str
    kind: str
    size: str | None
    is_here: bool


def attachments_of(message: Message) -> tuple[Attachment, ...]:
    """Return the attachments of a message."""
    return tuple(getattr(message.body, "attachments", ()) or ())


def files_of(message: Message) -> tuple[FileView, ...]:
    """Return the attachments of a message, as they are listed."""
    own = [_file(index, file) for index, file in enumerate(attachments_of(message))]
    return tuple(own) or tuple(_linked(message))


def _file(index: int, attachment: Attachment) -> FileView:
    content = attachment.content
    return FileView(
        index=index,
        name=text.line(attachment.filename, 120),
        kind=text.line(attachment.content_type or "unknown", 80),
        size=size_of(len(content) * 3 // 4) if content is not None else None,
        is_here=content is not None,
    )


def _linked(message: Message) -> list[FileView]:
    """Return the media of a body that has them by URL; nothing of them is loaded."""
    body = message.body
    kinds: list[str] = []
    if isinstance(body, ImageBody):
        kinds = ["picture"] * len(body.images)
    elif isinstance(body, FileBody):
        kinds = [file.content_type for file in body.files]
    elif isinstance(body, GifBody):
        kinds = ["animation"]
    return [
        FileView(index=index, name=f"File {index + 1}", kind=kind, size=None, is_here=False)
        for index, kind in enumerate(kinds)
    ]


def size_of(number: int) -> str:
    """Return a size in words."""
    if number < _KILO:
        return f"{number} bytes"
    if number < _KILO**2:
        return f"{number // _KILO} kB"
    return f"{number / _KILO**2:.1f} MB"


def content_of(attachment: Attachment) -> bytes | None:
    """Return the bytes of an attachment that came inside the request."""
    if attachment.content is None:
        return None
    try:
        return base64.b64decode(attachment.content)
    except (binascii.Error, ValueError):
        return None


def pictures_of(attachments: Sequence[Attachment]) -> dict[str, str]:
    """Return the pictures that a mail shows from itself, as `data:` URLs by content id."""
    pictures = {}
    for attachment in attachments[:_MOST_PICTURES]:
        kind, content = attachment.content_type or "", attachment.content or ""
        is_small = len(content) * 3 // 4 <= _MOST_PICTURE
        content_id = content_id_of(attachment)
        if content_id and kind in _PICTURES and content and is_small:
            pictures[content_id] = f"data:{kind};base64,{content}"
    return pictures
