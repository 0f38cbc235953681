"""Where a listing goes on, as opaque text that only fits the listing it came from."""

import base64
import binascii
import struct
from collections.abc import Sequence
from typing import Any, Protocol

import attrs
import orjson

from messaging_core.errors import InvalidQueryError
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.query import MessageQuery

_FORMAT = struct.Struct(">8sq")
_FINGERPRINT = 8
_NOT_FILTERS = frozenset({"limit", "page_token"})


class Keyed(Protocol):
    """A query whose pages go on from the key of the last row."""

    @property
    def page_token(self) -> str | None:
        """Return the token of the page before."""


def encode_page_token(query: MessageQuery, position: int) -> str:
    """Return the token of the page that follows `position` in this listing."""
    packed = _FORMAT.pack(_fingerprint(query), position)
    return _packed_text(packed)


def decode_page_token(query: MessageQuery) -> int | None:
    """Return the position a query continues from, or nothing when it starts at the beginning.

    Raises:
        InvalidQueryError: The token is broken, or belongs to other filters.
    """
    if query.page_token is None:
        return None
    try:
        fingerprint, position = _FORMAT.unpack(_unpacked(query.page_token))
    except (binascii.Error, struct.error, ValueError):
        raise _broken() from None
    _check_fingerprint(query, fingerprint)
    return int(position)


def encode_keyset(query: Keyed, key: Sequence[str]) -> str:
    """Return the token of the page that follows the row with this key in this listing."""
    packed = _fingerprint(query) + orjson.dumps(key)
    return _packed_text(packed)


def decode_keyset(query: Keyed, length: int) -> tuple[str, ...] | None:
    """Return the key, of so many texts, that a query goes on from, or nothing for the first page.

    Raises:
        InvalidQueryError: The token is broken, or belongs to other filters.
    """
    if query.page_token is None:
        return None
    try:
        packed = _unpacked(query.page_token)
        key = orjson.loads(packed[_FINGERPRINT:])
    except (binascii.Error, ValueError):
        raise _broken() from None
    if not isinstance(key, list) or [type(part) for part in key] != [str] * length:
        raise _broken()
    _check_fingerprint(query, packed[:_FINGERPRINT])
    return tuple(key)


def encode_id(last_id: str) -> str:
    """Return the token of the page that follows the row with this id, in a listing by id."""
    return _packed_text(last_id.encode())


def decode_id(page_token: str | None) -> str:
    """Return the id after which a page begins, which is empty for the first page.

    Raises:
        InvalidQueryError: The token is broken.
    """
    try:
        return _unpacked(page_token or "").decode()
    except (binascii.Error, ValueError):
        raise _broken() from None


def _packed_text(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def _unpacked(token: str) -> bytes:
    return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)


def _check_fingerprint(query: Any, fingerprint: bytes) -> None:
    if fingerprint != _fingerprint(query):
        raise _refusal("foreign", "this page token belongs to a listing with other filters")


def _fingerprint(query: Any) -> bytes:
    import hashlib  # noqa: PLC0415 - slow to load, and only listings need it

    names = [field.name for field in attrs.fields(type(query)) if field.name not in _NOT_FILTERS]
    said = _texts([getattr(query, name) for name in names])
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:_FINGERPRINT]


def _texts(filters: list[Any]) -> str:
    # The values of an identifier do not show in its `repr`.
    return repr([attrs.astuple(value) if attrs.has(type(value)) else value for value in filters])


def _broken() -> InvalidQueryError:
    return _refusal("broken", "this is no page token that a listing gave out")


def _refusal(code: str, message: str) -> InvalidQueryError:
    return InvalidQueryError((Violation("/pageToken", f"query.page_token_{code}", message),))
