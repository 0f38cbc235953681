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

from attrs import field

from messaging_core.errors import ConfigurationError
from messaging_core.lazy import frozen
from messaging_core.rules.addressing.addresses import check_email_address, normalize_email

_LONGEST_NAME: Final = 14  # a local part has at most 64 characters (RFC 5321 §4.5.3.1.1)
_TAG_SIZE: Final = 8  # bytes of the HMAC; each guess costs a mail
# The secret may sign other things too: a label of its own keeps their signatures apart.
_LABEL: Final = b"messaging-engine/return-path/1\0"
_TOKEN: Final = re.compile(r"(?<![0-9a-z])([0-9a-f]{32})\.([0-9a-f]{16})(?![0-9a-z=])")
_MOST_TOKENS: Final = 100  # that are looked at in one mail


def message_token(message_id: UUID, secret: str) -> str:
    """Return a token that proves our message id: 49 characters that an address carries."""
    tag = hmac.digest(secret.encode(), _LABEL + message_id.bytes, hashlib.sha256)[:_TAG_SIZE]
    return f"{message_id.hex}.{tag.hex()}"


@frozen(kw_only=True)
class ReturnPath:
    """Where the reports on our mail go.

    Args:
        address: Of a mailbox that takes what comes to `name+anything@domain`.
        secret: Signs our message ids.

    Raises:
        ConfigurationError: The address is none, or its name has more than 14 characters.
    """

    address: str = field(repr=False)
    secret: str = field(repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse an address to which no report would come."""
        name = self.address.rpartition("@")[0]
        if check_email_address(self.address, "") is not None or not name.isascii():
            raise ConfigurationError("return_path must be an address such as bounces@shop.example")
        if len(name) > _LONGEST_NAME:
            raise ConfigurationError(
                f"the name before the @ of return_path must have at most {_LONGEST_NAME} characters"
            )

    def of(self, message_id: UUID) -> str:
        """Return the address that names a message."""
        return return_path(normalize_email(self.address), self.token(message_id))

    def token(self, message_id: UUID) -> str:
        """Return the token of a message."""
        return message_token(message_id, self.secret)


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
