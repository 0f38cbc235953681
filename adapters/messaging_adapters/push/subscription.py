"""Subscriptions of browsers to push messages, as addresses (Push API, W3C)."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field

from messaging_core.arguments import refuse
from messaging_core.lazy import frozen

_POINT: Final = 65  # bytes of a public key of P-256 as a browser gives it, uncompressed
_SECRET: Final = 16  # bytes, RFC 8291 §3.2
_LONGEST_ENDPOINT: Final = 2048


@frozen(kw_only=True)
class Subscription:
    """A browser that gets push messages.

    Attributes:
        endpoint: The URL that messages are posted to.
        public_key: Of the browser, 65 bytes.
        secret: Shared with the browser, 16 bytes.
    """

    endpoint: str = field(repr=False)
    public_key: bytes = field(repr=False)
    secret: bytes = field(repr=False)


def subscription_address(subscription: Mapping[str, Any] | str) -> str:
    """Return the address of a browser: the text for an identifier of its contact.

    The same subscription always has the same address, whatever the browser says beside it.

    Args:
        subscription: What `JSON.stringify(subscription)` gives in the browser, as text or read.

    Raises:
        ArgumentError: It is no subscription.
    """
    text = subscription if isinstance(subscription, str) else json.dumps(subscription)
    known = read_subscription(text)
    if known is None:
        remedy = "pass what JSON.stringify(subscription) gives in the browser"
        raise refuse("subscription", "a push subscription", "another text", remedy)
    keys = {"p256dh": _encoded(known.public_key), "auth": _encoded(known.secret)}
    return json.dumps({"endpoint": known.endpoint, "keys": keys}, separators=(",", ":"))


def read_subscription(address: str) -> Subscription | None:
    """Return the subscription that an address names, or nothing.

    The keys may have the padding of base64. Whether the public key is on the curve is for the
    encryption to say.
    """
    try:
        document = json.loads(address)
    except (ValueError, RecursionError):
        return None
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, dict):
        return None
    endpoint = document.get("endpoint")
    public_key, secret = _decoded(keys.get("p256dh"), _POINT), _decoded(keys.get("auth"), _SECRET)
    if not _is_url(endpoint) or public_key is None or secret is None:
        return None
    return Subscription(endpoint=endpoint, public_key=public_key, secret=secret)


def _is_url(endpoint: Any) -> bool:
    if not isinstance(endpoint, str) or not 0 < len(endpoint) <= _LONGEST_ENDPOINT:
        return False
    try:
        parts = urlsplit(endpoint)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = endpoint.isascii() and endpoint.isprintable() and " " not in endpoint
    is_http = parts.scheme in {"https", "http"} and "@" not in parts.netloc
    return is_plain and is_http and bool(parts.hostname) and has_port


def _decoded(value: Any, size: int) -> bytes | None:
    if not isinstance(value, str) or not value.isascii():
        return None
    text = value.rstrip("=")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    return data if len(data) == size else None


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
