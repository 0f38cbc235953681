"""An HTML mail as a document of its own, in which nothing runs and which loads nothing.

The headers of the answer make it safe, wherever it is opened: a sandbox without scripts, forms and
origin, and a policy that allows no request. What is taken out here is taken out so that the mail
looks as it does to a reader: links lead nowhere, and nothing is left that a browser would report.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape, unescape
from html.parser import HTMLParser
from types import MappingProxyType
from typing import Final

from attrs import frozen

from messaging_adapters.viewer.headers import PRIVATE
from messaging_adapters.viewer.masking import without

_POLICY: Final = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {**PRIVATE, "content-security-policy": _POLICY, "x-dns-prefetch-control": "off"}
)
"""The headers of the document."""

MOST_BYTES: Final = 2_000_000
_MOST_LINKS: Final = 200
_DROPPED: Final = frozenset(
    {"applet", "base", "embed", "frame", "frameset", "iframe", "link", "meta", "object", "portal"}
)
_WITH_CONTENT: Final = frozenset({"script", "noscript", "title"})
_VOID: Final = frozenset({"img", "br", "hr", "input", "col", "source", "area", "wbr", "track"})
_LOADING: Final = frozenset(
    {"src", "srcset", "poster", "background", "lowsrc", "dynsrc", "data", "imagesrcset"}
)
_LEADING: Final = frozenset({"href", "xlink:href", "action", "formaction", "ping", "target"})
_SAFE_DATA: Final = re.compile(r"data:image/(png|jpe?g|gif|webp|bmp)[;,]", re.IGNORECASE)
_CSS_LOAD: Final = re.compile(r"url\(\s*[\"']?(?!data:)[^)\"'\s]", re.IGNORECASE)
_CSS_IMPORT: Final = re.compile(r"@import\b[^;]*", re.IGNORECASE)
_FRAMES: Final = frozenset({"iframe", "frame", "object", "embed", "applet", "portal"})
_WORDS: Final = {
    "picture": ("picture", "pictures"),
    "background": ("background", "backgrounds"),
    "style sheet": ("style sheet", "style sheets"),
    "hint": ("hint to load something", "hints to load something"),
    "frame": ("frame", "frames"),
    "script": ("script", "scripts"),
    "form": ("form", "forms"),
    "handler": ("event handler", "event handlers"),
    "redirect": ("redirect", "redirects"),
}
_HELD_BACK: Final = ("picture", "background", "style sheet", "hint", "frame")
_INERT: Final = ("script", "form", "handler", "redirect")


@frozen(kw_only=True)
class FramedMail:
    """A mail that is ready to be shown.

    Attributes:
        html: The document.
        counts: What was held back or is inert, by kind.
        links: Where its links led, in their order.
    """

    html: str
    counts: Mapping[str, int]
    links: tuple[str, ...]

    @property
    def held_back(self) -> str:
        """Return what would have been loaded from outside, counted in words."""
        return _counted(self.counts, _HELD_BACK)

    @property
    def inert(self) -> str:
        """Return what would have done something, counted in words."""
        return _counted(self.counts, _INERT)


def frame_mail(
    html: str, *, pictures: Mapping[str, str] = MappingProxyType({}), known: Sequence[str] = ()
) -> FramedMail:
    """Return an HTML mail as a document that is shown in a frame.

    Args:
        html: As it is sent.
        pictures: `data:` URLs of the pictures that came with the mail, by their content id.
        known: Addresses that are masked in it.
    """
    writer = _Writer(pictures, known)
    writer.feed(html[:MOST_BYTES])
    writer.close()
    writer.flush()
    return FramedMail(
        html="".join(writer.output), counts=writer.counts, links=tuple(writer.links[:_MOST_LINKS])
    )


class _Writer(HTMLParser):
    """Writes the mail again, without what is taken out."""

    def __init__(self, pictures: Mapping[str, str], known: Sequence[str]) -> None:
        super().__init__(convert_charrefs=False)
        self.output: list[str] = ["<!doctype html>"]
        self.counts: Counter[str] = Counter()
        self.links: list[str] = []
        self._pictures = pictures
        self._known = known
        self._words: list[str] = []  # an address may be written with character references
        self._skipped: str | None = None

    def flush(self) -> None:
        """Write the words that were read, with addresses masked."""
        if self._words:
            words = "".join(self._words)
            self._words.clear()
            shown = without(unescape(words), self._known) if self._known else None
            changed = shown is not None and shown != unescape(words)
            self.output.append(escape(shown or "", quote=False) if changed else words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.flush()
        self._count(tag, dict(attrs))
        if tag in _WITH_CONTENT:
            self._skipped = self._skipped or tag
        if self._skipped or tag in _DROPPED:
            return
        written = [self._attribute(tag, name, value or "") for name, value in attrs]
        self.output.append(f"<{tag}{''.join(written)}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        self.flush()
        if self._skipped is None and tag not in _DROPPED:
            self.output.append(f"</{tag}>")
        elif self._skipped == tag:
            self._skipped = None

    def handle_data(self, data: str) -> None:
        if self._skipped is None:
            if self.cdata_elem == "style":
                self._count_css(data)
                self.output.append(without(data.replace("</", "<\\/"), self._known))
            else:
                self._words.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")

    def _count(self, tag: str, attrs: Mapping[str, str | None]) -> None:
        if tag in {"script", "form"}:
            self.counts[tag] += 1
        elif tag in _FRAMES:
            self.counts["frame"] += 1
        elif tag == "meta" and (attrs.get("http-equiv") or "").strip().lower() == "refresh":
            self.counts["redirect"] += 1
        elif tag == "link":
            is_sheet = "stylesheet" in (attrs.get("rel") or "").lower()
            self.counts["style sheet" if is_sheet else "hint"] += 1

    def _count_css(self, css: str) -> None:
        self.counts["style sheet"] += len(_CSS_IMPORT.findall(css))
        self.counts["background"] += len(_CSS_LOAD.findall(_CSS_IMPORT.sub("", css)))

    def _attribute(self, tag: str, name: str, value: str) -> str:
        """Return an attribute as it is written, or nothing."""
        if name.startswith("on"):
            self.counts["handler"] += 1
            return ""
        if name in _LEADING:
            if tag in {"a", "area"} and name == "href" and value:
                self.links.append(value)
            return ""
        if name in _LOADING:
            value = self._picture(name, value) or ""
            if not value:
                return ""
        elif name == "style":
            self._count_css(value)
        elif name == "srcdoc" or not re.fullmatch("[a-z][a-z0-9-]*", name):
            return ""
        return f' {name}="{escape(without(value, self._known))}"'

    def _picture(self, name: str, value: str) -> str | None:
        """Return a picture that came with the mail; one from outside is counted."""
        if _SAFE_DATA.match(value):
            return value
        if value.lower().startswith("cid:"):
            return self._pictures.get(value[4:])
        self.counts["background" if name == "background" else "picture"] += 1
        return None


def _counted(counts: Mapping[str, int], kinds: Sequence[str]) -> str:
    """Return numbers of kinds in words: `2 pictures, 1 background`."""
    return ", ".join(
        f"{counts[kind]} {_WORDS[kind][counts[kind] != 1]}" for kind in kinds if counts.get(kind)
    )
