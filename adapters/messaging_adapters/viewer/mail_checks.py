"""Check a mail without asking anyone: what mail programs will not show as it is meant."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.mail_frame import MOST_BYTES, FramedMail
from messaging_core.models.messages.envelope import EmailContent

_CUT_AT: Final = 102_000  # where Gmail cuts a mail
_GOOD, _BAD, _HINT = "good", "bad", "doubt"
_MOST_NAMED: Final = 3

# What programs ignore: the feature, how it is found, and who ignores it.
_CSS: Final = (
    ("@import", r"@import\b", "Gmail and Outlook for Windows do not read it"),
    ("@font-face", r"@font-face\b", "Gmail and Outlook for Windows do not read it"),
    ("position", r"(?<![\w-])position\s*:", "Gmail and Outlook for Windows ignore it"),
    ("display: flex", r"display\s*:\s*(inline-)?flex\b", "Outlook for Windows ignores it"),
    ("display: grid", r"display\s*:\s*(inline-)?grid\b", "Outlook for Windows ignores it"),
    ("animation", r"(@keyframes\b|(?<![\w-])animation\s*:)", "Gmail and Outlook ignore it"),
    ("background-image", r"background(-image)?\s*:[^;}\"]*url\(", "Outlook for Windows ignores it"),
    ("border-radius", r"border-radius\s*:", "Outlook for Windows ignores it"),
    ("variables", r"var\(\s*--", "Gmail and Outlook for Windows ignore them"),
    ("svg", r"<svg\b", "Gmail and Outlook remove it"),
    ("video", r"<video\b", "most mail programs show nothing or the picture before it"),
)


@frozen(kw_only=True)
class Check:
    """The result of one check: its tone, and a sentence."""

    tone: str
    sentence: str


def checks_of(
    content: EmailContent, framed: FramedMail | None, *, is_marketing: bool
) -> tuple[Check, ...]:
    """Return what was checked, all offline.

    Args:
        content: The mail.
        framed: The mail as it is shown, if it has HTML.
        is_marketing: Whether readers must be able to unsubscribe.
    """
    checks = [_text(content), *_unsubscribe(content, is_marketing=is_marketing)]
    if content.html is not None and framed is not None:
        html = content.html[:MOST_BYTES]
        checks += [_alternatives(html), *_links(framed), *_inert(framed), *_css(html), _size(html)]
    return tuple(checks)


def _text(content: EmailContent) -> Check:
    if content.text:
        return Check(tone=_GOOD, sentence="It has a text part.")
    return Check(tone=_BAD, sentence="It has no text part: some readers and filters need one.")


def _unsubscribe(content: EmailContent, *, is_marketing: bool) -> Iterator[Check]:
    names = {name.lower() for name in content.headers}
    if "list-unsubscribe-post" in names:
        yield Check(tone=_GOOD, sentence="Readers can unsubscribe with one click (RFC 8058).")
    elif "list-unsubscribe" in names:
        yield Check(tone=_HINT, sentence="It has List-Unsubscribe, but no List-Unsubscribe-Post.")
    elif is_marketing:
        yield Check(tone=_BAD, sentence="It is marketing, and has no List-Unsubscribe header.")


class _Pictures(HTMLParser):
    """Counts pictures, and those without an alternative text."""

    def __init__(self) -> None:
        super().__init__()
        self.number = self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.number += 1
            self.silent += "alt" not in dict(attrs)


def _alternatives(html: str) -> Check:
    pictures = _Pictures()
    pictures.feed(html)
    if pictures.silent:
        sentence = f"{pictures.silent} of {pictures.number} pictures have no alternative text."
        return Check(tone=_BAD, sentence=sentence)
    if pictures.number:
        return Check(tone=_GOOD, sentence="Every picture has a text, or is decoration.")
    return Check(tone=_GOOD, sentence="It has no pictures.")


def _links(framed: FramedMail) -> Iterator[Check]:
    allowed = ("https://", "mailto:", "tel:", "sms:", "#")
    odd = [link for link in framed.links if not link.strip().lower().startswith(allowed)]
    if odd:
        named = ", ".join(text.line(link, 80) for link in odd[:_MOST_NAMED])
        yield Check(tone=_BAD, sentence=f"Links that are not https or not absolute: {named}.")
    elif framed.links:
        number = len(framed.links)
        all_links = "The only link is" if number == 1 else f"All {number} links are"
        yield Check(tone=_GOOD, sentence=f"{all_links} https and absolute.")


def _inert(framed: FramedMail) -> Iterator[Check]:
    if framed.counts.get("form"):
        yield Check(tone=_BAD, sentence="A form: most mail programs remove it or warn.")
    if framed.counts.get("script"):
        yield Check(tone=_BAD, sentence="A script: every mail program removes it.")
    if framed.counts.get("frame"):
        yield Check(tone=_BAD, sentence="A frame: every mail program removes it.")


def _css(html: str) -> Iterator[Check]:
    for name, expression, who in _CSS:
        if re.search(expression, html, re.IGNORECASE):
            yield Check(tone=_HINT, sentence=f"{name}: {who}.")


def _size(html: str) -> Check:
    size = len(html.encode(errors="surrogatepass"))
    written = f"{size // 1000 or 1} kB"
    if size > _CUT_AT:
        return Check(tone=_BAD, sentence=f"{written}: Gmail cuts it at 102 kB.")
    return Check(tone=_GOOD, sentence=f"{written}: under the 102 kB at which Gmail cuts it.")
