"""Tell where in HTML a placeholder stands, which decides how its value is made safe."""

import re
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from html import unescape
from typing import Final

from messaging_core.lazy import pattern
from messaging_core.models.common.violation import Violation

_URL_ATTRIBUTES: Final = frozenset(
    {
        *("href", "src", "action", "formaction", "background", "poster", "cite", "data"),
        *("xlink:href", "longdesc", "manifest", "dynsrc", "lowsrc", "ping"),
        *("from", "to", "by", "values"),  # an animation in SVG writes them into an href
    }
)
_CODE_ATTRIBUTES: Final = frozenset({"style", "srcdoc", "srcset", "imagesrcset"})
# In these elements nothing is a tag but their own end (HTML §13.2.5); the last two show text.
_RAW_TEXT: Final = frozenset({"script", "style", "iframe", "noembed", "noframes", "xmp"})
_PLAIN_TEXT: Final = frozenset({"title", "textarea"})
_TAG: Final = pattern(r"</?([a-zA-Z][^\s/>]*)")
# One attribute with the opening quote of its value, or with a value that has no quotes, or none.
_ATTRIBUTE: Final = pattern(r"""([^\s"'>/=]+)(?:\s*=\s*(?:(["'])|([^\s"'>]*)))?""")
_BETWEEN: Final = pattern(r"[\s/\"'=]+")
_SETTLED: Final = pattern(r"[:/?#]")
_AMPERSAND: Final = pattern(r"&(?:amp|#38|#x26);", re.IGNORECASE)
# Browsers drop leading controls and spaces, and tabs and line breaks anywhere (WHATWG URL §4.4).
_IGNORED: Final = pattern(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ufeff]+")
_ENOUGH: Final = 100  # of what is left after that, to know a scheme
_ENDS: Final = {
    "-->": pattern("--!?>"),
    **{end: pattern(re.escape(end)) for end in (">", "]>")},
    **{
        f"</{tag}": pattern(rf"</{tag}(?![^\s/>])", re.IGNORECASE)
        for tag in _RAW_TEXT | _PLAIN_TEXT
    },
}
_SHOWN: Final = frozenset({"", "-->", *(f"</{tag}" for tag in _PLAIN_TEXT)})
_EXECUTABLE: Final = frozenset({"javascript", "vbscript", "data", "file", "blob"})

# The value of an attribute that holds a URL, with quotes or without.
_LINK: Final = pattern(
    rf"""\b(?:{"|".join(sorted(_URL_ATTRIBUTES))})\s*+=\s*+(?:"([^"]*+)|'([^']*+)|([^\s"'>]++))""",
    re.IGNORECASE,
)


class Context(Enum):
    """Say where a placeholder stands."""

    TEXT = auto()
    ATTRIBUTE = auto()
    URL_START = auto()
    URL_REST = auto()
    QUERY_VALUE = auto()
    UNSAFE = auto()


def is_executable(url: str) -> bool:
    """Return whether a URL runs or reads something on the reader's machine."""
    scheme, colon, _ = url.partition(":")
    return bool(colon) and _IGNORED.sub("", scheme).lower() in _EXECUTABLE


def check_rendered_html(html: str) -> tuple[Violation, ...]:
    """Refuse rendered HTML with a URL that runs or reads something on the reader's machine.

    For engines that cannot tell beforehand where a value will stand.
    """
    urls = (match[1] or match[2] or match[3] or "" for match in _LINK.finditer(html))
    if not any(is_executable(unescape(url)) for url in urls):
        return ()
    message = "a value makes a link that runs something on the reader's machine"
    return (Violation("", "template.unsafe_link", message),)


def unsafe_place() -> Violation:
    """Say that a value would be written where no escaping makes it safe."""
    message = (
        "no value can be made safe here: put it into text or into a quoted attribute that runs "
        "nothing"
    )
    return Violation("", "template.unsafe_place", message)


def contexts(pieces: Iterable[str | None]) -> Iterator[Context]:
    """Tell the context of each placeholder, which is given as `None` between literal texts.

    What is neither text nor the quoted value of a harmless attribute is unsafe: scripts and
    styles, event handlers, values without quotes, names of tags and attributes.
    """
    scanner = HtmlScanner()
    for piece in pieces:
        if piece is None:
            yield scanner.placeholder()
        else:
            scanner.feed(piece)


