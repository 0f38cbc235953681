"""How texts and files become the parts of a MIME message (RFC 2045, RFC 2046).

Everything is made of ASCII: a mail of 8-bit parts may be converted on its way, which breaks its
signature (RFC 6376 §5.3 advises the same).
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final

from attrs import field

from messaging_adapters.mail import headers
from messaging_adapters.mail.headers import HeaderError
from messaging_core.lazy import frozen
from messaging_core.rules.content.media import media_type_of

_TOO_FULL: Final = re.compile(rb"(?m)^([^\r\n]{74,75})(=[0-9A-F]{2}(?=\r?$))")
_NOT_ASCII: Final = bytes(range(0x80, 0x100))

_LONGEST_LINE: Final = 998  # RFC 5322 §2.1.1
_BASE64_LINE: Final = 76  # RFC 2045 §6.8

# RFC 2045 §6.7: `=_` can occur neither in quoted-printable nor in base64.
_BOUNDARY: Final = "=_"

ANY_TYPE: Final = "application/octet-stream"


@frozen(kw_only=True)
class Part:
    """One text, file or group of parts: its own header fields, and its bytes in lines of CRLF."""

    fields: tuple[str, ...] = field(repr=False)
    body: bytes = field(repr=False)


def text_part(text: str, subtype: str) -> Part:
    """Return a text, in whichever encoding keeps it readable and short.

    Raises:
        HeaderError: The text holds half a surrogate pair.
    """
    try:
        data = _lines(text).encode()
    except UnicodeEncodeError as error:
        raise HeaderError("the text holds half a surrogate pair") from error
    encoding, body = _encode(data)
    kind = f"Content-Type: text/{subtype}; charset=utf-8\r\n"
    return Part(fields=(kind, f"Content-Transfer-Encoding: {encoding}\r\n"), body=body)


def file_part(
    content: bytes,
    *,
    content_type: str,
    filename: str,
    inline: bool = False,
    content_id: str | None = None,
) -> Part:
    """Return a file to show inside the text or beside it; a content id comes without brackets.

    Raises:
        HeaderError: Its type or name cannot stand in a header.
    """
    fields = [
        headers.parameters("Content-Type", _carried_type(content_type)),
        "Content-Transfer-Encoding: base64\r\n",
        headers.parameters(
            "Content-Disposition", "inline" if inline else "attachment", _base_name(filename)
        ),
    ]
    if content_id is not None:
        fields.append(headers.literal("Content-ID", f"<{content_id}>"))
    return Part(fields=tuple(fields), body=_base64(content))


def group(subtype: str, parts: Sequence[Part], seed: str) -> Part:
    """Return several parts as one: `alternative`, `related` or `mixed`; one part stays as it is.

    Args:
        subtype: What they are to one another.
        parts: In the order that the standard asks for: plainest or root first.
        seed: Letters and digits that make the boundary; unique in the message and the same at
            each try, so that a repeated mail is the same to the byte.
    """
    if len(parts) == 1:
        return parts[0]
    boundary = f"{_BOUNDARY}{subtype[:3]}-{seed}"
    line = f"--{boundary}\r\n".encode()
    pieces = [b"%b%b\r\n%b\r\n" % (line, headers.verify(p.fields), p.body) for p in parts]
    root = ' type="text/html";' if subtype == "related" else ""  # RFC 2387 §3.1
    kind = f'Content-Type: multipart/{subtype};{root}\r\n boundary="{boundary}"\r\n'
    return Part(fields=(kind,), body=b"".join([*pieces, f"--{boundary}--\r\n".encode()]))


def _lines(text: str) -> str:
    """Return a text whose lines all end in CRLF, however they ended."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\n", "\r\n")


def _encode(data: bytes) -> tuple[str, bytes]:
    if data.isascii() and _goes_as_it_is(data):
        return "7bit", data
    foreign = len(data) - len(data.translate(None, _NOT_ASCII))
    if foreign * 6 > len(data):  # from here on base64 is the shorter
        return "base64", _base64(data)
    return "quoted-printable", _quoted_printable(data)


def _goes_as_it_is(data: bytes) -> bool:
    if b"\0" in data or _BOUNDARY.encode() in data:
        return False
    return len(data) <= _LONGEST_LINE or max(map(len, data.split(b"\r\n"))) <= _LONGEST_LINE


def _quoted_printable(data: bytes) -> bytes:
    encoded = binascii.b2a_qp(data, istext=True)
    # It breaks lines as the text does, and by LF alone where the text has but one line.
    encoded = encoded if b"\n" in data else encoded.replace(b"\n", b"\r\n")
    # A blank at the end of a line that is full already makes it 77 or 78 long: `=20`, `=09`.
    return _TOO_FULL.sub(rb"\1=\r\n\2", encoded)


def _base64(data: bytes) -> bytes:
    encoded = base64.b64encode(data)
    starts = range(0, len(encoded), _BASE64_LINE)
    return b"\r\n".join([encoded[start : start + _BASE64_LINE] for start in starts])


def _carried_type(content_type: str) -> str:
    media_type = media_type_of(content_type)
    if media_type is None:
        raise HeaderError("an attachment has a content type that is none")
    # RFC 2046 §5.1, §5.2: messages and groups of parts must not be encoded as a whole.
    composite = media_type.lower().startswith(("message/", "multipart/"))
    return ANY_TYPE if composite else media_type


def _base_name(filename: str) -> str:
    """Return the last step of a path (RFC 2183 §2.3)."""
    return re.split(r"[/\\]", filename)[-1] or "attachment"
