"""Where a listing goes on, as opaque text that only fits the listing it came from."""

import base64
import binascii
import struct
from functools import cache

import attrs

from messaging_core.errors import InvalidQueryError
from messaging_core.models.query import MessageQuery
from messaging_core.models.violation import Violation

_FORMAT = struct.Struct(">8sq")
_NOT_FILTERS = frozenset({"limit", "page_token"})


def encode_page_token(query: MessageQuery, position: int) -> str:
    """Return the token of the page that follows `position` in this listing."""
    packed = _FORMAT.pack(_fingerprint(query), position)
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_page_token(query: MessageQuery) -> int | None:
    """Return the position a query goes on from, or nothing when it starts afresh.

    Raises:
        InvalidQueryError: The token is broken, or belongs to other filters.
    """
    if query.page_token is None:
        return None
    try:
        packed = base64.b64decode(query.page_token + "==", altchars=b"-_", validate=True)
        fingerprint, position = _FORMAT.unpack(packed)
    except (binascii.Error, struct.error, ValueError):
        raise _refusal("broken", "this is no page token that a listing gave out") from None
    if fingerprint != _fingerprint(query):
        raise _refusal("foreign", "this page token belongs to a listing with other filters")
    return int(position)


def _fingerprint(query: MessageQuery) -> bytes:
    import hashlib  # noqa: PLC0415 - slow to load, and only listings need it

    filters = [getattr(query, name) for name in _filter_names()]
    return hashlib.sha256(repr(filters).encode("utf-8", "surrogatepass")).digest()[:8]


@cache
def _filter_names() -> tuple[str, ...]:
    names = (field.name for field in attrs.fields(MessageQuery))
    return tuple(name for name in names if name not in _NOT_FILTERS)


def _refusal(code: str, message: str) -> InvalidQueryError:
    return InvalidQueryError((Violation("/pageToken", f"query.page_token_{code}", message),))
