"""Where in a text the web addresses are."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from messaging_core.lazy import frozen, pattern
from messaging_core.rules.formats.iris import host_of, uri_of
from messaging_core.rules.formats.uris import MAX_URI_LENGTH

_SCHEME: Final = pattern(r"https?://", re.ASCII | re.IGNORECASE)
# Behind these an address is the end of something longer: of a scheme, a word or another address.
_PART_OF_MORE: Final = pattern(r"[/=&?%#@\\]|[A-Za-z0-9][+.-]?")
_LOOK_BACK: Final = 2

# Everything that an address may be made of; `\w` are the letters and digits of all scripts.
_RUN: Final = pattern(r"[\w!#$%&'()*+,\-./:;=?@\[\]~{}|\\^]*+")
# Neither letters nor anything that ends an address: dashes, middle dots, joiners, selectors.
_BETWEEN: Final = "\u00b7\u2010-\u2015\u2027\u200c\u200d\u203f\u20e3\u30fb\ufe00-\ufe0f"
_IS_BETWEEN: Final = pattern(f"[{_BETWEEN}]")
_DOUBTFUL: Final = pattern(rf"[{{}}|\\^{_BETWEEN}]")
# Scripts that are written without spaces: Thai to Tibetan, Myanmar, Khmer, Hangul, the East Asian
# ones and full-width forms.
_WITHOUT_SPACES: Final = (
    "\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3041-\u31ff"
    "\u3400-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff10-\uffdc\U00020000-\U0003ffff"
)
_UNBROKEN: Final = pattern(f"[{_WITHOUT_SPACES}]")
# Letters of no Latin alphabet: beyond U+036F, but for what Unicode added to Latin later.
_FOREIGN: Final = r"(?![\u1e00-\u1eff\u2c60-\u2c7f\ua722-\ua7ff\uab30-\uab6f])[\u0370-\U0003ffff]"
_INTO_FOREIGN: Final = pattern(rf"[A-Za-z0-9]-*{_FOREIGN}")
_IS_FOREIGN: Final = pattern(_FOREIGN)
_SENTENCE: Final = pattern(r"[A-Z][a-z]+")
# Several addresses in one run of characters: joined, or one within another.
_JOINT: Final = pattern(r"[,;]+(?=https?://)", re.ASCII | re.IGNORECASE)
_INNER: Final = pattern(r"(.)https?://", re.ASCII | re.IGNORECASE | re.DOTALL)
_MAY_HOLD: Final = frozenset("/=&?#")

_TOKEN: Final = pattern(r"[^\s\"<>`]*+")
_BRACKET: Final = pattern(r"[()\[\]]")

_TRAILING: Final = frozenset(".,;:!?([")
_QUOTE: Final = "'"
# A reference of HTML, and the punctuation behind it.
_ENTITY_AT_END: Final = pattern(
    r"(&(?:[a-z][a-z0-9]{1,30}|#[0-9]{1,7}|#x[0-9a-f]{1,6});)[.,;:!?()\[\]]*$",
    re.ASCII | re.IGNORECASE,
)
_OPENS_VALUE: Final = frozenset('"“„«‘‚‹「『')  # noqa: RUF001 - quotation marks of all kinds
_EMPHASIS: Final = frozenset("*_~")
_OPENED_BY: Final = {")": "(", "]": "["}


@frozen
class FoundUrl:
    """One address in a text: `text[start:end]` is `url`."""

    start: int
    end: int
    url: str


def find_urls(text: str) -> Iterator[FoundUrl]:
    """Find the web addresses that can be told from the text around them beyond doubt.

    An address begins with `http://` or `https://`, is valid, and names no user. Punctuation at
    its end and brackets that it did not open are not part of it. Left out are addresses that other
    programs might end elsewhere: `www.` without scheme, addresses with dashes, braces or bars in
    them, an entity of HTML at the end, brackets that do not match, and letters of scripts
    without spaces that follow it (`https://a.example/xを`), unless angle brackets enclose it all
    (RFC 3986 appendix C). Left out are also addresses that follow one another with nothing
    between them, and a host that may be a sentence's first word (`https://a.example.Привет`). A
    comma or semicolon joins two.

    Takes time in proportion to the text, whatever it holds.

    Returns:
        The addresses in their order; they do not overlap.
    """
    place = 0
    while match := _SCHEME.search(text, place):
        start = match.start()
        place = _end_of_run(text, match.end())
        if not _PART_OF_MORE.search(_before(text, start)) and place - start <= MAX_URI_LENGTH:
            for begin, end in _split(text, start, place):
                url = _address(text, begin, end)
                if url:
                    yield FoundUrl(begin, begin + len(url), url)


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where each of several joined addresses is; none where it is not certain."""
    run = text[start:end]
    if run.count("://") == 1:
        yield start, end
        return
    joints = list(_JOINT.finditer(run))
    inner = [match[1] for match in _INNER.finditer(run) if match[1] not in ",;"]
    if any(character not in _MAY_HOLD for character in inner) or (joints and inner):
        return
    begin = start
    for joint in joints:
        yield begin, start + joint.start()
        begin = start + joint.end()
    yield begin, end


