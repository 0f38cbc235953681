"""Make text that came from outside fit to be shown: a reader sees every character, and no more.

Templates escape markup. What is left are characters that hide, reorder or end a line, and length.
"""

import re
from typing import Final

MOST_SHOWN: Final = 300

_INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff\ud800-\udfff"
)
_HOSTILE: Final = re.compile(f"[\x00-\x1f\x7f-\x9f{_INVISIBLE}]")
_HOSTILE_IN_LINES: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_INVISIBLE}]")
_EMOJI_JOINERS: Final = "\u200d"
_LINE_END: Final = re.compile("\r\n?")
_NAMES: Final = {"\n": "⏎", "\r": "⏎", "\t": "⇥"}


def line(text: str, most: int = MOST_SHOWN) -> str:
    """Return a text in one line, with control characters made visible, cut at a length."""
    return _HOSTILE.sub(_named, _LINE_END.sub("\n", cut(text, most)))


def lines(text: str, most: int | None = None) -> str:
    """Return a text that keeps its lines and tabs, with other control characters made visible."""
    whole = text if most is None else cut(text, most)
    return _HOSTILE_IN_LINES.sub(_named, _LINE_END.sub("\n", whole))


def cut(text: str, most: int) -> str:
    """Return a text of at most so many characters, which ends in `…` if it was longer."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _named(match: re.Match[str]) -> str:
    """Return what is shown instead of a character that would not show itself."""
    character = match.group()
    if character == _EMOJI_JOINERS and _joins_emoji(match):
        return character
    return _NAMES.get(character) or f"⟨{ord(character):04X}⟩"


def _joins_emoji(match: re.Match[str]) -> bool:
    """Return whether a zero-width joiner stands between two pictures, as in a family of four."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    return bool(before and after) and min(ord(before[-1]), ord(after[0])) > 0x2000  # noqa: PLR2004
