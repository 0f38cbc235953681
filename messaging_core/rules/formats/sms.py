"""How many SMS a text takes, and why."""

import re
import unicodedata
from itertools import count, takewhile
from operator import itemgetter
from typing import Final

from messaging_core.lazy import pattern
from messaging_core.models.content.sms import ForcedCharacter, SmsEncoding, SmsText
from messaging_core.rules.formats.gsm_replacements import (
    replace_outside,
    replacement_in,
    with_joiners,
)
from messaging_core.rules.formats.iris import uri_of
from messaging_core.rules.formats.url_finder import find_urls

# 3GPP TS 23.038 §6.2.1, row by row. ESC (0x1B) is left out: it introduces the extension table and
# is no character of its own.
GSM_ALPHABET: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION: Final = "\f^{}\\[~]|€"  # §6.2.1.1: two septets each, ESC and a code.
_ESCAPE: Final = "\x1b"

_GSM: Final = frozenset(GSM_ALPHABET + GSM_EXTENSION)
_GSM_STRING: Final = "".join(sorted(_GSM))
_OUTSIDE_GSM: Final = pattern(f"[^{re.escape(_GSM_STRING)}]")
_TO_REPLACE: Final = with_joiners(_OUTSIDE_GSM.pattern)
_ASTRAL: Final = pattern("[\U00010000-\U0010ffff]")
_DEFAULT_LATIN: Final = GSM_ALPHABET.encode("latin-1", "ignore")
_EXTENSION_LATIN: Final = GSM_EXTENSION.encode("latin-1", "ignore")

# 140 octets hold 160 septets or 70 code units; the concatenation header (3GPP TS 23.040
# §9.2.3.24.1, 8-bit reference) takes 7 septets or 3 code units of each part.
_SINGLE_SEPTETS, _PART_SEPTETS = 160, 153
_SINGLE_UNITS, _PART_UNITS = 70, 67

_ZERO_WIDTH_JOINER: Final = "\u200d"

_FIXED_BLANK: Final = pattern("[\xa0\u2000-\u200a\u202f\u205f]")
_MINUS: Final = pattern(r"\u2212(?=[\d.,])")
_APOSTROPHE: Final = pattern(r"(?<=\d)\u2019(?=\d)")

# From here on one pass over the text is quicker than one search for each distinct character.
_MANY: Final = 100
_BLOCK: Final = 160


def split_sms(text: str, *, wide_reference: bool = False, ucs2: bool = False) -> SmsText:
    """Learn what a text costs: its encoding, its parts and the characters to blame.

    One part holds 160 septets of the GSM 7-bit default alphabet (GSM 03.38, now 3GPP TS 23.038
    §6.2.1; extension characters take two) or 70 UTF-16 code units, parts of a longer text 153 or
    67. No escape sequence and no surrogate pair is split. A grapheme cluster (combining mark,
    emoji sequence, flag, CR LF) is kept in one part where that takes no further part: a part is
    billed, a split cluster is reassembled by the phone.

    Args:
        text: Any text; a lone surrogate counts as one code unit.
        wide_reference: Leave room for a concatenation header with a reference of 16 bits
            (§9.2.3.24.8): a part holds 152 septets or 66 code units.
        ucs2: Code the text in UCS-2 even if GSM-7 can express it.

    Returns:
        The text as it would be sent; its parts joined are exactly `text`.
    """
    septets = None if ucs2 else _septets(text)
    if septets is None:
        return _split_ucs2(text, _PART_UNITS - wide_reference)
    limit = _PART_SEPTETS - wide_reference
    if septets <= _SINGLE_SEPTETS:
        parts: tuple[str, ...] = (text,)
    elif septets == len(text) and "\r\n" not in text:
        parts = tuple([text[at : at + limit] for at in range(0, septets, limit)])
    else:
        doubles = {character for character in GSM_EXTENSION if character in text}
        parts = _parts(_mark(text, doubles, _ESCAPE), _ESCAPE, limit)
    return SmsText(text=text, encoding=SmsEncoding.GSM_7, parts=parts, units=septets)


def is_gsm(text: str) -> bool:
    """Return whether a text can be sent in GSM-7 (3GPP TS 23.038 §6.2.1 with extension table)."""
    return _septets(text) is not None


def to_gsm(text: str) -> str:
    """Replace what GSM-7 lacks by its nearest equivalent, so that the text takes fewer parts.

    Typographic punctuation becomes plain, accents that GSM-7 lacks are dropped, and invisible
    characters are removed: direction marks, zero-width spaces, soft hyphens, joiners. Characters
    without an equivalent (emoji, Cyrillic …) stay as they are, with the joiners and selectors
    that belong to them: the result is GSM-7 only if there were none. That partial help is our
    choice; no standard says what to do.
    """
    return text if is_gsm(text) else replace_outside(text, _TO_REPLACE, is_gsm)


def encode_smartly(text: str) -> str:
    """Return the result of `to_gsm` where that is GSM-7 or saves a part, else the text.

    A text that needs UCS-2 all the same keeps its quotation marks and accents. A web address with
    characters outside ASCII is percent-encoded, so that it leads to the same place.
    """
    if is_gsm(text):
        return text
    plain = to_gsm(_with_uris(text))
    return plain if is_gsm(plain) or split_sms(plain).count < split_sms(text).count else text


