"""The links of an HTML document, changed without touching anything else."""

import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from typing import Final

from messaging_core.lazy import frozen, pattern
from messaging_core.rules.links.html_tags import tags
from messaging_core.rules.links.tracking import utm_insertion

_ANY_CASE: Final = re.ASCII | re.IGNORECASE
# A name without semicolon is none before "=" (§13.2.5.73), or "?a=1&copy=2" would be another.
_REFERENCE: Final = pattern(r"&(?:#[0-9]++;?|#x[0-9a-f]++;?|[a-z][a-z0-9]*+(?:;|(?!=)))", _ANY_CASE)
_LONGEST_REFERENCE: Final = 40
# Python reads a number in quadratic time, so a link with a longer one is left alone.
_LONG_NUMBER: Final = pattern(r"&#(?:[0-9]{38}|x[0-9a-f]{37})", _ANY_CASE)
_STRIPPED: Final = "".join(map(chr, range(0x21)))


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
    return frozenset(_value(html[start:end]) for start, end in spans)


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


def shorten_html(html: str, code_for: Callable[[str], str | None], domain: str) -> str:
    """Replace the web addresses that the `<a>` elements of a document link to by short links.

    What `track_html` leaves as it is stays here too.

    Args:
        html: A document.
        code_for: Returns the code of an address as a reader sees it, or None to keep it long.
        domain: The host of the short links.
    """
    pieces, place = [], 0
    for link in _links(html):
        start, end = link.href
        raw = html[start:end]
        code = code_for(_value(raw)) if link.is_tracked and not _LONG_NUMBER.search(raw) else None
        if code:
            pieces += [html[place:start], f"https://{domain}/{code}"]
            place = end
    return "".join([*pieces, html[place:]])


def _links(html: str) -> Iterator[_Link]:
    """Yield the links, in their order."""
    for tag in tags(html):
        if tag.href and tag.name == "a" and not tag.is_end:
            yield _Link(tag.attributes, tag.href, tag.is_tracked)


def _value(raw: str) -> str:
    """Return an address as a reader sees it."""
    return "".join(text for text, _ in _decoded(raw)).strip(_STRIPPED)


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
