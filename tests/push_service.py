"""Browsers that subscribe to push messages and decrypt them, with another library than ours."""

import base64
import json
from copy import copy
from typing import Any, Self

import http_ece
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from messaging_core.ports.http import HttpRequest


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Browser:
    """A browser with a subscription at an endpoint."""

    def __init__(self, endpoint: str) -> None:
        self._key: Any = generate_private_key(SECP256R1())
        self._secret = (
            generate_private_key(SECP256R1())
            .private_numbers()
            .private_value.to_bytes(32, "big")[:16]
        )
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.subscription = {
            "endpoint": endpoint,
            "expirationTime": None,
            "keys": {"p256dh": encoded(point), "auth": encoded(self._secret)},
        }

    def at(self, endpoint: str) -> Self:
        """Return the same browser with another endpoint."""
        other = copy(self)
        other.subscription = {**self.subscription, "endpoint": endpoint}
        return other

    @property
    def address(self) -> str:
        """What `JSON.stringify` of the subscription gives."""
        return json.dumps(self.subscription, separators=(",", ":"))

    def read(self, request: HttpRequest) -> dict[str, Any]:
        """Return the message of a request, decrypted."""
        assert request.headers["content-encoding"] == "aes128gcm"
        plaintext = http_ece.decrypt(
            request.body, private_key=self._key, auth_secret=self._secret, version="aes128gcm"
        )
        message: dict[str, Any] = json.loads(plaintext)
        return message