def with_plain_numbers(text: str) -> str:
    """Write blanks, minus signs and apostrophes of numbers as GSM-7 has them.

    The conventions of CLDR use no-break blanks (`1 234,50 €`), U+2212 and U+2019, each of which
    makes the whole SMS Unicode and tells the reader nothing more.
    """
    if text.isascii():
        return text
    return _APOSTROPHE.sub("'", _MINUS.sub("-", _FIXED_BLANK.sub(" ", text)))


def _with_uris(text: str) -> str:
    pieces, place = [], 0
    for link in find_urls(text):
        if not link.url.isascii():
            pieces += [text[place : link.start], uri_of(link.url) or link.url]
            place = link.end
    return "".join([*pieces, text[place:]])


def _septets(text: str) -> int | None:
    """Return the length of a text in septets, or `None` when GSM-7 cannot express it."""
    try:
        # The euro sign is all that most GSM-7 texts have beyond Latin-1, and costs what "[" does.
        latin = text.replace("€", "[").encode("latin-1")
    except UnicodeEncodeError:
        if _OUTSIDE_GSM.search(text):
            return None
        return len(text) + sum(map(text.count, GSM_EXTENSION))
    beyond = latin.translate(None, _DEFAULT_LATIN)
    if not beyond:
        return len(text)
    return None if beyond.translate(None, _EXTENSION_LATIN) else len(text) + len(beyond)


def _split_ucs2(text: str, limit: int) -> SmsText:
    first = _first_outside_gsm(text)
    mark = _ESCAPE if _ESCAPE not in first else _unused(first)
    marked = _mark(text, {character for character in first if character > "\uffff"}, mark)
    units = len(marked)
    return SmsText(
        text=text,
        encoding=SmsEncoding.UCS_2,
        parts=(text,) if units <= _SINGLE_UNITS else _parts(marked, mark, limit),
        units=units,
        forced=tuple(
            [
                ForcedCharacter(character=c, index=at, replacement=replacement_in(text, at, is_gsm))
                for c, at in first.items()
            ]
        ),
    )


def _unused(first: dict[str, int]) -> str:
    return next(c for c in map(chr, count()) if c not in first and c not in _GSM)


def _first_outside_gsm(text: str) -> dict[str, int]:
    """Return where each distinct character outside GSM-7 first occurs, in that order."""
    first: dict[str, int] = {}
    rest, size = text, _BLOCK
    # An ordinary text repeats the letters of its first lines: strip what is known, look at what
    # stopped the stripping. Blocks double, so that there are few of them.
    while rest:
        characters = set(rest[:size]) - _GSM - first.keys()
        if len(first) + len(characters) > _MANY:
            return _first_of_many(text)
        for character in characters:
            first[character] = text.index(character)
        rest = rest[size:].lstrip("".join(first) + _GSM_STRING)
        size *= 2
    return dict(sorted(first.items(), key=itemgetter(1)))


def _first_of_many(text: str) -> dict[str, int]:
    last_index = len(text) - 1
    first = dict(zip(reversed(text), range(last_index, -1, -1), strict=True))
    ordered = sorted(first.items(), key=itemgetter(1))
    return {character: at for character, at in ordered if character not in _GSM}


def _mark(text: str, doubles: set[str], mark: str) -> str:
    """Put a mark before each character that takes two units, so that length counts units."""
    if len(doubles) > _MANY:
        return _ASTRAL.sub(lambda match: mark + match[0], text)
    for character in doubles:
        text = text.replace(character, mark + character)
    return text


def _parts(marked: str, mark: str, limit: int) -> tuple[str, ...]:
    """Cut a text into the fewest parts of at most `limit`, between clusters if that is as few."""
    tight = _cut(marked, mark, limit)
    if not any(map(_joined, tight, [part[0] for part in tight[1:]])):
        return tight
    whole = _cut(marked, mark, limit, whole=True)
    return whole if len(whole) == len(tight) else tight


def _cut(marked: str, mark: str, limit: int, *, whole: bool = False) -> tuple[str, ...]:
    parts: list[str] = []
    start = 0
    while start < len(marked):
        piece = marked[start : start + limit].removesuffix(mark)
        end = start + len(piece)
        if whole and end < len(marked):
            piece = _without_broken_cluster(piece, marked[end : end + 2].replace(mark, "")[0], mark)
        parts.append(piece.replace(mark, ""))
        start += len(piece)
    return tuple(parts)


def _without_broken_cluster(piece: str, following: str, mark: str) -> str:
    """Leave the start of a cluster to the next part, unless the cluster fills this one."""
    part, after = piece, following
    while part and _joined(part.replace(mark, ""), after):
        part, after = part[:-1].removesuffix(mark), part[-1]
    return part or piece


def _joined(part: str, following: str) -> bool:
    """Return whether a part ends inside a cluster (UAX #29 §3.1.1, without its rarer rules)."""
    if following < "\u0300" or following.isalnum():
        return following == "\n" and part[-1] == "\r"
    if part[-1] == _ZERO_WIDTH_JOINER or _extends(following):
        return True
    return _is_regional(following) and _trailing_regionals(part) % 2 == 1


def _extends(character: str) -> bool:
    """Return whether a character belongs to the one before it: mark, joiner, skin tone, tag."""
    return (
        unicodedata.category(character).startswith("M")
        or character == _ZERO_WIDTH_JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _trailing_regionals(part: str) -> int:
    # Two make a flag, so it is their parity that counts.
    return sum(1 for _ in takewhile(_is_regional, reversed(part)))


MAX_SMS_PARTS: Final = 255
"""Most parts of one text: their number is an octet (3GPP TS 23.040 §9.2.3.24.1)."""
