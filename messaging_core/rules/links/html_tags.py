"""The tags of an HTML document, as a browser sees them."""

import re
from collections.abc import Iterator
from typing import Final

from messaging_core.lazy import frozen, pattern

NO_TRACK: Final = "data-no-track"
"""The attribute of an `<a>` element whose link is left out of tracking."""

_ANY_CASE: Final = re.ASCII | re.IGNORECASE
# What follows is the tokenisation of the HTML standard (§13.2.5), as far as it tells tags from
# the rest; its spaces are these five, not those of Unicode.
SPACES: Final = "\t\n\f\r "
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


@frozen
class Tag:
    """A tag, or what stands in its place: a comment, a declaration, a tag without an end.

    Attributes:
        name: In lower case; empty for anything but a tag.
        is_end: It is an end tag.
        start: Where it begins.
        attributes: Where its attributes begin.
        end: Where the next tag may begin: behind it, or at the end of its raw text.
        is_unfinished: The document ends within it or its raw text. Text that was written behind
            it would belong to it.
        href: Where the value of its first `href` is.
        is_tracked: It does not have the attribute `data-no-track`.
    """

    name: str
    is_end: bool
    start: int
    attributes: int
    end: int
    is_unfinished: bool = False
    href: tuple[int, int] | None = None
    is_tracked: bool = True


def tags(html: str) -> Iterator[Tag]:
    """Yield the tags of a document, in their order, in time proportional to its length."""
    place = 0
    while match := _TAG.search(html, place):
        tag = _tag(html, match) if match[2] else _other(html, match)
        yield tag
        if tag.is_unfinished:
            return
        place = tag.end


def _tag(html: str, match: re.Match[str]) -> Tag:
    start, name, is_end = match.start(), match[2].lower(), bool(match[1])
    href, is_tracked, end = _attributes(html, match.end())
    if end > len(html):
        return Tag("", is_end, start, match.end(), len(html), True)  # noqa: FBT003 - a field
    is_unfinished = False
    if not is_end and name in _RAW:
        raw_end = _RAW_ENDS[name].search(html, end)
        is_unfinished, end = raw_end is None, raw_end.start() if raw_end else len(html)
    elif not is_end and name == "plaintext":
        is_unfinished, end = True, len(html)
    return Tag(name, is_end, start, match.end(), end, is_unfinished, href, is_tracked)


def _other(html: str, match: re.Match[str]) -> Tag:
    """Return a comment, declaration or malformed end tag."""
    end = _end_of_other(html, match)
    return Tag("", False, match.start(), match.end(), end or len(html), end is None)  # noqa: FBT003 - a field


def _end_of_other(html: str, match: re.Match[str]) -> int | None:
    if not match[3]:
        end = html.find(">", match.start() + 2)
        return end + 1 if end >= 0 else None
    if html.startswith((">", "->"), match.end()):
        return html.index(">", match.end()) + 1
    over = _COMMENT_END.search(html, match.end())
    return over.end() if over else None


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
