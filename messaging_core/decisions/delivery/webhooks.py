"""Which webhooks an event makes, and what follows an attempt to send one."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from attrs import evolve

from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.delivery.webhook import (
    WebhookDelivery,
    WebhookStatus,
    WebhookSubscription,
)
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.status import Status
from messaging_core.rules.requests.webhook import (
    CHANNEL_ID,
    INTERACTION_TYPE,
    MESSAGE_STATUS,
    PLATFORM_ID,
)

RETRY_FOR: Final = timedelta(hours=8)
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=15)
_DOUBLINGS: Final = 8  # more than it takes to reach the longest pause

GONE: Final = "410"
DISABLED: Final = "disabled"
_FINAL: Final = frozenset({GONE, DISABLED})

_SILENT: Final = frozenset({EventKind.INTERACTED, EventKind.RECEIVED, EventKind.REDACTED})


def event_name(platform: str, event: Event, before: Sequence[Event]) -> str | None:
    """Return the name under which an event goes out; nothing if no receiver gets it.

    An event of an outgoing message goes out if it changed the status.

    Args:
        platform: Of the channel of its message.
        event: What happened.
        before: The earlier events of the same message, in order.
    """
    if event.kind is EventKind.INTERACTED:
        return f"{platform}.interaction"
    if event.kind is EventKind.RECEIVED:
        return f"{platform}.inbound"
    if event.kind in _SILENT or (before and before[-1].status is event.status):
        return None
    return f"{platform}.outbound"


def interested(
    subscriptions: Iterable[WebhookSubscription],
    *,
    name: str,
    event: Event,
    message: Message,
    platform: str,
) -> list[WebhookSubscription]:
    """Return the active subscriptions that an event matches: all filters of each hold."""
    facts = {
        CHANNEL_ID: str(message.channel_id),
        PLATFORM_ID: platform,
        MESSAGE_STATUS: event.status.value,
        INTERACTION_TYPE: event.outcome if event.kind is EventKind.INTERACTED else None,
    }
    return [
        subscription
        for subscription in subscriptions
        if subscription.status is WebhookStatus.ACTIVE
        and subscription.event == name
        and all(
            facts.get(event_filter.key) == _comparable(event_filter.key, event_filter.value)
            for event_filter in subscription.event_filters
        )
    ]


def _comparable(key: str, value: str) -> str:
    return value.lower() if key == CHANNEL_ID else value


def signers_of(
    subscriptions: Iterable[WebhookSubscription], name: str
) -> list[WebhookSubscription]:
    """Return the subscriptions whose key may sign a webhook to the URL of a request.

    They are the active ones to the same event, in their order; filters do not matter. With which
    key Bird signs is not published (reference §17.17).
    """
    return [
        subscription
        for subscription in subscriptions
        if subscription.status is WebhookStatus.ACTIVE and subscription.event == name
    ]


def host_of(url: str) -> str:
    """Return the host of a URL, in lower case."""
    return urlsplit(url).hostname or ""


def message_at(message: Message, status: Status, at: datetime) -> Message:
    """Return a message as it was when it had a status, which may have changed since."""
    if message.status is status:
        return message
    return evolve(
        message, status=status, last_status_at=at, reason=None, details=None, failure=None
    )


def after_attempt(
    delivery: WebhookDelivery, failure: str | None, now: datetime
) -> WebhookDelivery | None:
    """Return what is left to do after an attempt; nothing if the webhook arrived.

    The pauses double from five seconds to fifteen minutes. A webhook is given up when its next
    attempt would be later than `expires_at`, or its receiver is gone.

    Args:
        delivery: As it was before the attempt.
        failure: Why the attempt failed: an HTTP status or a word; nothing if it did not.
        now: The present.
    """
    if failure is None:
        return None
    attempts = delivery.attempts + 1
    due_at = now + pause_after(attempts)
    if failure in _FINAL or due_at > delivery.expires_at:
        return evolve(delivery, attempts=attempts, failure=failure, due_at=now, is_dead=True)
    return evolve(delivery, attempts=attempts, failure=failure, due_at=due_at)


def pause_after(attempts: int) -> timedelta:
    """Return the pause after so many failed attempts."""
    return min(FIRST_PAUSE * (1 << min(attempts - 1, _DOUBLINGS)), LONGEST_PAUSE)
