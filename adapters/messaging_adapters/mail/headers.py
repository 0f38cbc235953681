"""How text becomes header fields that say exactly that text and nothing else.

Every function returns a whole field with its line end. Names and values are checked first, values
that a reader would take for encoded words (RFC 2047) are encoded themselves, and `verify` reads
the finished lines back: Python's own `email` package let a subject of `=?utf-8?q?a=0ABcc:_b?=`
become a `Bcc` field (the family of CVE-2024-6923).
"""

import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import quote

from messaging_core.rules.content.mail_fields import (
    SEPARATORS,
    FieldError,
    Token,
    TokenKind,
    field_tokens,
)

_NAME: Final = re.compile(r"[!-9;-~]{1,76}")  # RFC 5322 §3.6.8 ftext
# C0, DEL, C1, and the line and paragraph separators that some parsers break lines at.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WORDS: Final = re.compile(r"[!-~]+(?: [!-~]+)*")
_ATOMS: Final = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_FILENAME: Final = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")
_PIECES: Final = re.compile(r"(?:%..|[^%]){1,20}")  # at most 60 characters, no %XX torn apart
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")

_LINE: Final = 78  # RFC 5322 §2.1.1, recommended
_LONGEST_LINE: Final = 998  # the same, required
_LONGEST_WORD: Final = 900  # beyond it a word is encoded, so that it can be folded
_ENCODED_LINE: Final = 76  # RFC 2047 §2
_ENCODED_OCTETS: Final = 45  # 60 characters of base64 within `=?utf-8?b?` and `?=`
_PHRASE: Final = 60
_PARAMETER: Final = 60


class HeaderError(ValueError):
    """Report a header that cannot be written safely; the text holds none of its value."""


def text(name: str, value: str) -> str:
    """Return a field of free text, such as a subject (RFC 5322 §2.2.1)."""
    _check(name, value)
    return _fold(name, _text_words(value, len(name) + 2))


def structured(name: str, value: str) -> str:
    """Return a field that programs read, such as `Reply-To` or `List-Unsubscribe`.

    Raises:
        HeaderError: The value is none for this field (`messaging_core.rules.content.mail_fields`).
    """
    _check(name, value)
    try:
        tokens = field_tokens(name, value)
    except FieldError as error:
        raise HeaderError(f"{_shown(name)} is malformed: it holds {error}") from error
    return _written(name, tokens)


def literal(name: str, value: str) -> str:
    """Return a field of one word of ASCII, just as it stands."""
    _check(name, value)
    return _fold(name, [value])


def mailboxes(name: str, boxes: Iterable[tuple[str | None, str]]) -> str:
    """Return a field of display names and addresses (RFC 5322 §3.4), addresses in wire form."""
    tokens: list[Token] = []
    for display_name, address in boxes:
        _check(name, display_name or "")
        tokens += [Token(",")] if tokens else []
        phrase = [Token(display_name, TokenKind.PHRASE)] if display_name else []
        tokens += [*phrase, Token(f"<{address}>" if display_name else address)]
    return _written(name, tokens)


def parameters(name: str, value: str, filename: str | None = None) -> str:
    """Return a field with a token such as `attachment` and a file name (RFC 2183, RFC 2231)."""
    _check(name, value)
    if filename is None:
        return _fold(name, [value])
    _check(name, filename)
    return _fold(name, [f"{value};", *_filename(filename)])


def verify(fields: Sequence[str]) -> bytes:
    """Return the bytes of a header, once a reader of them sees the same fields and no others.

    Raises:
        HeaderError: A field is there twice, too long, or not what it was meant to be.
    """
    block = "".join(fields).encode()
    meant = [field.partition(":")[0].lower() for field in fields]
    if len(set(meant)) < len(meant):
        raise HeaderError("a header is there twice")
    if list(_names(block)) != meant:
        raise HeaderError("a header would be read as several")
    return block


