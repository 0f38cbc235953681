"""Idempotency keys: which request each belongs to, how long, and when a second use conflicts."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import orjson

from messaging_core.errors import (
    ConfigurationError,
    IdempotencyConflictError,
    InvalidMessageError,
    InvalidRequestError,
)
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.delivery import IdempotencyKey
from messaging_core.models.messages.request import SendMessage
from messaging_core.wire.documents import canonical_values
from messaging_core.wire.stored.fingerprint import differing, fingerprint, hash_of, short_hash

MAX_KEY_LENGTH: Final = 255
DEFAULT_WINDOW: Final = timedelta(hours=24)
"""How long a key returns its message, counted from acceptance."""

LONGEST_WINDOW: Final = timedelta(days=3650)
CHANNEL: Final = "/channelId"
"""Stands among the fields of a request for the channel that it was sent on."""


def check_window(window: timedelta) -> timedelta:
    """Return how long keys stand, if that can be.

    Raises:
        ConfigurationError: It is not more than nothing, or is more than ten years.
    """
    if timedelta(0) < window <= LONGEST_WINDOW:
        return window
    raise ConfigurationError("idempotency_window must be more than zero and at most ten years")


def check_key(key: str) -> list[Violation]:
    """Refuse an idempotency key that has not 1 to 255 printable characters."""
    if isinstance(key, str) and 0 < len(key) <= MAX_KEY_LENGTH and key.isprintable():
        return []
    message = f"an idempotency key has 1 to {MAX_KEY_LENGTH} printable characters"
    return [Violation("", "idempotency.invalid_key", message)]


def key_of(key: str, request: SendMessage, channel: Channel) -> IdempotencyKey:
    """Tie a key to what a request says and to its channel.

    Raises:
        InvalidMessageError: It can be no key.
    """
    if violations := check_key(key):
        raise InvalidMessageError(violations)
    values = canonical_values(request)
    return IdempotencyKey(
        key=key,
        request_hash=hash_of(channel.id.bytes, orjson.dumps(values)),
        fields={CHANNEL: short_hash(channel.id.bytes), **fingerprint(values)},
    )


def key_of_batch(key: str, hashes: Sequence[str]) -> IdempotencyKey:
    """Tie a key to a list of requests, by the hash of each."""
    return IdempotencyKey(
        key=key,
        request_hash=hash_of(b"batch", "".join(hashes).encode()),
        fields={
            f"/{place}": short_hash(request_hash.encode())
            for place, request_hash in enumerate(hashes)
        },
    )


def conflict(message_id: UUID, earlier: IdempotencyKey, key: IdempotencyKey) -> InvalidRequestError:
    """Return the error about a key that was used for another request, with what differs."""
    return IdempotencyConflictError(key.key, message_id, differing(earlier.fields, key.fields))


def gone(message_id: UUID) -> InvalidRequestError:
    """Return the error about a key whose message is there no more."""
    message = f"the idempotency key was used for message {message_id}, which was deleted since"
    return InvalidMessageError((Violation("", "idempotency.gone", message),))