class QueryScanner:
    """Follow a URL as far as is needed to know whether a value of its query is reached."""

    _NEXT: Final = pattern(r"[?&;=#]")

    def __init__(self) -> None:
        self.part = ""  # the sign that the last part began with: "?" a name, "=" a value, "#"

    def feed(self, text: str) -> None:
        """Take in what follows of the URL."""
        for sign in self._NEXT.findall(text):
            if self.part == "#":
                return
            if sign == "#" or (sign == "?" and not self.part):
                self.part = sign
            elif self.part and sign != "?":
                self.part = "=" if sign == "=" else "?"

    @property
    def in_value(self) -> bool:
        """Return whether the value of a parameter is reached."""
        return self.part == "="


class HtmlScanner:
    """Follow HTML as far as is needed to know in which value a place is."""

    def __init__(self) -> None:
        self.pending: list[str] = []  # literal text that is not looked at yet
        self.until = ""  # what ends a comment, a declaration, or a script
        self.in_tag = False
        self.tag = ""
        self.quote = ""
        self.attribute = ""
        self.value = ""  # how that of the attribute begins, without its placeholders
        self.is_settled = False
        self.has_placeholder = False
        self.query = QueryScanner()

    def feed(self, text: str) -> None:
        """Take in literal text; it may end anywhere, also within a tag."""
        self.pending.append(text)

    def placeholder(self) -> Context:
        """Tell where a value would stand now."""
        text = "".join(self.pending)
        self.pending.clear()
        self._read(text)
        # A value that turns out to be empty would let the end of a comment go unseen.
        if self.until == "-->" and text.endswith(("-", "--!")):
            return Context.UNSAFE
        if self.quote:
            context = self._of_value()
            self.has_placeholder = True
            return context
        if self.in_tag or self.until not in _SHOWN:
            return Context.UNSAFE
        return Context.TEXT

    def _of_value(self) -> Context:
        name = self.attribute
        if name.startswith("on") or name in _CODE_ATTRIBUTES:
            return Context.UNSAFE
        if name not in _URL_ATTRIBUTES:
            return Context.ATTRIBUTE
        if is_executable(self.value):
            return Context.UNSAFE
        if self.query.in_value:
            return Context.QUERY_VALUE
        if self.is_settled:
            return Context.ATTRIBUTE
        started = self.has_placeholder or self.value.strip()
        return Context.URL_REST if started else Context.URL_START

    def _read(self, text: str) -> None:
        place = 0
        while place < len(text):
            if self.until:
                place = self._skip(text, place)
            elif self.quote:
                place = self._in_value(text, place)
            elif self.in_tag:
                place = self._in_tag(text, place)
            else:
                place = self._in_text(text, place)

    def _skip(self, text: str, place: int) -> int:
        match = _ENDS[self.until].search(text, place)
        if match is None:
            return len(text)
        if self.until.startswith("</"):
            self.in_tag, self.tag = True, ""
        self.until = ""
        return match.end()

    def _in_value(self, text: str, place: int) -> int:
        end = text.find(self.quote, place)
        if end < 0:
            piece = text[place:]
            if len(self.value) < _ENOUGH:
                self.value += _IGNORED.sub("", unescape(piece))[:_ENOUGH]
            self.query.feed(_AMPERSAND.sub("&", piece))
            self.is_settled = self.is_settled or _SETTLED.search(piece) is not None
            return len(text)
        self.quote = ""
        return end + 1

    def _in_tag(self, text: str, place: int) -> int:
        if between := _BETWEEN.match(text, place):
            return between.end()
        if text[place] == ">":
            self.in_tag = False
            self.until = f"</{self.tag}" if self.tag in _RAW_TEXT | _PLAIN_TEXT else ""
            return place + 1
        match = _ATTRIBUTE.match(text, place)
        if match is None:  # nothing that HTML gives a meaning
            return place + 1
        self.attribute, self.quote = match[1].lower(), match[2] or ""
        self.value, self.is_settled, self.has_placeholder = "", False, False
        self.query = QueryScanner()
        return match.end()

    def _in_text(self, text: str, place: int) -> int:
        start = text.find("<", place)
        if start < 0:
            return len(text)
        if tag := _TAG.match(text, start):
            self.in_tag = True
            self.tag = "" if text[start + 1] == "/" else tag[1].lower()
            return tag.end()
        if text.startswith(("<!", "<?"), start):
            return self._in_declaration(text, start)
        if start + len("</") >= len(text) and text[start:] in {"<", "</"}:
            self.in_tag, self.tag = True, ""
        return start + 1

    def _in_declaration(self, text: str, start: int) -> int:
        # What a conditional comment holds is markup to the readers it is meant for.
        if text.startswith("<!--[if", start):
            self.until = "]>"
            return start + len("<!--[if")
        self.until = "-->" if text.startswith("<!--", start) else ">"
        return start + 2
