"""How many SMS a text takes, and why."""
# ruff: noqa: RUF001 - characters that look like others are what this module is about

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final

from messaging_core.models.sms import ForcedCharacter, SmsEncoding, SmsText

# 3GPP TS 23.038 §6.2.1, row by row. ESC (0x1B) is left out: it introduces the extension table and
# is no character of its own.
_DEFAULT_ALPHABET: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = "\f^{}\\[~]|€"  # §6.2.1.1: two septets each, ESC and a code.

_GSM: Final = frozenset(_DEFAULT_ALPHABET + _EXTENSION)
_OUTSIDE_GSM: Final = re.compile(f"[^{re.escape(''.join(sorted(_GSM)))}]")
_DEFAULT_LATIN: Final = _DEFAULT_ALPHABET.encode("latin-1", "ignore")
_EXTENSION_LATIN: Final = _EXTENSION.encode("latin-1", "ignore")

# 140 octets hold 160 septets or 70 code units; the concatenation header (3GPP TS 23.040
# §9.2.3.24.1, 8-bit reference) takes 7 septets or 3 code units of each part.
_SINGLE_SEPTETS, _PART_SEPTETS = 160, 153
_SINGLE_UNITS, _PART_UNITS = 70, 67

_ZERO_WIDTH_JOINER: Final = "\u200d"
_MANY: Final = 100

# What Unicode itself does not decompose into GSM-7; the rest is left to NFKC and NFKD.
_REPLACEMENTS: Final = {
    character: replacement
    for characters, replacement in {
        "‘’‚‛′ʹʻʼˈ´`‹›": "'",
        "“”„‟″¨«»": '"',
        "‐‑‒–—―−": "-",
        "\t": " ",
        "\v\x85\u2028\u2029": "\n",
        # Soft hyphen, zero-width space and non-joiner, direction marks, word joiner, byte order
        # mark and the variation selectors: nothing that a phone would show.
        "\xad\u200b\u200c\u200e\u200f\u2060\ufeff\ufe0e\ufe0f": "",
        "•‣◦∙": "*",
        "·": ".",
        "⁄∕÷": "/",
        "×": "x",
        "¦": "|",
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
    }.items()
    for character in characters
}


def split_sms(text: str) -> SmsText:
    """Learn what a text costs: its encoding, its parts and the characters to blame.

    One part holds 160 septets of the GSM 7-bit default alphabet (GSM 03.38, now 3GPP TS 23.038
    §6.2.1; extension characters take two) or 70 UTF-16 code units, parts of a longer text 153 or
    67. No escape sequence and no surrogate pair is split. A grapheme cluster (combining mark,
    emoji sequence, flag, CR LF) is kept in one part where that takes no further part: a part is
    billed, a split cluster is reassembled by the phone.

    Args:
        text: Any text; a lone surrogate counts as one code unit.

    Returns:
        The text as it would be sent; its parts joined are exactly `text`.
    """
    septets = _septets(text)
    if septets is None:
        return _split_ucs2(text)
    if septets <= _SINGLE_SEPTETS:
        parts: tuple[str, ...] = (text,)
    elif septets == len(text):
        parts = _split(text, _PART_SEPTETS, len)
    else:
        escaped = [character for character in _EXTENSION if character in text]
        parts = _split(text, _PART_SEPTETS, partial(_count_septets, escaped))
    return SmsText(text=text, encoding=SmsEncoding.GSM_7, parts=parts, units=septets)


def is_gsm(text: str) -> bool:
    """Tell whether a text can be sent in GSM-7 (3GPP TS 23.038 §6.2.1 with extension table)."""
    return _septets(text) is not None


def to_gsm(text: str) -> str:
    """Replace what GSM-7 lacks by its nearest equivalent, so that the text takes fewer parts.

    Typographic punctuation becomes plain, accents that GSM-7 lacks are dropped. Characters
    without an equivalent (emoji, Cyrillic …) stay as they are: the result is GSM-7 only if there
    were none. That partial help is our choice; no standard says what to do.
    """
    if is_gsm(text):
        return text
    # Composed first, or the accent of a decomposed "é" would be lost although GSM-7 has the letter.
    composed = unicodedata.normalize("NFC", text)
    return _OUTSIDE_GSM.sub(_replace_match, composed)


