"""Documents of messages: small ones in the message's row, larger ones out of line."""

from typing import Final

# A change of status rewrites the row, and with it its page. With a document of an email inside,
# each row fills a page of its own. A second table costs every new message and every listing a
# seek more, which is not worth it for the document of a text message.
MAX_INLINE: Final = 1000
"""How many bytes a document may have that is stored in the row of its message."""

OUT_OF_LINE: Final = b""
"""The column `inline_document` of a row whose document is in `messaging_documents`."""

DOCUMENT: Final = "iif(length(m.inline_document), m.inline_document, d.document)"
"""The document of a message `m` that is joined with its document `d`."""

WITH_DOCUMENT: Final = (
    "LEFT JOIN messaging_documents d"
    " ON d.position = iif(length(m.inline_document), NULL, m.position)"
)
"""The join; nothing is looked up where the document is in the row."""

DELETE_DOCUMENT: Final = "DELETE FROM messaging_documents WHERE position = ?2"
"""Delete the document of a message; its values are the workspace, which SQLite does not need, and
the position."""


def is_inline(document: bytes) -> bool:
    """Return True if a document is stored in the row of its message."""
    return len(document) <= MAX_INLINE


def inline_part(document: bytes) -> bytes:
    """Return what the row of the message holds of its document: all of it, or nothing."""
    return document if is_inline(document) else OUT_OF_LINE