def _before(text: str, start: int) -> str:
    """Return what stands right before an address, as far as it matters."""
    before = text[max(0, start - _LOOK_BACK) : start]
    # A hyphen that follows on a letter goes on with it, one that stands alone is a bullet.
    return before if before[-1:] in {"+", ".", "-"} else before[-1:]


def _end_of_run(text: str, start: int) -> int:
    at = _end_of(_RUN, text, start)
    while at < len(text) and not _ends(text[at]):
        if at - start > MAX_URI_LENGTH:
            return _end_of(_TOKEN, text, at)
        at = _end_of(_RUN, text, at + 1)
    return at


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def _ends(character: str) -> bool:
    """Return whether no address continues here: spaces, controls, symbols, foreign punctuation."""
    if character.isascii():
        return True
    return unicodedata.category(character)[0] in "ZCPS" and not _IS_BETWEEN.match(character)


def _address(text: str, start: int, end: int) -> str | None:
    run = text[start:end]
    url = _trimmed(run, text[start - 1 : start])
    rest = run[len(url) :]
    if _DOUBTFUL.search(run) or _ends_in_entity(run) or not _is_balanced(url) or not uri_of(url):
        return None
    host = host_of(url)
    if "_" in host.rpartition(".")[2]:  # no top-level domain has one
        return None
    enclosed = text[start - 1 : start] == "<" and text[end : end + 1] == ">"
    if not enclosed and (
        _may_be_a_sentence(url, host)
        or _opens_a_quotation(url, text[end : end + 1])
        or (not url.isascii() and _may_go_over_into_text(url, host))
    ):
        return None
    return None if any(map(str.isalnum, rest)) else url


def _ends_in_entity(run: str) -> bool:
    """Return whether the text may be escaped HTML, where `&gt;` at the end is a bracket."""
    entity = _ENTITY_AT_END.search(run)
    if entity is None:
        return False
    from html import unescape  # noqa: PLC0415 - few texts have entities

    return unescape(entity[1]) != entity[1]


def _may_go_over_into_text(url: str, host: str) -> bool:
    """Return whether the script does not show where an address ends and the sentence continues."""
    tail = url[url.index(host) + len(host) :]
    return bool(_INTO_FOREIGN.search(host) or _UNBROKEN.search(tail))


def _may_be_a_sentence(url: str, host: str) -> bool:
    """Return whether the last label of a host may be the word after a full stop."""
    before, _, last = host.rpartition(".")
    before = before.rpartition(".")[2]
    if not last.isascii():
        return before.isascii() and _IS_FOREIGN.search(last) is not None
    return bool(url.endswith(host) and _SENTENCE.fullmatch(last)) and before == before.lower()


def _opens_a_quotation(url: str, following: str) -> bool:
    """Return whether a value in quotation marks follows, which belongs to the address or not."""
    return url[-1] == "=" and following in _OPENS_VALUE


def _trimmed(run: str, before: str) -> str:
    """Leave off punctuation, and brackets that were opened before the address."""
    if run[-1:].isalnum():
        return run
    surplus = {close: run.count(close) - run.count(opens) for close, opens in _OPENED_BY.items()}
    end = len(run)
    while end:
        last = run[end - 1]
        if last == _QUOTE:
            # Within quotation marks the last one closes them, else one that nothing opened.
            if before != _QUOTE and run.count(_QUOTE, 0, end) % 2 == 0:
                break
            before = ""
        elif last in _OPENED_BY:
            if surplus[last] <= 0:
                break
            surplus[last] -= 1
        elif last not in _TRAILING and not (last in _EMPHASIS and last == before):
            break
        elif last in "([":
            surplus[")" if last == "(" else "]"] += 1
        end -= 1
    return run[:end]


def _is_balanced(url: str) -> bool:
    opened = []
    for bracket in _BRACKET.findall(url):
        if bracket not in _OPENED_BY:
            opened.append(bracket)
        elif not opened or opened.pop() != _OPENED_BY[bracket]:
            return False
    return not opened