def _septets(text: str) -> int | None:
    """Return the length of a text in septets, or `None` when GSM-7 cannot express it."""
    try:
        latin = text.encode("latin-1")
    except UnicodeEncodeError:
        return None if _OUTSIDE_GSM.search(text) else _count_septets(_EXTENSION, text)
    beyond = latin.translate(None, _DEFAULT_LATIN)
    if not beyond:
        return len(text)
    return None if beyond.translate(None, _EXTENSION_LATIN) else len(text) + len(beyond)


def _count_septets(escaped: str | list[str], text: str) -> int:
    return len(text) + sum(map(text.count, escaped))


def _count_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _split_ucs2(text: str) -> SmsText:
    units = _count_units(text)
    if units <= _SINGLE_UNITS:
        parts: tuple[str, ...] = (text,)
    else:
        parts = _split(text, _PART_UNITS, len if units == len(text) else _count_units)
    return SmsText(
        text=text, encoding=SmsEncoding.UCS_2, parts=parts, units=units, forced=_forced(text)
    )


def _split(text: str, limit: int, count: Callable[[str], int]) -> tuple[str, ...]:
    """Cut a text into the fewest parts of at most `limit`, between clusters if that is as few."""
    tight = _cut(text, limit, count)
    if not any(map(partial(_inside_cluster, text), [0, *tight], tight)):
        return _slices(text, tight)
    whole = _cut(text, limit, count, keep_clusters=True)
    return _slices(text, whole if len(whole) == len(tight) else tight)


def _slices(text: str, cuts: list[int]) -> tuple[str, ...]:
    return tuple(text[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True))


def _cut(
    text: str, limit: int, count: Callable[[str], int], *, keep_clusters: bool = False
) -> list[int]:
    """Return the indexes at which all parts but the first begin."""
    if count is len and not keep_clusters:
        return list(range(limit, len(text), limit))
    cuts: list[int] = []
    start = 0
    while (end := _end(text, start, limit, count)) < len(text):
        start = _cluster_start(text, start, end) if keep_clusters else end
        cuts.append(start)
    return cuts


def _end(text: str, start: int, limit: int, count: Callable[[str], int]) -> int:
    """Return the furthest end of a part that begins at `start`."""
    end = min(start + limit, len(text))
    # A character is one or two long, so half the excess must go at least, and the last step is
    # exact.
    while (excess := count(text[start:end]) - limit) > 0:
        end -= (excess + 1) // 2
    return end


def _cluster_start(text: str, start: int, end: int) -> int:
    """Return the last end that splits no cluster, or `end` when one cluster fills the part."""
    at = end
    while at > start and _inside_cluster(text, start, at):
        at -= 1
    return at if at > start else end


def _inside_cluster(text: str, start: int, at: int) -> bool:
    """Tell whether a part from `start` to `at` would split a cluster (UAX #29 §3.1.1, roughly)."""
    before, after = text[at - 1], text[at]
    if after < "\u0300":
        return before == "\r" and after == "\n"
    if before == _ZERO_WIDTH_JOINER or _extends(after):
        return True
    return _is_regional(after) and _regionals_before(text, start, at) % 2 == 1


def _extends(character: str) -> bool:
    """Tell whether a character belongs to the one before it: mark, joiner, skin tone, tag."""
    return (
        unicodedata.category(character).startswith("M")
        or character == _ZERO_WIDTH_JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _regionals_before(text: str, start: int, at: int) -> int:
    # Two make a flag, so it is their parity that counts.
    first = at
    while first > start and _is_regional(text[first - 1]):
        first -= 1
    return at - first


def _forced(text: str) -> tuple[ForcedCharacter, ...]:
    culprits = set(text) - _GSM
    # Searching is quicker for an ordinary text; one pass keeps a hostile one linear.
    if len(culprits) <= _MANY:
        first = {character: text.index(character) for character in culprits}
    else:
        first = dict(zip(reversed(text), range(len(text) - 1, -1, -1), strict=True))
    return tuple(
        ForcedCharacter(
            character=character, index=first[character], replacement=_replacement(character)
        )
        for character in sorted(culprits, key=first.__getitem__)
    )


def _replace_match(match: re.Match[str]) -> str:
    replacement = _replacement(match[0])
    return match[0] if replacement is None else replacement


@lru_cache(maxsize=2048)
def _replacement(character: str) -> str | None:
    """Return GSM-7 text for a character outside it: by table, else by decomposition."""
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    if "\u0300" <= character <= "\u036f":
        return ""
    composed = unicodedata.normalize("NFKC", character)
    if is_gsm(composed):
        return composed
    letters = (c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    plain = "".join(_REPLACEMENTS.get(letter, letter) for letter in letters)
    return plain if is_gsm(plain) else None
