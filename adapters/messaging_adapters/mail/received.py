"""How the bytes of a mail that came in become its sender, its text and its files (RFC 5322)."""

import base64
import codecs
import re
from collections.abc import Iterator, Sequence
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses
from typing import Final

from attrs import field

from messaging_adapters.mail.parts import ANY_TYPE
from messaging_core.lazy import frozen
from messaging_core.models.content.body import Attachment, HtmlBody, HtmlMetadata

_RECEIVERS: Final = ("to", "cc")
_UNNAMED: Final = "attachment"
_FOLD: Final = re.compile(r"\s*[\r\n]+\s*")
# Codecs of Python, not of mail: a stranger names them to have odd things done.
_NO_CHARSETS: Final = frozenset(
    {"idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
)


class UnreadableMailError(Exception):
    """Report bytes that no mail can be read from."""


@frozen(kw_only=True)
class ReceivedMail:
    """A mail that came in; everything in it is what a stranger wrote.

    Attributes:
        sender: The address of `From`; empty where there is none.
        sender_name: Its display name.
        receivers: The addresses of To and Cc.
        message_id: The field of that name without its brackets; empty where there is none.
        date: The field of that name as it is.
        body: Subject, text, HTML and files; the files as base64.
    """

    sender: str = field(repr=False)
    sender_name: str | None = field(repr=False)
    receivers: Sequence[str] = field(repr=False)
    message_id: str = field(repr=False)
    date: str
    body: HtmlBody = field(repr=False)


def read_mail(content: bytes) -> ReceivedMail:
    """Return what a mail says.

    Raises:
        UnreadableMailError: It is nested too deeply to be read, or malformed.
    """
    try:
        mail = BytesParser(policy=compat32).parsebytes(content)
        body = _body(_header(mail, "subject"), list(_leaves(mail)))
    except (RecursionError, MessageError, LookupError, ValueError) as error:
        raise UnreadableMailError("the mail is nested too deeply, or malformed") from error
    name, sender = next(iter(_people(mail, "from")), ("", ""))
    return ReceivedMail(
        sender=sender,
        sender_name=name or None,
        receivers=tuple(address for line in _RECEIVERS for _, address in _people(mail, line)),
        message_id=_header(mail, "message-id").strip().strip("<>"),
        date=_header(mail, "date"),
        body=body,
    )


def plain_text(value: str) -> str:
    """Return the value of a header with its encoded words decoded (RFC 2047)."""
    try:
        pieces = decode_header(value)
    except (MessageError, ValueError):
        return _sound(value)
    texts = [
        decoded(piece, charset) if isinstance(piece, bytes) else piece for piece, charset in pieces
    ]
    return _sound(_FOLD.sub(" ", "".join(texts)).strip())


def people_in(*lines: str) -> list[tuple[str, str]]:
    """Return names and addresses of address lists; what is no address is left out."""
    pairs = getaddresses([_sound(line) for line in lines])
    return [(plain_text(name), address) for name, address in pairs if "@" in address]


def _people(mail: Message, name: str) -> list[tuple[str, str]]:
    return people_in(*map(str, mail.get_all(name, [])))


def _header(mail: Message, name: str) -> str:
    return plain_text(str(mail.get(name, "")))


def _leaves(part: Message) -> Iterator[Message]:
    """Yield texts and files, a mail within the mail as one of them."""
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for inner in _inner(part):
            yield from _leaves(inner)
    else:
        yield part


def _inner(part: Message) -> list[Message]:
    return [inner for inner in part.get_payload() if isinstance(inner, Message)]


def _body(subject: str, leaves: Sequence[Message]) -> HtmlBody:
    texts: dict[str, str] = {}
    files = []
    for leaf in leaves:
        kind = leaf.get_content_type()
        is_file = leaf.get_content_disposition() == "attachment" or leaf.get_filename() is not None
        if kind in ("text/plain", "text/html") and not is_file and kind not in texts:
            texts[kind] = decoded(_bytes(leaf), leaf.get_content_charset())
        else:
            files.append(_file(leaf))
    html = texts.get("text/html")
    return HtmlBody(
        html=html or None,
        text=texts.get("text/plain", "" if html is None else None),
        attachments=tuple(files),
        metadata=HtmlMetadata(subject=subject or None),
    )


def _file(part: Message) -> Attachment:
    content_id = plain_text(str(part.get("content-id", ""))).strip().strip("<>")
    return Attachment(
        filename=plain_text(part.get_filename() or _UNNAMED),
        content=base64.b64encode(_bytes(part)).decode(),
        content_type=_sound(part.get_content_type()) or ANY_TYPE,
        inline=bool(content_id) and part.get_content_disposition() != "attachment",
        content_id=content_id or None,
    )


def _bytes(part: Message) -> bytes:
    if part.is_multipart():  # a mail within the mail
        return b"".join(inner.as_bytes() for inner in _inner(part))
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def decoded(content: bytes, charset: str | None) -> str:
    """Return a text of bytes, whatever charset a stranger names for them."""
    try:
        name = codecs.lookup(charset or "utf-8").name.replace("_", "-")
        return _sound(content.decode("utf-8" if name in _NO_CHARSETS else name, "replace"))
    except (LookupError, ValueError):  # a charset that is none
        return content.decode("utf-8", "replace")


def _sound(value: str) -> str:
    """Return a text that UTF-8 can hold: bytes of a header that are not ASCII come as surrogates.

    Charsets such as UTF-7 make others, which are no bytes.
    """
    try:
        raw = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = value.encode("utf-8", "replace")
    return raw.decode("utf-8", "replace")
