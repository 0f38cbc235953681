"""Drop the blanks that Handlebars drops: at `~`, and around block tags alone on a line."""

import re
from collections.abc import Sequence
from typing import Final

from attrs import define

from messaging_adapters.templates._handlebars_tags import Kind, Piece

_ENDS_LINE: Final = re.compile(r"\n[^\S\n]*\Z")
_BEGINS_LINE: Final = re.compile(r"[^\S\n]*\n")
_REST_OF_LINE: Final = re.compile(r"[ \t]*\r?\n?")
_ALONE: Final = frozenset({Kind.OPEN, Kind.INVERTED, Kind.ELSE, Kind.CLOSE, Kind.COMMENT})


@define
class _Open:
    """A block that is not closed yet.

    Attributes:
        chained: Whether an `else` with a condition was met.
        first_end: What the close of a chain looks at: where its second branch ends.
    """

    chained: bool = False
    first_end: int | None = None


def drop_blanks(pieces: Sequence[Piece]) -> None:
    """Take out of the texts what is dropped; a source that is no template may come out anyhow."""
    blocks: list[_Open] = []
    for index, piece in enumerate(pieces):
        if piece.drops_before and (text := _text(pieces, index - 1)):
            text.trimmed = text.trimmed.rstrip()
        if piece.drops_after and (text := _text(pieces, index + 1)):
            text.trimmed = text.trimmed.lstrip()
        if piece.kind in _ALONE:
            _drop_line(pieces, index, blocks)


def _drop_line(pieces: Sequence[Piece], index: int, blocks: list[_Open]) -> None:
    piece = pieces[index]
    before = index
    is_chain = False
    if piece.kind in {Kind.OPEN, Kind.INVERTED}:
        blocks.append(_Open())
    elif piece.kind is Kind.ELSE and blocks:
        block = blocks[-1]
        if block.chained and block.first_end is None:
            block.first_end = index
        block.chained = block.chained or piece.call is not None
    elif piece.kind is Kind.CLOSE and blocks:
        block = blocks.pop()
        # The close of a chain is judged by the end of the first `else if`, and keeps its blanks.
        is_chain, before = block.chained, block.first_end or index
    if _ends_line(pieces, before) and _begins_line(pieces, index):
        if not is_chain and (text := _text(pieces, index - 1)):
            text.trimmed = text.trimmed.rstrip(" \t")
        if text := _text(pieces, index + 1):
            match = _REST_OF_LINE.match(text.trimmed)
            text.trimmed = text.trimmed[match.end() :] if match else text.trimmed


def _text(pieces: Sequence[Piece], index: int) -> Piece | None:
    is_text = 0 <= index < len(pieces) and pieces[index].kind is Kind.TEXT
    return pieces[index] if is_text else None


def _ends_line(pieces: Sequence[Piece], index: int) -> bool:
    """Return whether nothing but blanks stands before a tag on its line."""
    if index == 0:
        return True
    text = _text(pieces, index - 1)
    if text is None:
        return False
    return bool(_ENDS_LINE.search(text.text)) or (index == 1 and text.text.isspace())


def _begins_line(pieces: Sequence[Piece], index: int) -> bool:
    """Return whether nothing but blanks stands after a tag on its line."""
    last = len(pieces) - 1
    if index == last:
        return True
    text = _text(pieces, index + 1)
    if text is None:
        return False
    return bool(_BEGINS_LINE.match(text.text)) or (index + 1 == last and text.text.isspace())
