"""Read JSON of providers, whose fields may be absent or of another type than documented."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from messaging_core.errors import UnreadableRequestError

Document = Mapping[str, Any]


def document_of(body: bytes) -> Document:
    """Return the object that a body is.

    Raises:
        UnreadableRequestError: It is no JSON object.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise UnreadableRequestError("the body is no JSON object")
    return value


def child(document: Document, key: str) -> Document:
    """Return an object inside of another; an empty one where it is absent or no object."""
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def children(document: Document, key: str) -> list[Document]:
    """Return the objects of a list; other elements are left out."""
    value = document.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(document: Document, key: str) -> str:
    """Return a text, or a whole number as text; an empty text for anything else."""
    value = document.get(key)
    is_plain = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
    return str(value) if is_plain else ""


def required(document: Document, key: str) -> str:
    """Return a text.

    Raises:
        UnreadableRequestError: It is absent or empty.
    """
    value = text(document, key)
    if not value:
        raise UnreadableRequestError(f"it has no {key}")
    return value


def instant(document: Document, key: str, default: datetime) -> datetime:
    """Return an instant of ISO 8601, in UTC where it has no offset; the default if it is none."""
    try:
        value = datetime.fromisoformat(text(document, key))
        aware = value if value.utcoffset() is not None else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return default
