"""Our message id in a callback URL, signed, for providers that carry no id of the sender."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final
from uuid import UUID

PARAMETER: Final = "m"
"""The name of the query parameter that carries the token."""

_ID_SIZE: Final = 16
_TAG_SIZE: Final = 16  # 128 bits of the HMAC, which RFC 2104 §5 allows
_TOKEN_LENGTH: Final = 43  # 32 bytes as base64url without padding
# The secret may sign other things too, such as Twilio's auth token: a label of its own keeps a
# signature made for one purpose from serving the other.
_LABEL: Final = b"messaging-engine/message-token/1\0"


def sign_message_id(message_id: UUID, secret: str) -> str:
    """Return a token that proves our message id: 43 characters that a URL carries as they are."""
    own = message_id.bytes
    tag = hmac.digest(secret.encode(), _LABEL + own, hashlib.sha256)[:_TAG_SIZE]
    return base64.urlsafe_b64encode(own + tag).decode().rstrip("=")


def read_message_id(token: str, secrets: Iterable[str]) -> UUID | None:
    """Return the message id of a token that one of the secrets signed, or nothing."""
    if len(token) != _TOKEN_LENGTH or not token.isascii():
        return None
    try:
        data = base64.b64decode(f"{token}=", altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    message_id = UUID(bytes=data[:_ID_SIZE])
    # The tokens are compared, not the bytes: base64 spells the same bytes in several ways.
    signed = [hmac.compare_digest(token, sign_message_id(message_id, secret)) for secret in secrets]
    return message_id if any(signed) else None
