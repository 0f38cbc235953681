"""Signatures with the certificate of a provider: RSA with PKCS #1 v1.5 (RFC 8017 §8.2)."""

import base64
from datetime import datetime
from typing import Any, Final

from attrs import define, field

from messaging_core.errors import MissingDependencyError

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256
    from cryptography.x509 import load_pem_x509_certificate
except ImportError as error:
    raise MissingDependencyError("cryptography", "ses") from error

_HASHES: Final[dict[str, Any]] = {
    "1": SHA1(),  # noqa: S303 - what SNS signs with by default
    "2": SHA256(),
}
_LEAST_BITS: Final = 2048


@define(eq=False)
class Certificate:
    """Check signatures with the key of a certificate.

    Args:
        pem: The text of a file with the certificate.

    Raises:
        ValueError: It is no certificate of an RSA key with at least 2048 bits.
    """

    pem: bytes = field(repr=False)
    not_before: datetime = field(init=False)
    not_after: datetime = field(init=False)
    _key: RSAPublicKey = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        try:
            certificate = load_pem_x509_certificate(self.pem)
            key = certificate.public_key()
        except UnsupportedAlgorithm as error:
            raise ValueError("the certificate has an unknown key") from error
        if not isinstance(key, RSAPublicKey) or key.key_size < _LEAST_BITS:
            raise ValueError("the certificate is of no RSA key with 2048 bits")
        self.not_before = certificate.not_valid_before_utc
        self.not_after = certificate.not_valid_after_utc
        self._key = key

    def is_valid(self, now: datetime) -> bool:
        """Tell whether the certificate may be used at this instant."""
        return self.not_before <= now <= self.not_after

    def has_signed(self, signature: str, signed: bytes, version: str) -> bool:
        """Tell whether a signature, in base64, is one of exactly these bytes.

        Args:
            signature: As it came.
            signed: What is signed.
            version: `1` for SHA-1, `2` for SHA-256.
        """
        try:
            text = signature.encode("ascii")
            given = base64.b64decode(text, validate=True)
            self._key.verify(given, signed, PKCS1v15(), _HASHES[version])
        except (ValueError, KeyError, InvalidSignature):
            return False
        return base64.b64encode(given) == text  # one signature has one text (RFC 4648 §3.5)
