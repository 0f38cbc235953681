"""Texts with NUL, which PostgreSQL does not store: it is escaped, in a way that keeps the order."""

from typing import Final

_ESCAPE: Final = "\1"


def escaped(text: str) -> str:
    """Return a text as it is stored."""
    if "\0" not in text and _ESCAPE not in text:
        return text
    return text.replace(_ESCAPE, f"{_ESCAPE}1").replace("\0", f"{_ESCAPE}0")


def unescaped(text: str) -> str:
    """Return what `escaped` made of a text."""
    if _ESCAPE not in text:
        return text
    return text.replace(f"{_ESCAPE}0", "\0").replace(f"{_ESCAPE}1", _ESCAPE)
