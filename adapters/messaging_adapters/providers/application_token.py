"""Signed tokens of applications: JSON Web Tokens with RS256 (RFC 7519, RFC 7518 §3.3)."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from messaging_core.errors import ConfigurationError, MissingDependencyError

try:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
except ImportError as error:
    raise MissingDependencyError("cryptography", "vonage") from error


@define(eq=False)
class ApplicationKey:
    """Sign tokens with the private key of an application.

    Args:
        private_key: The text of a PEM file, without a password.

    Raises:
        ConfigurationError: It is no RSA key.
    """

    private_key: str = field(repr=False)
    _key: RSAPrivateKey = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        try:
            key = load_pem_private_key(self.private_key.encode(), password=None)
        except (ValueError, TypeError):
            key = None  # the cause may quote the key
        if not isinstance(key, RSAPrivateKey):
            raise ConfigurationError(
                "private_key must be the text of a PEM file with an RSA key: read the file first"
            )
        self._key = key

    def sign(self, claims: Mapping[str, Any], *, key_id: str | None = None) -> str:
        """Return a token with these claims, and the id of the key in its head if one is given."""
        header = {"alg": "RS256", "typ": "JWT"} | ({} if key_id is None else {"kid": key_id})
        head = _encoded(json.dumps(header).encode())
        signed = f"{head}.{_encoded(json.dumps(claims).encode())}"
        return f"{signed}.{_encoded(self._key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
