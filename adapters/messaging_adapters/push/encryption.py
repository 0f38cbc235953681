"""Encryption of push messages for browsers (RFC 8291, with the coding aes128gcm of RFC 8188)."""

from typing import Final

from messaging_adapters.push.subscription import Subscription
from messaging_core.errors import MissingDependencyError

try:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        ECDH,
        SECP256R1,
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
        generate_private_key,
    )
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError as error:
    raise MissingDependencyError("cryptography", "webpush") from error

RECORD: Final = 4096
"""Bytes of a body that every push service takes (RFC 8030 §7.2); it is one record."""

_TAG: Final = 16  # bytes of AES-GCM
_HEADER: Final = 16 + 4 + 1 + 65  # salt, size of a record, length and value of the key
LARGEST: Final = RECORD - _HEADER - _TAG - 1
"""Bytes of a message; one more says that it is the last record."""

_LAST: Final = b"\x02"


def new_key() -> EllipticCurvePrivateKey:
    """Return a key for one message."""
    return generate_private_key(SECP256R1())


def encrypt(
    plaintext: bytes, to: Subscription, *, key: EllipticCurvePrivateKey, salt: bytes
) -> bytes:
    """Return the body of a request.

    Args:
        plaintext: At most `LARGEST` bytes.
        to: The browser that can read it.
        key: Made for this message alone, see `new_key`.
        salt: 16 random bytes, of this message alone.

    Raises:
        ValueError: The public key of the browser is not on the curve.
    """
    browser = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), to.public_key)
    own = public_point(key)
    shared = key.exchange(ECDH(), browser)
    info = b"WebPush: info\x00" + to.public_key + own
    material = _derived(shared, to.secret, info, 32)
    content_key = _derived(material, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derived(material, salt, b"Content-Encoding: nonce\x00", 12)
    header = salt + RECORD.to_bytes(4, "big") + len(own).to_bytes(1, "big") + own
    return header + AESGCM(content_key).encrypt(nonce, plaintext + _LAST, None)


def public_point(key: EllipticCurvePrivateKey) -> bytes:
    """Return the public half of a key, uncompressed."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _derived(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(material)
