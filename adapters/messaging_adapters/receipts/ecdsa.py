"""Signatures that a provider makes with its own key pair: ECDSA with P-256 (FIPS 186-5)."""

import base64

from attrs import define, field

from messaging_core.errors import ConfigurationError, MissingDependencyError

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import (
        ECDSA,
        SECP256R1,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key
except ImportError as error:
    raise MissingDependencyError("cryptography", "sendgrid") from error


@define(eq=False)
class VerificationKey:
    """Check signatures with the public key of a provider.

    Args:
        public_key: As the provider shows it: base64 of a SubjectPublicKeyInfo (RFC 5480).

    Raises:
        ConfigurationError: It is no public key of the curve P-256.
    """

    public_key: str = field(repr=False)
    _key: EllipticCurvePublicKey = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        try:
            key = load_der_public_key(base64.b64decode(self.public_key.strip(), validate=True))
        except ValueError:
            key = None
        if not (isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)):
            raise ConfigurationError(
                "public_key must be a public key of P-256 in base64: copy it without changes"
            )
        self._key = key

    def has_signed(self, signature: str, signed: bytes) -> bool:
        """Tell whether a signature, DER in base64, is one of exactly these bytes."""
        try:
            text = signature.encode("ascii")
            given = base64.b64decode(text, validate=True)
            self._key.verify(given, signed, ECDSA(SHA256()))
        except (ValueError, InvalidSignature):
            return False
        return base64.b64encode(given) == text  # one signature has one text (RFC 4648 §3.5)