def _names(block: bytes) -> Iterator[str]:
    """Read the names of a header block, taking anything for a line end that any reader does."""
    lines = _LINE_END.split(block)
    if lines.pop():
        yield ""
    for line in lines:
        if len(line) > _LONGEST_LINE:
            raise HeaderError("a header has a word too long for a line")
        if not line.strip(b" \t"):
            yield ""
        elif line[:1] not in b" \t":
            yield line.partition(b":")[0].decode().lower()


def _check(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise HeaderError("a header has a name that is not printable ASCII without a colon")
    if _CONTROL.search(value):
        raise HeaderError(f"{_shown(name)} holds a control character")


def _shown(name: str) -> str:
    return f"the header {name[:40]}"


def _text_words(value: str, used: int) -> list[str]:
    """Return the words of a text: its own where they arrive as they are, else encoded ones."""
    if not value:
        return [""]
    if "=?" not in value and _WORDS.fullmatch(value):
        words = value.split(" ")
        if max(map(len, words)) <= _LONGEST_WORD:
            return words
    return _encoded(value, used)


def _written(name: str, tokens: Iterable[Token]) -> str:
    words: list[str] = []
    for token in tokens:
        used = 1 if words else len(name) + 2
        if token in SEPARATORS:
            words[-1] += token.text
        elif token.kind is TokenKind.PHRASE:
            words += _phrase(token.text, used)
        elif token.kind is TokenKind.COMMENT:
            words += _comment(token.text, used)
        else:
            words.append(token.text)
    return _fold(name, words)


def _comment(value: str, used: int) -> list[str]:
    """Return a comment (RFC 5322 §3.2.2): as it is or, where it must be, encoded."""
    plain = _WORDS.fullmatch(value) and "=?" not in value and len(value) <= _PHRASE
    words = [re.sub(r"([\\()])", r"\\\1", value)] if plain else _encoded(value, used + 2)
    return [f"({words[0]}", *words[1:-1], f"{words[-1]})"] if words[1:] else [f"({words[0]})"]


def _phrase(value: str, used: int) -> list[str]:
    """Return a display name (RFC 5322 §3.2.5): bare, quoted or encoded."""
    if "=?" in value or len(value) > _PHRASE or not _WORDS.fullmatch(value):
        return _encoded(value, used)
    if _ATOMS.fullmatch(value):
        return [value]
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{escaped}"']


def _encoded(value: str, used: int) -> list[str]:
    """Return encoded words of base64, the first short enough for what its line already holds."""
    octets = value.encode()
    room = (_ENCODED_LINE - used - 12) // 4 * 3
    words, start = [], 0
    while start < len(octets):
        end = start + min(max(room, 6), _ENCODED_OCTETS)
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # noqa: PLR2004 - within a character
            end -= 1
        word = binascii.b2a_base64(octets[start:end], newline=False).decode("ascii")
        words.append(f"=?utf-8?b?{word}?=")
        start, room = end, _ENCODED_OCTETS
    return words


def _filename(value: str) -> list[str]:
    if len(value) <= _PARAMETER and "=?" not in value and _FILENAME.fullmatch(value):
        return [f'filename="{value}"']
    pieces = _PIECES.findall(quote(value, safe=""))
    if len(pieces) == 1:
        return [f"filename*=utf-8''{pieces[0]}"]
    pieces[0] = f"utf-8''{pieces[0]}"
    tokens = [f"filename*{index}*={piece};" for index, piece in enumerate(pieces)]
    return [*tokens[:-1], tokens[-1].removesuffix(";")]


def _fold(name: str, words: Sequence[str]) -> str:
    """Join words by single blanks, breaking lines at those blanks only."""
    whole = f"{name}: {' '.join(words)}"
    if len(whole) <= _ENCODED_LINE:
        return f"{whole}\r\n"
    lines, line = [], f"{name}: {words[0]}"
    for word in words[1:]:
        if len(line) + len(word) >= _ENCODED_LINE:
            lines.append(line)
            line = ""
        line = f"{line} {word}"
    return "\r\n".join([*lines, line, ""])
