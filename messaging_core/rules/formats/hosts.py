"""Which names of hosts there are, and which pretend to be another."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from messaging_core.lazy import pattern

_LONGEST: Final = 253  # RFC 1035 §2.3.4, without the root
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = pattern(rf"(?:{_LABEL}\.)+{_LABEL}", re.ASCII | re.IGNORECASE)
_NUMBER: Final = pattern(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.ASCII | re.IGNORECASE)
_ACE: Final = pattern(r"(?:.*\.)?xn--", re.ASCII | re.IGNORECASE)

# Unicode Technical Standard 39 §5.2, "highly restrictive": what East Asian writing really mixes.
_WRITTEN_TOGETHER: Final = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
_SAME_SCRIPT: Final = {"IDEOGRAPHIC": "CJK", "KATAKANA-HIRAGANA": "KATAKANA"}
# Whole words can be written with these alone and be read as Latin ones.
_LIKE_LATIN: Final = {
    "CYRILLIC": frozenset("асԁеһіјӏорԛѕԝхуъьҽпгѵѡкмтвн"),
    "GREEK": frozenset("αγικνορτυχωϲϳ"),
}
# Beside Latin letters these are read as the slash or hyphen that ends a host or goes on with it.
_LIKE_PUNCTUATION: Final = frozenset("ノソゾンん丶丿一ー〳")


def ascii_host(host: str) -> str | None:
    """Return a host as the name system knows it, or `None` where there can be no such host.

    Names have at least two labels; international ones become their A-labels (RFC 5891, mapped by
    UTS 46). Addresses are dotted quads, or IPv6 in brackets: a name that ends in a number is read
    as an address by browsers.
    """
    if host.startswith("[") or (host.isascii() and _NUMBER.fullmatch(host)):
        return host if _is_address(host) else None
    if len(host) > _LONGEST:
        return None
    if host.isascii() and not _ACE.match(host):
        return host if _NAME.fullmatch(host) else None
    return _encoded(host)


@lru_cache(maxsize=256)
def is_suspicious_host(host: str) -> bool:
    """Return whether a host may pretend to be another (a homograph).

    Suspicious is a label that mixes scripts which are never written together (UTS 39 §5.2,
    "highly restrictive"), one made of nothing but Cyrillic or Greek letters that look Latin under
    a top level that is not, and a name that only mapping turns into plain letters. Not found:
    Latin letters with marks, and digits instead of letters.
    """
    name = ascii_host(host)
    if name is None:
        return True
    if not _ACE.match(name):
        return not host.isascii()
    import idna  # noqa: PLC0415 - slow to load, and few hosts need it

    labels = idna.decode(name).split(".")
    last = _scripts(labels[-1])
    return any(_is_mixed(label) or _looks_latin(label, last) for label in labels)


def _is_address(host: str) -> bool:
    from ipaddress import AddressValueError, IPv4Address, IPv6Address  # noqa: PLC0415 - rare

    try:
        if not host.startswith("["):
            return bool(IPv4Address(host))
        return host.endswith("]") and IPv6Address(host[1:-1]).scope_id is None
    except AddressValueError:
        return False


@lru_cache(maxsize=256)
def _encoded(host: str) -> str | None:
    import idna  # noqa: PLC0415 - slow to load, and few hosts need it

    try:
        name = idna.encode(host, uts46=True).decode()
        if host.isascii():
            idna.decode(name)  # its A-labels were only copied
    except UnicodeError:  # what IDNAError is
        return None
    return name if _NAME.fullmatch(name) and not _NUMBER.fullmatch(name) else None


def _is_mixed(label: str) -> bool:
    scripts = _scripts(label)
    if "LATIN" in scripts and not _LIKE_PUNCTUATION.isdisjoint(label):
        return True
    return len(scripts) > 1 and not any(scripts <= allowed for allowed in _WRITTEN_TOGETHER)


def _looks_latin(label: str, last: frozenset[str]) -> bool:
    scripts = _scripts(label)
    letters = {character for character in label if character.isalpha()}
    return scripts != last and any(
        scripts == {script} and letters <= alike for script, alike in _LIKE_LATIN.items()
    )


def _scripts(label: str) -> frozenset[str]:
    """Return the scripts of the letters; a character's Unicode name begins with its script."""
    names = {
        unicodedata.name(character, "?").split(" ")[0] for character in label if character.isalpha()
    }
    return frozenset(_SAME_SCRIPT.get(name, name) for name in names)
