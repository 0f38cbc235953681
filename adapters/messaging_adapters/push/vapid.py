"""Voluntary identification of an application to push services (VAPID, RFC 8292)."""

import base64
import binascii
import re
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import define, field

from messaging_core.errors import ConfigurationError, MissingDependencyError

try:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        SECP256R1,
        EllipticCurvePrivateKey,
        derive_private_key,
    )
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )
except ImportError as error:
    raise MissingDependencyError("cryptography", "webpush") from error

from messaging_adapters.providers.application_token import EllipticKey
from messaging_adapters.push.encryption import public_point

_SUBJECT: Final = re.compile(r"mailto:[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+|https://[^\s/<>]+\.[^\s<>]+")
_SIZE: Final = 32  # bytes of a private key of P-256
_LIFETIME: Final = timedelta(hours=12)  # RFC 8292 §2 allows 24 hours
_MARGIN: Final = timedelta(hours=1)
_MOST: Final = 256
"""Push services whose tokens are kept: endpoints come from strangers."""


@define(eq=False)
class VapidKey:
    """Sign the tokens that say who sends a push message.

    A token serves for one push service and is renewed an hour before it ends.

    Args:
        private_key: The text of a PEM file, or the 32 bytes as base64url, as tools for web push
            print them.
        subject: Where the operator of a push service reaches the host: `mailto:` or `https:`.

    Raises:
        ConfigurationError: The key or the subject is none.

    Attributes:
        public_key: What the browser subscribes with, as `applicationServerKey`, in base64url.
    """

    private_key: str = field(repr=False)
    subject: str
    public_key: str = field(init=False)
    _key: EllipticKey = field(init=False, repr=False)
    _tokens: dict[str, tuple[str, datetime]] = field(init=False, factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        if _SUBJECT.fullmatch(self.subject) is None:
            raise ConfigurationError(
                "subject must be an address that reaches you: mailto:ops@shop.example"
            )
        key = _loaded(self.private_key)
        self.public_key = base64.urlsafe_b64encode(public_point(key)).decode().rstrip("=")
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._key = EllipticKey(pem.decode())

    def authorization(self, endpoint: str, now: datetime) -> str:
        """Return the header for messages to an endpoint; its push service can read nothing else."""
        origin = _origin(endpoint)
        token, renew_at = self._tokens.get(origin, ("", now))
        # A clock that was set back must not keep a token that ends too late for the service.
        if not now < renew_at <= now + _LIFETIME:
            token = self._key.sign(
                {
                    "aud": origin,
                    "exp": int((now + _LIFETIME).timestamp()),
                    "sub": self.subject,
                }
            )
            if len(self._tokens) >= _MOST:
                self._tokens = {}
            self._tokens[origin] = token, now + _LIFETIME - _MARGIN
        return f"vapid t={token},k={self.public_key}"


def _origin(endpoint: str) -> str:
    """Return the origin of a URL without the usual port (RFC 6454 §6.1)."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _loaded(private_key: str) -> EllipticCurvePrivateKey:
    text = private_key.strip()
    try:
        key: Any = _from_pem(text) if text.startswith("-----") else _from_number(text)
    except (ValueError, TypeError, binascii.Error):
        key = None  # the cause may quote the key
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ConfigurationError(
            "private_key must be a key of the curve P-256: the text of a PEM file, or its 32 bytes"
            " as base64url"
        )
    return key


def _from_pem(text: str) -> object:
    return load_pem_private_key(text.encode(), password=None)


def _from_number(text: str) -> EllipticCurvePrivateKey | None:
    text = text.rstrip("=")
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    return (
        derive_private_key(int.from_bytes(data, "big"), SECP256R1()) if len(data) == _SIZE else None
    )
