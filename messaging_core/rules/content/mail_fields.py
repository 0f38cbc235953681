"""The grammar of those fields of a mail that programs read: one for the rules and the composer.

Addresses (RFC 5322 §3.4), mailing lists (RFC 2369, RFC 2919), message ids (RFC 5322 §3.6.4) and
plain words. What mail programs forgive is forgiven: blanks and empty elements that mean nothing,
dots and `@` in a display name, message ids without brackets, letters beyond ASCII in a URL.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum, auto
from functools import lru_cache, partial
from typing import Final, NamedTuple
from urllib.parse import quote

from messaging_core.lazy import pattern
from messaging_core.rules.addressing.addresses import check_email_address, normalize_email
from messaging_core.rules.formats.iris import uri_of
from messaging_core.rules.formats.uris import check_link

MAX_WORD_LENGTH: Final = 900
"""Longest word that cannot be folded, so that it fits on a line beside any name of a header."""


class FieldError(ValueError):
    """Report a value that is none for its field; the text says what is, and holds none of it."""


class TokenKind(Enum):
    """Say how a token may be written: as it stands, or quoted and encoded as needed."""

    ATOM = auto()
    PHRASE = auto()
    COMMENT = auto()


class Token(NamedTuple):
    """One piece of a field; a blank stands between two of them, but none before `SEPARATORS`."""

    text: str
    kind: TokenKind = TokenKind.ATOM


_LEXEMES: Final = pattern(
    r'(?P<blank>\s+)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<angle><[^<>]*>)|(?P<separator>[,:;])'
    r'|(?P<word>[^\s()<>\[\]:;\\,"]+)|(?P<open>\()'
)
_COMMENT_PIECE: Final = pattern(r"\\.|[^\\()]+|[()]")
_ID: Final = pattern(r"[!-;=?-~]+")
_LIST_ID: Final = pattern(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_OUTSIDE_ASCII: Final = pattern(r"[^\x00-\x7f]+")
_WEB: Final = pattern("https?:", re.IGNORECASE)
_MAILTO: Final = pattern(r"(mailto:)([^?]*)(.*)", re.IGNORECASE)
_WORDS: Final = pattern(r"[!-~]+(?: [!-~]+)*")

_NO_ADDRESSES: Final = "one or more addresses, such as Ada <ada@example.com>, with commas between"
_NO_LINKS: Final = "one or more URIs, each between < and >, with commas between"
_NO_LIST_ID: Final = "a name of the list between < and >, such as <news.example.com>"
_NO_IDS: Final = "one or more message ids, such as <1@example.com>, in ASCII"
_NO_WORDS: Final = "one or more words in ASCII, without =?"


_COMMA: Final = Token(",")
_END_OF_GROUP: Final = Token(";")
SEPARATORS: Final = (_COMMA, _END_OF_GROUP)
"""The tokens that no blank stands before."""


class _Lexeme(NamedTuple):
    kind: str
    text: str


def is_structured(name: str) -> bool:
    """Return whether programs read a field, so that its value has a grammar."""
    return name.lower() in _PARSERS


def field_tokens(name: str, value: str) -> tuple[Token, ...]:
    """Return the pieces of a structured field, in the form in which a mail carries them.

    Args:
        name: Of the field; `is_structured`.
        value: One line without control characters.

    Raises:
        FieldError: The value is none for this field.
    """
    return _read(name.lower(), value)


@lru_cache(maxsize=256)  # a channel's mails share most of these values
def _read(name: str, value: str) -> tuple[Token, ...]:
    tokens = tuple(_PARSERS[name](value))
    for token in tokens:
        if token.kind is TokenKind.ATOM and len(token.text) > MAX_WORD_LENGTH:
            message = f"each address, URI and word has at most {MAX_WORD_LENGTH} characters"
            raise FieldError(message)
    return tokens


def _lexemes(value: str, fault: str) -> Iterator[_Lexeme]:
    """Split a value (RFC 5322 §3.2); blanks are left out, quotes and brackets taken off."""
    position = 0
    while position < len(value):
        match = _LEXEMES.match(value, position)
        if match is None:
            raise FieldError(fault)
        kind, text, position = match.lastgroup or "", match[0], match.end()
        if kind == "open":
            text, position = _comment(value, position, fault)
            yield _Lexeme("comment", text)
        elif kind == "quoted":
            yield _Lexeme("word", _unescaped(text[1:-1]))
        elif kind != "blank":
            yield _Lexeme(kind, text[1:-1].strip() if kind == "angle" else text)


def _comment(value: str, start: int, fault: str) -> tuple[str, int]:
    """Return a comment without its outer parentheses, and where it ends; comments nest."""
    depth = 1
    for piece in _COMMENT_PIECE.finditer(value, start):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        if depth == 0:
            return _unescaped(value[start : piece.start()]).strip(), piece.end()
    raise FieldError(fault)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _addresses(value: str) -> list[Token]:
    """Read mailboxes and groups (RFC 5322 §3.4)."""
    tokens: list[Token] = []
    lexemes: list[_Lexeme] = []
    in_group = False
    for lexeme in [*_lexemes(value, _NO_ADDRESSES), _Lexeme("separator", "")]:
        if lexeme.kind != "separator":
            lexemes.append(lexeme)
            continue
        opens, closes = lexeme.text == ":", lexeme.text == ";"
        if (opens and in_group) or (closes and not in_group):
            raise FieldError(_NO_ADDRESSES)
        read = _group_name(lexemes) if opens else _mailbox(lexemes)
        if read and tokens and tokens[-1].text != ":":
            tokens.append(_COMMA)
        tokens += [*read, _END_OF_GROUP] if closes else read
        in_group, lexemes = opens or (in_group and not closes), []
    if in_group or not tokens:
        raise FieldError(_NO_ADDRESSES)
    return tokens


def _group_name(lexemes: Sequence[_Lexeme]) -> list[Token]:
    words = [lexeme.text for lexeme in lexemes if lexeme.kind == "word"]
    if not any(words) or any(lexeme.kind == "angle" for lexeme in lexemes):
        raise FieldError(_NO_ADDRESSES)
    return [Token(" ".join(words), TokenKind.PHRASE), Token(":")]


def _mailbox(lexemes: Sequence[_Lexeme]) -> list[Token]:
    """Return the tokens of one mailbox; an empty element is none."""
    words = [lexeme.text for lexeme in lexemes if lexeme.kind == "word"]
    comments = [lexeme.text for lexeme in lexemes if lexeme.kind == "comment"]
    angles = [place for place, lexeme in enumerate(lexemes) if lexeme.kind == "angle"]
    if not words and not angles:
        return []
    if angles:
        rest = [lexeme.kind for lexeme in lexemes[angles[0] + 1 :]]
        if set(rest) - {"comment"}:
            raise FieldError(_NO_ADDRESSES)
        address = lexemes[angles[0]].text
    else:
        address, words = words[-1] if len(words) == 1 else "", []
    if check_email_address(address, "") is not None:
        raise FieldError(_NO_ADDRESSES)
    # A comment behind a bare address is its display name, as mail programs read it.
    name = " ".join(words) or " ".join(comments)
    address = normalize_email(address)
    return [Token(name, TokenKind.PHRASE), Token(f"<{address}>")] if name else [Token(address)]


def _links(value: str, *, may_be_no: bool = False) -> list[Token]:
    """Read the addresses of a list (RFC 2369 §2), the best one first; comments may explain them."""
    tokens: list[Token] = []
    is_apart = True
    for kind, text in _lexemes(value, _NO_LINKS):
        if kind == "comment":
            tokens += [Token(text, TokenKind.COMMENT)] if text else []
        elif (kind, text) == ("separator", ","):
            tokens += [] if is_apart else [_COMMA]
            is_apart = True
        elif is_apart and kind == "angle":
            tokens.append(Token(f"<{_link(text)}>"))
            is_apart = False
        elif may_be_no and not tokens and text.upper() == "NO":
            tokens.append(Token("NO"))
            is_apart = False
        else:
            raise FieldError(_NO_LINKS)
    if tokens and tokens[-1] == _COMMA:
        tokens.pop()
    if all(token.kind is TokenKind.COMMENT for token in tokens):
        raise FieldError(_NO_LINKS)
    return tokens


def _link(text: str) -> str:
    """Return an address of a list in ASCII; blanks within the brackets mean nothing (RFC 2369)."""
    link = "".join(text.split())
    mailto = _MAILTO.fullmatch(link)
    if mailto:
        people = ",".join(map(_ascii_mailbox, mailto[2].split(",")))
        link = f"{mailto[1]}{people}{_percent_encoded(mailto[3])}"
    elif not link.isascii():
        link = (uri_of(link) or "") if _WEB.match(link) else _percent_encoded(link)
    link = link.replace("=?", "=%3F")  # or readers would look for encoded words (RFC 2047)
    if "{{" in link or check_link(link, ""):
        raise FieldError(_NO_LINKS)
    return link


def _ascii_mailbox(address: str) -> str:
    return address if address.isascii() else _percent_encoded(normalize_email(address))


def _percent_encoded(text: str) -> str:
    return _OUTSIDE_ASCII.sub(lambda letters: quote(letters[0]), text)


def _list_id(value: str) -> list[Token]:
    """Read the name of a list (RFC 2919 §3), with a phrase before it."""
    *phrase, last = [
        lexeme for lexeme in _lexemes(value, _NO_LIST_ID) if lexeme.kind != "comment"
    ] or [_Lexeme("", "")]
    is_name = _LIST_ID.fullmatch(last.text) and "=?" not in last.text
    is_delimited = last.kind == "angle" or (last.kind == "word" and not phrase)
    if not (is_name and is_delimited) or any(lexeme.kind != "word" for lexeme in phrase):
        raise FieldError(_NO_LIST_ID)
    words = " ".join([lexeme.text for lexeme in phrase])
    name = Token(f"<{last.text}>")
    return [Token(words, TokenKind.PHRASE), name] if words else [name]


def _message_ids(value: str) -> list[Token]:
    """Read message ids; commas between them, and an id without brackets, are forgiven."""
    ids = []
    for kind, text in _lexemes(value, _NO_IDS):
        if kind == "comment" or (kind, text) == ("separator", ","):
            continue
        is_id = kind == "angle" or (kind == "word" and "@" in text)
        if not is_id or not _ID.fullmatch(text) or "=?" in text:
            raise FieldError(_NO_IDS)
        ids.append(Token(f"<{text}>"))
    if not ids:
        raise FieldError(_NO_IDS)
    return ids


def _words(value: str) -> list[Token]:
    words = " ".join(value.split())
    if not _WORDS.fullmatch(words) or "=?" in words:
        raise FieldError(_NO_WORDS)
    return [Token(word) for word in words.split(" ")]


_PARSERS: Final[Mapping[str, Callable[[str], list[Token]]]] = {
    **dict.fromkeys(("reply-to", "errors-to", "mail-followup-to", "mail-reply-to"), _addresses),
    **dict.fromkeys(
        ("disposition-notification-to", "return-receipt-to", "x-confirm-reading-to"), _addresses
    ),
    **dict.fromkeys(("list-help", "list-subscribe", "list-unsubscribe"), _links),
    **dict.fromkeys(("list-owner", "list-archive"), _links),
    "list-post": partial(_links, may_be_no=True),
    "list-id": _list_id,
    **dict.fromkeys(("in-reply-to", "references"), _message_ids),
    **dict.fromkeys(("list-unsubscribe-post", "auto-submitted", "precedence"), _words),
    **dict.fromkeys(("importance", "priority", "x-priority", "sensitivity"), _words),
}
