"""What a subscription for webhooks may ask for."""

import base64
import binascii
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from messaging_core.lazy import pattern
from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.webhook import (
    EventFilter,
    NewWebhookSubscription,
    WebhookScheme,
)
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.messages.status import Status
from messaging_core.rules.formats.uris import check_callback_url

SERVICE: Final = "channels"
MAX_EQUAL: Final = 5
MAX_SUBSCRIPTIONS: Final = 1000
MAX_KEY_LENGTH: Final = 256
MAX_VALUE_LENGTH: Final = 64
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how a secret begins, and none

CHANNEL_ID: Final = "channelId"
PLATFORM_ID: Final = "platformId"
MESSAGE_STATUS: Final = "messageStatus"
INTERACTION_TYPE: Final = "interactionType"

_KEYS: Final = (CHANNEL_ID, MESSAGE_STATUS, INTERACTION_TYPE, PLATFORM_ID)
_EVENT: Final = pattern("[A-Za-z0-9-]{3,60}[.](?:outbound|inbound|interaction)")
_VALUES: Final = {
    MESSAGE_STATUS: frozenset(status.value for status in Status),
    INTERACTION_TYPE: frozenset(kind.value for kind in InteractionType),
}
_FEWEST_SECRET_BYTES, _MOST_SECRET_BYTES = 24, 64  # standardwebhooks.com


def check_webhook(new: NewWebhookSubscription) -> list[Violation]:
    """Hold a subscription to the Bird Notifications API (rule 39).

    The limits of key and values are ours; so is that a key is filtered once, because filters are
    ANDed and nothing has two values.
    """
    violations = []
    if new.service != SERVICE:
        text = "only the service channels has events here"
        violations.append(Violation("/service", "webhook.unknown_service", text))
    if not _EVENT.fullmatch(new.event):
        text = "an event is a platform and outbound, inbound or interaction, such as sms.outbound"
        violations.append(Violation("/event", "webhook.unknown_event", text))
    violations += check_callback_url(new.url, "/url")
    violations += _check_filters(new.event_filters, is_interaction=new.event.endswith("ction"))
    return violations + _check_key(new.signing_key, new.scheme)


def webhook_url(request: SendMessage | None) -> str | None:
    """Return the URL for the events of a message, if its request names one that is allowed."""
    url = request.notification.url if request and request.notification else None
    return None if url is None or check_callback_url(url, "") else url


def check_number(
    new: NewWebhookSubscription, others: Sequence[tuple[str, frozenset[EventFilter]]]
) -> list[Violation]:
    """Allow five subscriptions with the same event and filters, and a thousand in all.

    Args:
        new: The subscription to add.
        others: Event and filters of those that the workspace has.
    """
    same = (new.event, frozenset(new.event_filters))
    if others.count(same) >= MAX_EQUAL:
        text = f"at most {MAX_EQUAL} subscriptions have the same event and filters: delete one"
    elif len(others) >= MAX_SUBSCRIPTIONS:
        text = f"a workspace has at most {MAX_SUBSCRIPTIONS} subscriptions: delete one"
    else:
        return []
    return [Violation("", "webhook.too_many", text)]


def _check_filters(filters: Sequence[EventFilter], *, is_interaction: bool) -> list[Violation]:
    violations = []
    keys = [event_filter.key for event_filter in filters]
    for index, event_filter in enumerate(filters):
        path, key = f"/eventFilters/{index}", event_filter.key
        if key not in _KEYS:
            text = f"the key of a filter is one of {', '.join(_KEYS)}"
            violations.append(Violation(f"{path}/key", "webhook.unknown_filter", text))
        elif key in keys[:index]:
            text = f"{key} is filtered twice: make a subscription for each value"
            violations.append(Violation(f"{path}/key", "webhook.filtered_twice", text))
        elif key == INTERACTION_TYPE and not is_interaction:
            text = "only events of the kind interaction have an interactionType"
            violations.append(Violation(f"{path}/key", "webhook.no_interaction", text))
        elif not _is_value(event_filter):
            text = f"no event has this {key}"
            violations.append(Violation(f"{path}/value", "webhook.unknown_value", text))
    return violations


def _is_value(event_filter: EventFilter) -> bool:
    if event_filter.key == CHANNEL_ID:
        return _is_id(event_filter.value)
    values = _VALUES.get(event_filter.key)
    if values is None:
        return 0 < len(event_filter.value) <= MAX_VALUE_LENGTH and event_filter.value.isprintable()
    return event_filter.value in values


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _check_key(key: str | None, scheme: WebhookScheme) -> list[Violation]:
    if key is None:
        return []
    if not 0 < len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        text = f"a signing key has 1 to {MAX_KEY_LENGTH} printable characters"
        return [Violation("/signingKey", "webhook.bad_key", text)]
    if scheme is WebhookScheme.STANDARD and secret_of(key) is None:
        text = (
            f"with standard-webhooks a signing key is {SECRET_PREFIX} and 24 to 64 bytes in base64"
        )
        return [Violation("/signingKey", "webhook.bad_key", text)]
    return []


def secret_of(key: str) -> bytes | None:
    """Return the bytes of a key of Standard Webhooks, or nothing if it is none."""
    if not key.startswith(SECRET_PREFIX):
        return None
    try:
        secret = base64.b64decode(key.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return secret if _FEWEST_SECRET_BYTES <= len(secret) <= _MOST_SECRET_BYTES else None
