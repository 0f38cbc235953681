"""Return paths that name a message and prove that we sent it.

Variable envelope return paths (VERP), with a keyed hash as BATV has it: `bounces+ID.HASH@domain`.
Mail servers may write a local part in small letters, so ID and HASH are hexadecimal digits.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from itertools import islice
from typing import Final
from uuid import UUID

LONGEST_NAME: Final = 14
"""The most characters before the plus sign: a local part has at most 64 (RFC 5321 §4.5.3.1.1)."""

_TAG_SIZE: Final = 8  # bytes of the HMAC; each guess costs a mail
# The secret may sign other things too: a label of its own keeps their signatures apart.
_LABEL: Final = b"messaging-engine/return-path/1\0"
_TOKEN: Final = re.compile(r"(?<![0-9a-z])([0-9a-f]{32})\.([0-9a-f]{16})(?![0-9a-z=])")
_MOST_TOKENS: Final = 100  # that are looked at in one mail


def message_token(message_id: UUID, secret: str) -> str:
    """Return a token that proves our message id: 49 characters that an address carries."""
    tag = hmac.digest(secret.encode(), _LABEL + message_id.bytes, hashlib.sha256)[:_TAG_SIZE]
    return f"{message_id.hex}.{tag.hex()}"


def return_path(address: str, token: str) -> str:
    """Return an address with a token behind the name of the mailbox."""
    name, _, domain = address.rpartition("@")
    return f"{name}+{token}@{domain}"


def proven_message(texts: Iterable[str], secrets: Iterable[str]) -> UUID | None:
    """Return the message of the first token in some texts that one of the secrets signed."""
    keys = tuple(secrets)
    tokens = (match for text in texts for match in _TOKEN.finditer(text.lower()))
    for match in islice(tokens, _MOST_TOKENS):
        message_id = UUID(hex=match[1])
        expected = [message_token(message_id, secret) for secret in keys]
        # All are compared, so that the time does not tell which secret is in use.
        if sum(hmac.compare_digest(match[0], token) for token in expected):
            return message_id
    return None
