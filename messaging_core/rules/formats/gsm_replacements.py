"""What can stand in an SMS for characters that GSM-7 lacks."""
# ruff: noqa: RUF001 - characters that look like others are what this module is about

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from messaging_core.lazy import pattern

# What Unicode itself does not decompose into GSM-7; the rest is left to NFKC and NFKD. It covers
# the characters that providers replace under the name "smart encoding".
_LOOK_ALIKES: Final = {
    "‘’‚‛′ʹʻʼʽˈ´`‹›ˊˋ❛❜": "'",
    "“”„‟″¨«»ʺˮ❝❞〝〞": '"',
    "‐‑‒–—―−⁃⎼⎽": "-",
    "\t\u1680\u2800": " ",
    "\v\x85\u2028\u2029": "\n",
    "•‣◦∙⁎∗⊛✢✣✤✥✱✲✳✺✻✼✽❃❉❊❋⧆": "*",
    "·。": ".",
    "、": ",",
    "⁄∕÷⧸": "/",
    "⧹⧵": "\\",
    "×": "x",
    "¦∣⎸⎹⏐⎜⎟": "|",
    "∼˜˷": "~",
    "ˆ": "^",
    "˖": "+",
    "ːˑ˸⦂꞉∶": ":",
    "⁏": ";",
    "꞊": "=",
    "ǃ": "!",
    "❨❪⟮⦅": "(",
    "❩❫⟯⦆": ")",
    "❴": "{",
    "❵": "}",
    "µμ": "u",
    "©": "(c)",
    "®": "(R)",
    "Œ": "OE",
    "œ": "oe",
    "ẞ": "SS",
    "Þ": "Th",
    "þ": "th",
    "ÐĐ": "D",
    "ðđ": "d",
    "Ħ": "H",
    "ħ": "h",
    "Ł": "L",
    "ł": "l",
    "Ŧ": "T",
    "ŧ": "t",
    "ı": "i",
    "ƒ": "f",
    # Greek capitals that look Latin; TS 23.038 has only those that do not.
    "Α": "A",
    "Β": "B",
    "Ε": "E",
    "Ζ": "Z",
    "Η": "H",
    "Ι": "I",
    "Κ": "K",
    "Μ": "M",
    "Ν": "N",
    "Ο": "O",
    "Ρ": "P",
    "Τ": "T",
    "Υ": "Y",
    "Χ": "X",
}
_SMALL_CAPITALS: Final = dict(
    zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "ABCDEFGHIJKLMNOPRSTUVWYZ", strict=True)
)
_REPLACEMENTS: Final = _SMALL_CAPITALS | {
    character: replacement
    for characters, replacement in _LOOK_ALIKES.items()
    for character in characters
}

# Unicode, DerivedCoreProperties.txt: Default_Ignorable_Code_Point. Left out are the ranges that
# follow; the annotation signs U+FFF9 to U+FFFB are added, and the controls that break no line.
_INVISIBLE: Final = (
    "\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
    "\xad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
# Invisible too, but behind a character that stays they belong to it: they join emoji and letters
# of Indian and Arabic scripts, or choose among the forms of one character.
_JOINERS: Final = "\u034f\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f\U000e0000-\U000e0fff"
_IS_INVISIBLE: Final = pattern(f"[{_INVISIBLE}]+")
_IS_JOINER: Final = pattern(f"[{_JOINERS}]")
_LOOK_BACK: Final = 100  # no emoji and no syllable is longer

_UNSEEN_END: Final = pattern(f"[{_INVISIBLE}{_JOINERS}]+$")
# Accents, bars and the frame of a keycap, which stand over the character before them.
_IS_MARK: Final = pattern("[\u0300-\u036f\u1dcd\u20d2\u20d3\u20e3\u20e5]")


def with_joiners(outside: str) -> re.Pattern[str]:
    """Return what finds characters to be replaced, each with the joiners behind it.

    Args:
        outside: What matches one character outside GSM-7.
    """
    return re.compile(f"({outside})([{_JOINERS}]*)")


def replace_outside(text: str, outside: re.Pattern[str], is_gsm: Callable[[str], bool]) -> str:
    """Replace what has an equivalent, and remove invisible characters.

    A joiner or selector stays only behind a character that stays, as within an emoji.

    Args:
        text: Any text.
        outside: As `with_joiners` returns it.
        is_gsm: Tells what needs no replacement.
    """

    def replaced(match: re.Match[str]) -> str:
        replacement = replacement_of(match[1], is_gsm)
        return match[0] if replacement is None else replacement

    # Composed first, or the accent of a decomposed "é" would be lost although GSM-7 has the letter.
    composed = unicodedata.normalize("NFC", _IS_INVISIBLE.sub("", text))
    return outside.sub(replaced, composed)


def replacement_in(text: str, at: int, is_gsm: Callable[[str], bool]) -> str | None:
    """Return what `replace_outside` writes for the character at a place of a text."""
    character = text[at]
    if not _IS_JOINER.match(character):
        return replacement_of(character, is_gsm)
    before = _UNSEEN_END.sub("", text[max(0, at - _LOOK_BACK) : at])
    stays = before and not is_gsm(before[-1]) and replacement_of(before[-1], is_gsm) is None
    return None if stays else ""


@lru_cache(maxsize=2048)
def replacement_of(character: str, is_gsm: Callable[[str], bool]) -> str | None:
    """Return GSM-7 text for a character outside it: by table, else by decomposition."""
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    if _IS_MARK.match(character) or _IS_JOINER.match(character) or _IS_INVISIBLE.match(character):
        return ""
    composed = unicodedata.normalize("NFKC", character)
    if is_gsm(composed):
        return composed
    letters = (c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    plain = "".join(_REPLACEMENTS.get(letter, letter) for letter in letters)
    # Nothing is left of a vowel sign or virama alone, without which the word is another.
    return plain if plain and is_gsm(plain) else None
