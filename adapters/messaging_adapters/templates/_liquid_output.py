"""Hold everything that Liquid writes to the place that it is written in."""

from html import unescape
from io import StringIO
from typing import Any, Final, TextIO

from liquid.builtin.content import ContentNode, Literal
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.context import RenderContext
from liquid.exceptions import LiquidError, OutputStreamLimitError
from liquid.output import LimitedStringIO
from liquid.stringify import to_liquid_string
from markupsafe import Markup

from messaging_adapters.templates._liquid_limits import spend
from messaging_core.templates.interpolation.formatting import as_query_value
from messaging_core.templates.interpolation.html import Context, HtmlScanner
from messaging_core.templates.interpolation.urls import TextScanner

_QUOTED: Final = str.maketrans({'"': "&quot;", "'": "&#x27;", "<": "&lt;", ">": "&gt;"})


class UnsafePlaceError(LiquidError):
    """Report a value that would be written where no escaping makes it safe."""

    def __init__(self) -> None:
        super().__init__("unsafe place", token=None)


class EncodedText(str):
    """A text that is percent-encoded already; it holds nothing that HTML gives a meaning."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return the text for HTML."""
        return str(self)


class TextBuffer(LimitedStringIO):
    """Collect plain text, with the values of queries percent-encoded."""

    def __init__(self, limit: int) -> None:
        # Line breaks stay as they are, which they do not in a buffer of Liquid's own.
        super().__init__(limit=limit, newline="")
        self._scanner = TextScanner()

    def literal(self, text: str) -> int:
        """Write text of the template itself."""
        self._scanner.feed(text)
        return super().write(text)

    def write(self, text: str) -> int:
        """Write what a tag says."""
        return self.literal(text)

    def write_value(self, text: str, *, is_encoded: bool) -> int:
        """Write a value."""
        if self._scanner.is_query_value() and not is_encoded:
            text = as_query_value(text) or ""
        return super().write(text)


class HtmlBuffer(LimitedStringIO):
    """Collect HTML, and know at each value in which context it stands.

    Whatever tag writes, all but the literal text of the template comes through `write`.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit, newline="")
        self._scanner = HtmlScanner()

    def literal(self, text: str) -> int:
        """Write text of the template itself."""
        self._scanner.feed(text)
        return super().write(text)

    def write(self, text: str) -> int:
        """Write what a tag says, escaped for HTML text already."""
        return self.write_value(text, is_encoded=True) if text else 0

    def write_value(self, text: str, *, is_encoded: bool) -> int:
        """Write what is escaped for HTML text already, and encode it for a query if it is not.

        Raises:
            UnsafePlaceError: It would be written into a script, a tag or an event handler.
        """
        context = self._scanner.placeholder()
        if context is Context.UNSAFE:
            raise UnsafePlaceError
        if context is Context.TEXT:  # what was captured may hold tags
            self._scanner.feed(text)
        elif context is Context.QUERY_VALUE and not is_encoded:
            text = as_query_value(unescape(text)) or ""
        else:
            text = text.translate(_QUOTED)
        return super().write(text)


class _ContentNode(ContentNode):
    """Write literal text."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        spend(context)
        if isinstance(buffer, HtmlBuffer | TextBuffer):
            return buffer.literal(self.text)
        return buffer.write(self.text)


class Content(Literal):
    """Parse literal text."""

    node_class = _ContentNode


class _ValueNode(OutputNode):
    """Write a value for its place."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        spend(context)
        value = self.expression.evaluate(context)
        check_size(value, context)
        text = to_liquid_string(value, context.autoescape)
        if not text:
            return 0
        if isinstance(buffer, HtmlBuffer | TextBuffer):
            return buffer.write_value(text, is_encoded=isinstance(value, EncodedText))
        return buffer.write(text)


class Value(Output):
    """Parse an output."""

    node_class = _ValueNode


class _EchoNode(_ValueNode, EchoNode):
    """Write a value like any output."""


class Echo(EchoTag):
    """Parse the tag that is an output by another name."""

    node_class = _EchoNode


def check_size(value: Any, context: RenderContext) -> None:
    """Refuse a list that is too long once it is written, before it is."""
    limit = context.env.output_stream_limit
    if isinstance(value, list) and limit is not None:
        length = sum(len(item) if isinstance(item, str) else 1 for item in value)
        if length > limit:
            raise OutputStreamLimitError("output stream limit reached", token=None)


def url_encode(value: Any) -> EncodedText:
    """Percent-encode a text, once: in the query of a link it is not encoded again."""
    text = "" if value is None else str(value)
    plain = unescape(text) if isinstance(value, Markup) else text
    return EncodedText(as_query_value(plain))


def buffer_within(outer: TextIO | None, limit: int, *, is_html: bool, is_text: bool) -> StringIO:
    """Return a buffer for a part of the output, with what is left of the limit."""
    rest = limit - (outer.size if isinstance(outer, LimitedStringIO) else 0)
    if is_html:
        return HtmlBuffer(rest)
    return TextBuffer(rest) if is_text else LimitedStringIO(limit=rest, newline="")
