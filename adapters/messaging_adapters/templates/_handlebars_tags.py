"""Take a Handlebars source apart into literal text and tags, without the blanks it drops."""

import re
from enum import Enum, auto
from typing import Final

from attrs import define

from messaging_adapters.templates._handlebars_expressions import read_tag
from messaging_adapters.templates._handlebars_nodes import Call
from messaging_core.templates.interpolation.parser import syntax_error

MAX_TAGS: Final = 5_000
"""Most tags of a source."""

_START: Final = re.compile(r"\{\{(~?)(?:(\{)|(\s*else\b)|([#^/&!>*]?))")
_BARE_CLOSE: Final = re.compile(r"\s*~?\}\}")
_COMMENT_END: Final = {False: re.compile(r"~?\}\}"), True: re.compile(r"--~?\}\}")}
_REFUSED: Final = {
    "#>": "there are no partial templates: write their text here",
    "#*": "there are no decorators",
    ">": "there are no partial templates: write their text here",
    "*": "there are no decorators",
}


class Kind(Enum):
    """Say what a piece is."""

    TEXT = auto()
    OUTPUT = auto()
    RAW = auto()
    OPEN = auto()
    INVERTED = auto()
    ELSE = auto()
    CLOSE = auto()
    COMMENT = auto()


_KINDS: Final = {
    "": Kind.OUTPUT,
    "{": Kind.RAW,
    "&": Kind.RAW,
    "#": Kind.OPEN,
    "^": Kind.INVERTED,
    "/": Kind.CLOSE,
}


@define
class Piece:
    """Literal text or a tag.

    Attributes:
        text: Literal text as it is written; blanks that are dropped are missing in `trimmed`.
        call: What a tag holds; a plain `else` and a comment hold nothing.
        drops_before: Whether `~` drops the blanks before the tag.
        drops_after: Whether it drops those after it.
    """

    kind: Kind
    start: int
    text: str = ""
    trimmed: str = ""
    call: Call | None = None
    drops_before: bool = False
    drops_after: bool = False


def pieces_of(source: str) -> list[Piece]:
    """Find the texts and tags of a source, in time that grows with its length.

    Raises:
        TemplateSyntaxError: A tag is broken, not closed or not supported, or there are too many.
    """
    pieces: list[Piece] = []
    texts: list[str] = []
    place = tags = 0
    while (start := source.find("{{", place)) >= 0:
        text = source[place:start]
        if text.endswith("\\") and not text.endswith("\\\\"):
            texts += (text[:-1], "{{")
            place = start + 2
            continue
        texts.append(text[:-1] if text.endswith("\\\\") else text)
        _add_text(pieces, texts, place)
        tags += 1
        if tags > MAX_TAGS:
            raise syntax_error(source, start, f"more than {MAX_TAGS} tags: split it")
        tag, place = _tag(source, start)
        pieces.append(tag)
    texts.append(source[place:])
    _add_text(pieces, texts, place)
    return pieces


def _add_text(pieces: list[Piece], texts: list[str], start: int) -> None:
    if text := "".join(texts):
        pieces.append(Piece(Kind.TEXT, start, text=text, trimmed=text))
    texts.clear()


def _tag(source: str, start: int) -> tuple[Piece, int]:
    match = _START.match(source, start)
    if match is None:  # it matches any two braces
        raise syntax_error(source, start, "a tag without its closing braces")
    sign = match[2] or match[4] or ""
    inner = match.end()
    if source.startswith("{{{{", start):
        raise syntax_error(source, start, "there are no raw blocks: write \\{{ for two braces")
    if reason := _REFUSED.get(sign + source[inner : inner + 1]) or _REFUSED.get(sign):
        raise syntax_error(source, start, reason)
    if sign == "!":
        piece, end = _comment(source, start, inner)
    elif match[3] or (sign == "^" and _BARE_CLOSE.match(source, inner)):
        piece, end = _else(source, start, inner)
    else:
        call, end = read_tag(source, start, inner, is_raw=sign == "{")
        piece = Piece(_KINDS[sign], start, call=call)
        end = source.index("}}", end + (sign == "{")) + 2
    piece.drops_before = bool(match[1])
    piece.drops_after = source[end - 3] == "~"
    return piece, end


def _comment(source: str, start: int, inner: int) -> tuple[Piece, int]:
    end = _COMMENT_END[source.startswith("--", inner)].search(source, inner)
    if end is None:
        raise syntax_error(source, start, "a comment without its closing braces")
    return Piece(Kind.COMMENT, start), end.end()


def _else(source: str, start: int, inner: int) -> tuple[Piece, int]:
    if bare := _BARE_CLOSE.match(source, inner):
        return Piece(Kind.ELSE, start), bare.end()
    call, end = read_tag(source, start, inner)
    return Piece(Kind.ELSE, start, call=call), source.index("}}", end) + 2
