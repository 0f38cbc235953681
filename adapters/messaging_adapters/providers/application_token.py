"""Signed tokens of applications: JSON Web Tokens with RS256 and ES256 (RFC 7519, RFC 7518)."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, field

from messaging_adapters.providers.credentials import READ_THE_FILE
from messaging_core.errors import ConfigurationError, MissingDependencyError

try:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        ECDSA,
        SECP256R1,
        EllipticCurvePrivateKey,
    )
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
except ImportError as error:
    raise MissingDependencyError("cryptography", "vonage") from error


_COORDINATE: Final = 32  # bytes of a number of P-256, RFC 7518 §3.4


@define(eq=False)
class ApplicationKey:
    """Sign tokens with the private key of an application, by RS256.

    Args:
        private_key: The text of a PEM file, without a password.

    Raises:
        ConfigurationError: It is no RSA key.
    """

    private_key: str = field(repr=False)
    _key: RSAPrivateKey = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        key = _loaded(self.private_key)
        if not isinstance(key, RSAPrivateKey):
            raise ConfigurationError(
                f"private_key must be the text of a PEM file with an RSA key: {READ_THE_FILE}"
            )
        self._key = key

    def sign(self, claims: Mapping[str, Any], *, key_id: str | None = None) -> str:
        """Return a token with these claims, and the id of the key in its head if one is given."""
        header = {"alg": "RS256", "typ": "JWT"} | ({} if key_id is None else {"kid": key_id})
        return _token(header, claims, lambda text: self._key.sign(text, PKCS1v15(), SHA256()))


@define(eq=False)
class EllipticKey:
    """Sign tokens with a private key of the curve P-256, by ES256.

    Args:
        private_key: The text of a PEM file, such as one that ends with `.p8`, without a password.

    Raises:
        ConfigurationError: It is no key of that curve.
    """

    private_key: str = field(repr=False)
    _key: EllipticCurvePrivateKey = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        key = _loaded(self.private_key)
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise ConfigurationError(
                "private_key must be the text of a PEM file with a key of the curve P-256: "
                f"{READ_THE_FILE}"
            )
        self._key = key

    def sign(self, claims: Mapping[str, Any], *, key_id: str | None = None) -> str:
        """Return a token with these claims, and the id of the key in its head if one is given."""
        header = {"alg": "ES256", "typ": "JWT"} | ({} if key_id is None else {"kid": key_id})
        return _token(header, claims, self._signature)

    def _signature(self, text: bytes) -> bytes:
        numbers = decode_dss_signature(self._key.sign(text, ECDSA(SHA256())))
        return b"".join(number.to_bytes(_COORDINATE, "big") for number in numbers)


def _loaded(private_key: str) -> object:
    try:
        return load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError):
        return None  # the cause may quote the key


def _token(
    header: Mapping[str, str], claims: Mapping[str, Any], sign: Callable[[bytes], bytes]
) -> str:
    head = _encoded(json.dumps(header).encode())
    signed = f"{head}.{_encoded(json.dumps(claims).encode())}"
    return f"{signed}.{_encoded(sign(signed.encode()))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
