"""Read mail that others wrote: header fields, and the parts of one level (RFC 5322, RFC 2046).

Nothing here raises, whatever the bytes are. Parts inside of parts are left alone: a report is read
as deep as it goes, and no mail can make this code nest.
"""

import binascii
import re
from collections.abc import Iterator, Sequence
from email.message import Message
from itertools import islice
from typing import Final

from attrs import field

from messaging_core.lazy import frozen

_HEAD: Final = re.compile(rb"\r?\n[ \t]*\r?\n")
_FOLD: Final = re.compile(r"\r?\n[ \t]+")
_MOST_PARTS: Final = 100
_LONGEST_BOUNDARY: Final = 200  # RFC 2046 §5.1.1: 70


@frozen
class Fields:
    """The fields of a header, or of one block of a report.

    Attributes:
        entries: Name in small letters, and value, in their order.
    """

    entries: Sequence[tuple[str, str]] = field(default=(), repr=False)

    def get(self, name: str) -> str:
        """Return the first value of a field; an empty text where it is absent."""
        return next((value for key, value in self.entries if key == name), "")

    def all(self, name: str) -> list[str]:
        """Return all values of a field."""
        return [value for key, value in self.entries if key == name]

    @property
    def values(self) -> Iterator[str]:
        """Yield the values of all fields."""
        return (value for _, value in self.entries)


@frozen(kw_only=True)
class Entity:
    """A mail or a part of one: its fields, and its body as it came."""

    fields: Fields
    body: bytes = field(repr=False)

    @property
    def content_type(self) -> str:
        """Return the media type without parameters, in small letters."""
        return _typed(self.fields).get_content_type()

    @property
    def text(self) -> bytes:
        """Return the body without its transfer encoding; one that cannot be read stays as it is."""
        encoding = self.fields.get("content-transfer-encoding").strip().lower()
        try:
            if encoding == "base64":
                return binascii.a2b_base64(self.body)
            return binascii.a2b_qp(self.body) if encoding == "quoted-printable" else self.body
        except binascii.Error:
            return self.body

    def parts(self) -> list["Entity"]:
        """Return the parts of a multipart body; none of any other body."""
        boundary = _boundary(self.fields)
        if not boundary:
            return []
        line = re.compile(rb"(?:\A|\r?\n)--%b(--)?[ \t]*(?=\r?\n|\Z)" % re.escape(boundary))
        marks = list(islice(line.finditer(self.body), _MOST_PARTS))
        last = next((place for place, mark in enumerate(marks) if mark[1]), len(marks))
        ends = [mark.start() for mark in marks[1:]] + [len(self.body)]
        return [
            read_entity(self.body[mark.end() : end].removeprefix(b"\r").removeprefix(b"\n"))
            for mark, end in zip(marks[:last], ends, strict=False)
        ]


def read_entity(content: bytes) -> Entity:
    """Return the header and the body of a mail or of a part."""
    if content.startswith((b"\n", b"\r\n")):  # a part without a header
        return Entity(fields=Fields(), body=content)
    end = _HEAD.search(content)
    head, body = (content[: end.start()], content[end.end() :]) if end else (content, b"")
    return Entity(fields=read_fields(head), body=body)


def read_fields(block: bytes) -> Fields:
    """Return the fields of a block; lines that are none are left out."""
    lines = _FOLD.sub(" ", block.decode("utf-8", "replace")).splitlines()
    entries = (line.partition(":") for line in lines)
    return Fields(
        [(name.strip().lower(), value.strip()) for name, colon, value in entries if colon]
    )


def blocks_of(text: bytes) -> list[Fields]:
    """Return the blocks of fields that empty lines separate (RFC 3464 §2.1)."""
    return [read_fields(block) for block in _HEAD.split(text) if block.strip()]


def _typed(fields: Fields) -> Message:
    message = Message()
    message["Content-Type"] = fields.get("content-type")
    return message


def _boundary(fields: Fields) -> bytes:
    message = _typed(fields)
    if message.get_content_maintype() != "multipart":
        return b""
    try:
        boundary = message.get_boundary() or ""
    except ValueError:  # RFC 2231 with a character set that has a NUL in its name
        return b""
    return boundary[:_LONGEST_BOUNDARY].encode("utf-8", "replace")
