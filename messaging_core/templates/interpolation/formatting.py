"""Write values as text, so that they cannot leave the place they stand in."""

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import orjson

from messaging_core.lazy import pattern
from messaging_core.templates.interpolation.html import Context, is_executable
from messaging_core.wire.codec.scalars import write_datetime

Write = Callable[[Any], str | None]
"""Writes a value; `None` says that the value cannot be written there."""

BLOCKED_URL: Final = "#blocked"
"""What replaces a URL that would run something on the reader's machine."""

_LONGEST_DECIMAL: Final = 100
_LARGEST_EXACT: Final = 2**53  # a larger float represents several whole numbers
_BREAK: Final = pattern(r"\r\n|\n\r|\r|\n")
_NOT_IN_A_LINE: Final = pattern("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def as_text(value: Any) -> str | None:
    """Write a value as text.

    Texts are as they are; `true` and `false`; whole numbers without fraction, others as JSON
    writes them; instants in UTC as RFC 3339 with milliseconds, days as `2025-01-31`. Objects,
    lists and what is no number have no text.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return _number(value)
    return _other(value)


def _other(value: Any) -> str | None:
    if isinstance(value, datetime):
        return str(write_datetime(value))
    if isinstance(value, date):
        return date.isoformat(value)
    return UUID.__str__(value) if isinstance(value, UUID) else None


def _number(value: float | Decimal) -> str | None:
    if isinstance(value, int):
        try:
            return int.__str__(value)
        except ValueError:  # more digits than Python writes
            return None
    if not math.isfinite(value):
        return None
    if isinstance(value, Decimal):
        return format(value, "f") if abs(value.adjusted()) <= _LONGEST_DECIMAL else None
    is_whole = value.is_integer() and abs(value) <= _LARGEST_EXACT
    return int.__str__(int(value)) if is_whole else float.__repr__(value)


def as_line(value: Any) -> str | None:
    """Write a value on one line: control characters and line breaks become a space."""
    text = as_text(value)
    return text if text is None or text.isprintable() else _NOT_IN_A_LINE.sub(" ", text)


def escape(text: str) -> str:
    """Escape what has a meaning in HTML, in text as well as in quoted values."""
    if text.isalnum():
        return text
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&#x27;")


def escape_with_breaks(text: str) -> str:
    """Escape for HTML, with `<br/>` for line breaks."""
    return _BREAK.sub("<br/>", escape(text))


def as_html(value: Any) -> str | None:
    """Write a value into HTML."""
    text = as_text(value)
    return None if text is None else escape(text)


def as_html_with_breaks(value: Any) -> str | None:
    """Write a value into HTML, its line breaks as `<br/>`."""
    text = as_text(value)
    return None if text is None else escape_with_breaks(text)


def as_url(value: Any) -> str | None:
    """Write a value where a URL begins; one that runs or reads something is blocked."""
    text = as_text(value)
    return None if text is None else BLOCKED_URL if is_executable(text) else escape(text)


def as_rest_of_url(value: Any) -> str | None:
    """Write a value where it could still become part of a scheme, and keep it from that."""
    text = as_html(value)
    return None if text is None else text.replace(":", "%3A")


def as_query_value(value: Any) -> str | None:
    """Write a value of the query of a URL, percent-encoded as UTF-8 (RFC 3986 §2.1)."""
    text = as_text(value)
    return None if text is None else quote(text, safe="", errors="replace")


def as_json(value: Any) -> str | None:
    """Write a value as a whole JSON value."""
    try:
        return orjson.dumps(value, default=_json_default).decode()
    except TypeError:
        return None


def as_json_text(value: Any) -> str | None:
    """Write a value within the quotes of a JSON text."""
    text = as_text(value)
    written = None if text is None else as_json(text)
    return None if written is None else written[1:-1]


def _json_default(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    text = as_text(value)
    if text is None:
        raise TypeError
    return text


HTML_WRITERS: Final[Mapping[Context, Write]] = {
    Context.TEXT: as_html,
    Context.ATTRIBUTE: as_html,
    Context.URL_START: as_url,
    Context.URL_REST: as_rest_of_url,
    Context.QUERY_VALUE: as_query_value,
}
"""How values are written in each place of HTML where they can be made safe."""
