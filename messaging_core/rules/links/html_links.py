"""The links of an HTML document, changed without touching anything else."""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Final

from messaging_core.lazy import frozen, pattern
from messaging_core.rules.links.tracking import utm_insertion

_ANY_CASE: Final = re.ASCII | re.IGNORECASE
# What follows is the tokenisation of the HTML standard (§13.2.5), as far as it tells tags from
# the rest; its spaces are these five, not those of Unicode.
_SPACE: Final = r"[\t\n\f\r ]"
_TAG: Final = pattern(r"<(?:(/?)([a-z][^\t\n\f\r />]*+)|(!--)|[!?/])", _ANY_CASE)
_ATTRIBUTE: Final = pattern(
    rf"[\t\n\f\r /]*+(?P<name>=?[^\t\n\f\r />=]*+)"
    rf"(?:{_SPACE}*+=(?:{_SPACE}*+)(?:\"(?P<double>[^\"]*+)(?P<end2>\"?)"
    rf"|'(?P<single>[^']*+)(?P<end1>'?)|(?P<bare>[^\t\n\f\r >\"'][^\t\n\f\r >]*+))?)?"
)
_COMMENT_END: Final = pattern(r"--!?>")
_RAW: Final = frozenset(
    {"iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp"}
)
_RAW_ENDS: Final = {name: pattern(rf"</{name}(?=[\t\n\f\r />])", _ANY_CASE) for name in _RAW}

# A name without semicolon is none before "=" (§13.2.5.73), or "?a=1&copy=2" would be another.
_REFERENCE: Final = pattern(r"&(?:#[0-9]++;?|#x[0-9a-f]++;?|[a-z][a-z0-9]*+(?:;|(?!=)))", _ANY_CASE)
_LONGEST_REFERENCE: Final = 40
# Python reads a number in quadratic time, so a link with a longer one is left alone.
_LONG_NUMBER: Final = pattern(r"&#(?:[0-9]{38}|x[0-9a-f]{37})", _ANY_CASE)
_STRIPPED: Final = "".join(map(chr, range(0x21)))


NO_TRACK: Final = "data-no-track"
"""The attribute of an `<a>` element whose link is left out of tracking."""


@frozen
class _Link:
    """An `<a>` element: where its attributes begin, where the value of its `href` is."""

    attributes: int
    href: tuple[int, int]
    is_tracked: bool


def track_html(html: str, parameters: Mapping[str, str]) -> str:
    """Add parameters to the web addresses that the `<a>` elements of a document link to.

    Every other character stays as it is: comments, scripts, styles, malformed tags, links of
    other schemes, and links with the attribute `data-no-track`. Where a browser would see no tag,
    none is seen. Takes time in proportion to the document, whatever it holds.
    """
    pieces, place = [], 0
    for link in _links(html):
        if link.is_tracked:
            start, end = link.href
            at, addition = _insertion(html[start:end], parameters)
            pieces += [html[place : start + at], addition]
            place = start + at
    return "".join([*pieces, html[place:]])


def untracked_links(html: str) -> frozenset[str]:
    """Return the addresses of the links that are left out of tracking."""
    spans = [link.href for link in _links(html) if not link.is_tracked]
    values = ("".join(text for text, _ in _decoded(html[start:end])) for start, end in spans)
    return frozenset(value.strip(_STRIPPED) for value in values)


def mark_untracked(html: str, attribute: str) -> str:
    """Write a provider's own attribute into the links that are left out of tracking.

    Args:
        html: A document.
        attribute: What tells the provider to leave a link alone, such as `clicktracking="off"`.
    """
    pieces, place = [], 0
    for link in _links(html):
        if not link.is_tracked:
            pieces += [html[place : link.attributes], f" {attribute}"]
            place = link.attributes
    return "".join([*pieces, html[place:]])


def _links(html: str) -> Iterator[_Link]:
    """Yield the links, in their order."""
    place = 0
    while tag := _TAG.search(html, place):
        name = (tag[2] or "").lower()
        if not name:
            place = _after_other(html, tag)
            continue
        href, is_tracked, place = _attributes(html, tag.end())
        if place > len(html):
            return
        if href and name == "a" and not tag[1]:
            yield _Link(tag.end(), href, is_tracked)
        if not tag[1] and name in _RAW:
            raw_end = _RAW_ENDS[name].search(html, place)
            place = raw_end.start() if raw_end else len(html)
        elif not tag[1] and name == "plaintext":
            return


def _after_other(html: str, tag: re.Match[str]) -> int:
    """Return where a comment, declaration or malformed end tag is over."""
    if not tag[3]:
        end = html.find(">", tag.start() + 2)
        return end + 1 if end >= 0 else len(html)
    if html.startswith((">", "->"), tag.end()):
        return html.index(">", tag.end()) + 1
    over = _COMMENT_END.search(html, tag.end())
    return over.end() if over else len(html)


def _attributes(html: str, place: int) -> tuple[tuple[int, int] | None, bool, int]:
    """Return where the first `href` of a tag is, if it is tracked, and where the tag is over.

    A tag that never ends is none; it is over beyond the end of the document.
    """
    href: tuple[int, int] | None = None
    seen, is_tracked = False, True
    while match := _ATTRIBUTE.match(html, place):
        place = match.end()
        if match["end2"] == "" or match["end1"] == "":
            break
        is_tracked = is_tracked and match["name"].lower() != NO_TRACK
        if match["name"].lower() == "href" and not seen:
            seen = True
            group = next((name for name in ("double", "single", "bare") if match[name]), None)
            href = match.span(group) if group else None
        if place < len(html) and html[place] == ">":
            return href, is_tracked, place + 1
        if place >= len(html) or match.end() == match.start():
            break
    return None, True, len(html) + 1


def _insertion(raw: str, parameters: Mapping[str, str]) -> tuple[int, str]:
    """Return what to write into the value of an attribute, and where; nothing if in doubt."""
    pieces = list(_decoded(raw))
    value = "".join(text for text, _ in pieces)
    url = value.strip(_STRIPPED)
    at, addition = utm_insertion(url, parameters)
    target = at + len(value) - len(value.lstrip(_STRIPPED))
    passed = place = 0
    for text, length in pieces:
        if passed + len(text) > target or passed == target:
            break
        passed, place = passed + len(text), place + length
    if not addition or _is_open(raw[:place]) or _LONG_NUMBER.search(raw):
        return 0, ""
    return place + target - passed, addition.replace("&", "&amp;")


def _decoded(raw: str) -> Iterator[tuple[str, int]]:
    """Yield the pieces of a value as they are meant, each with the length that it is written in."""
    place = 0
    for match in _REFERENCE.finditer(raw):
        if match.end() - match.start() <= _LONGEST_REFERENCE:
            if place < match.start():
                yield raw[place : match.start()], match.start() - place
            yield unescape(match[0]), len(match[0])
            place = match.end()
    if place < len(raw):
        yield raw[place:], len(raw) - place


def _is_open(raw: str) -> bool:
    """Return whether a value ends in a reference that what is written behind it would change."""
    last = raw[max(0, raw.rfind("&")) :]
    if raw.endswith(";") or not _REFERENCE.fullmatch(last):
        return False
    return len(last) > _LONGEST_REFERENCE or unescape(last) != last
