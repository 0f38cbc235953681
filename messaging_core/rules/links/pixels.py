"""Invisible pictures in HTML, whose loading tells that a mail was opened."""

from typing import Final

from messaging_core.rules.links.html_tags import SPACES, Tag, tags

PIXEL_PATH: Final = "/o/"
"""The path of pixels below the domain of short links, before their code."""

# Without `display:none`: some mail programs do not load a picture that is not shown.
_IMAGE: Final = '<img src="{}" width="1" height="1" alt="" style="border:0;height:1px;width:1px">'
_OF_HEAD: Final = frozenset(
    {"", "base", "head", "html", "link", "meta", "script", "style", "title"}
)


def pixel_url(domain: str, code: str) -> str:
    """Return the address of a pixel; nothing in it names a message or a person."""
    return f"https://{domain}{PIXEL_PATH}{code}"


def with_pixels(html: str, *, first: str | None = None, last: str | None = None) -> str:
    """Return a document with a pixel at the beginning of its body, at the end, or both.

    Every other character stays as it is. A document that ends within a comment, a tag or a
    `<textarea>` gets its pixel before that.

    Args:
        html: A document or a fragment of one.
        first: The URL of the pixel at the beginning.
        last: The URL of the pixel at the end: before the last `</body>`, or at the end of the text.
    """
    begin, end = pixel_places(html)
    pieces = [
        html[:begin],
        "" if first is None else _image(first),
        html[begin:end],
        "" if last is None else _image(last),
        html[end:],
    ]
    return "".join(pieces)


def pixel_places(html: str) -> tuple[int, int]:
    """Return where the content of a document begins, and where it ends."""
    begin = end = None
    head, is_head = 0, True
    unfinished = len(html)
    for tag in tags(html):
        is_head = is_head and _is_of_head(html, head, tag)
        if is_head:
            head = tag.end
        if tag.name == "body":
            begin = tag.end if begin is None and not tag.is_end else begin
            end = tag.start if tag.is_end else end
        unfinished = tag.start if tag.is_unfinished else unfinished
    end = unfinished if end is None else end
    begin = _after_spaces(html, head) if begin is None else begin
    return min(begin, end), end


def _is_of_head(html: str, place: int, tag: Tag) -> bool:
    """Return whether a tag still belongs to what stands before the body."""
    has_text_before = html[place : tag.start].strip(SPACES) != ""
    return tag.name in _OF_HEAD and not tag.is_unfinished and not has_text_before


def _after_spaces(html: str, place: int) -> int:
    return len(html) - len(html[place:].lstrip(SPACES))


def _image(url: str) -> str:
    from html import escape  # noqa: PLC0415 - most programs send no mail with a pixel

    return _IMAGE.format(escape(url))
