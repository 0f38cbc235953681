"""Webhooks that tell a system of the host's what became of messages."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import NULLABLE
from messaging_core.models.messages.status import Status


class WebhookScheme(StrEnum):
    """How a webhook is signed.

    Attributes:
        BIRD: As Bird signs, with the headers `messagebird-…`.
        STANDARD: As standardwebhooks.com describes it, with the headers `webhook-…`.
    """

    BIRD = "bird"
    STANDARD = "standard-webhooks"


class WebhookStatus(StrEnum):
    """Whether a subscription gets webhooks.

    Attributes:
        DISABLED: Its receiver has answered 410 Gone.
    """

    ACTIVE = "active"
    DISABLED = "disabled"


@frozen(kw_only=True)
class EventFilter:
    """One condition of a subscription: the event has this value under this key."""

    key: str
    value: str


@frozen(kw_only=True)
class NewWebhookSubscription:
    """A request for a subscription.

    Attributes:
        service: Always `channels`.
        event: Which events: a platform and `outbound`, `inbound` or `interaction`, such as
            `sms.outbound`.
        url: Where they go: https, with a host name.
        signing_key: Signs the webhooks; without one they are not signed. Nothing shows it again.
        event_filters: All of them hold; without any, every event of the platform goes out.
        scheme: How the webhooks are signed.
    """

    service: str
    event: str
    url: str = field(repr=False)
    signing_key: str | None = field(default=None, repr=False)
    event_filters: tuple[EventFilter, ...] = field(default=(), metadata=NULLABLE)
    scheme: WebhookScheme = WebhookScheme.BIRD


@frozen(kw_only=True)
class WebhookSubscription:
    """A subscription as it is stored and shown, without its signing key."""

    id: UUID
    workspace_id: UUID
    service: str
    event: str
    url: str = field(repr=False)
    event_filters: tuple[EventFilter, ...] = ()
    scheme: WebhookScheme = WebhookScheme.BIRD
    status: WebhookStatus = field(default=WebhookStatus.ACTIVE, metadata={"always": True})
    created_at: datetime
    updated_at: datetime


@frozen(kw_only=True)
class WebhookDelivery:
    """One webhook that waits, or that was given up; it holds no address and no content.

    Attributes:
        id: The same at every attempt, so that the receiver can tell repetitions.
        subscription_id: Whose receiver gets it.
        workspace_id: Its tenant.
        message_id: What it is about.
        status: The status of the message after the event.
        interaction_id: What a person did with the message, if it is about that.
        created_at: When the event was found; the webhook has this time at every attempt.
        due_at: When it is tried next; of one that was given up, when that was.
        expires_at: After this instant it is tried no more.
        attempts: How often it was tried.
        failure: What the last attempt came to: an HTTP status, or why there was no answer.
        is_dead: Whether it was given up.
    """

    id: UUID
    subscription_id: UUID
    workspace_id: UUID
    message_id: UUID
    status: Status
    interaction_id: UUID | None = None
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    attempts: int = 0
    failure: str | None = None
    is_dead: bool = False


@frozen(kw_only=True)
class WebhookClaim:
    """A delivery that is leased to one thread, with a fencing token."""

    delivery: WebhookDelivery
    fence: int
