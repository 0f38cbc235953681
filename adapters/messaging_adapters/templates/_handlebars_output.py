"""Write values so that they cannot leave the place that they stand in."""

from collections.abc import Callable
from typing import Any, Final

from messaging_adapters.templates._handlebars_values import text_of
from messaging_core.errors import TemplateValueError
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.template_project import Form
from messaging_core.templates.interpolation.formatting import (
    HTML_WRITERS,
    as_html_with_breaks,
    as_json,
    as_json_text,
    as_line,
    as_query_value,
)
from messaging_core.templates.interpolation.html import Context, HtmlScanner, unsafe_place
from messaging_core.templates.interpolation.urls import TextScanner


def too_large(reason: str) -> TemplateValueError:
    """Say which limit a rendering would exceed."""
    return TemplateValueError((Violation("", "template.too_large", reason),))


class Writer:
    """Collect a plain text."""

    def __init__(self, limit: int) -> None:
        self._parts: list[str] = []
        self._limit = self._rest = limit

    def literal(self, text: str) -> None:
        """Write text of the template itself."""
        self.append(text)

    def value(self, value: Any, *, is_raw: bool) -> bool:
        """Write a value; return False if it has no text."""
        text = text_of(value)
        if text is None:
            return False
        self.append(self.placed(text, is_raw=is_raw))
        return True

    def blank(self, *, is_raw: bool) -> None:
        """Write what stands where there is no value."""
        self.append(self.placed("", is_raw=is_raw))

    def placed(self, text: str, *, is_raw: bool) -> str:
        """Return a text as it is written in this place."""
        del is_raw
        return text

    def append(self, text: str) -> None:
        """Add what is ready.

        Raises:
            TemplateValueError: The result would be too long.
        """
        self._rest -= len(text)
        if self._rest < 0:
            raise too_large(f"the text would have more than {self._limit} characters")
        self._parts.append(text)

    def result(self) -> str:
        """Return all that was written."""
        return "".join(self._parts)


class TextWriter(Writer):
    """Percent-encode values in the query of an address."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._scanner = TextScanner()

    def literal(self, text: str) -> None:
        self._scanner.feed(text)
        super().literal(text)

    def placed(self, text: str, *, is_raw: bool) -> str:
        is_query_value = self._scanner.is_query_value()
        return (as_query_value(text) or "") if is_query_value and not is_raw else text


class LineWriter(Writer):
    """Keep everything on one line."""

    def result(self) -> str:
        return as_line(super().result()) or ""


class HtmlWriter(Writer):
    """Escape values for text, attributes and addresses, and refuse them elsewhere."""

    def __init__(self, limit: int, *, line_breaks: bool) -> None:
        super().__init__(limit)
        self._scanner = HtmlScanner()
        self._line_breaks = line_breaks

    def literal(self, text: str) -> None:
        self._scanner.feed(text)
        super().literal(text)

    def placed(self, text: str, *, is_raw: bool) -> str:
        context = self._scanner.placeholder()
        if is_raw:
            if context is Context.TEXT:  # it may hold tags
                self._scanner.feed(text)
            return text
        if context is Context.UNSAFE:
            raise TemplateValueError((unsafe_place(),))
        if self._line_breaks and context is Context.TEXT:
            return as_html_with_breaks(text) or ""
        return HTML_WRITERS[context](text) or ""


class JsonWriter(Writer):
    """Write values within the quotes of a text, or as whole JSON values."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._within = False

    def literal(self, text: str) -> None:
        quotes = text.replace("\\\\", "").replace('\\"', "").count('"')
        self._within ^= quotes % 2 == 1
        super().literal(text)

    def value(self, value: Any, *, is_raw: bool) -> bool:
        if self._within or is_raw:
            return super().value(value, is_raw=is_raw)
        self.append(as_json(value) or "null")
        return True

    def blank(self, *, is_raw: bool) -> None:
        self.append("" if self._within or is_raw else "null")

    def placed(self, text: str, *, is_raw: bool) -> str:
        return text if is_raw else as_json_text(text) or ""


WRITERS: Final[dict[Form, Callable[[int, bool], Writer]]] = {
    Form.TEXT: lambda limit, _: TextWriter(limit),
    Form.LINE: lambda limit, _: LineWriter(limit),
    Form.HTML: lambda limit, line_breaks: HtmlWriter(limit, line_breaks=line_breaks),
    Form.JSON: lambda limit, _: JsonWriter(limit),
}
"""What collects each form."""
