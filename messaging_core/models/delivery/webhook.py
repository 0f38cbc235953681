"""Webhooks that tell a system of the host's what became of messages."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import NULLABLE, tuple_of
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
    event_filters: tuple[EventFilter, ...] = field(
        default=(), converter=tuple_of[EventFilter], metadata=NULLABLE
    )
    scheme: WebhookScheme = WebhookScheme.BIRD


@frozen(kw_only=True)
class WebhookSubscription:
    """A subscription as it is stored and shown, without its signing key."""

    id: UUID
    workspace_id: UUID
    service: str
    event: str
    url: str = field(repr=False)
    event_filters: tuple[EventFilter, ...] = field(default=(), converter=tuple_of[EventFilter])
    scheme: WebhookScheme = WebhookScheme.BIRD
    status: WebhookStatus = field(default=WebhookStatus.ACTIVE, metadata={"always": True})
    created_at: datetime
    updated_at: datetime


@frozen(kw_only=True)
class MessageWebhook:
    """The URL that a request named for the events of its message."""

    workspace_id: UUID
    message_id: UUID
    url: str = field(repr=False)


@frozen(kw_only=True)
class WebhookDelivery:
    """One webhook that waits, or that was given up; it holds no content and no person's address.

    Attributes:
        id: The same at every attempt, so that the receiver can tell repetitions.
        subscription_id: Whose receiver gets it; absent if it goes to the URL of a request.
        workspace_id: Its tenant.
        message_id: What it is about.
        status: The status of the message after the event.
        interaction_id: What a person did with the message, if it is about that.
        position: The position of its event in the log.
        url: Where it goes, if a request named the URL.
        event: The name of its event, such as `sms.outbound`, if a request named the URL.
        host: The host of its receiver; the webhooks of one host share threads.
        created_at: When the event was found; the webhook has this time at every attempt.
        due_at: When it is tried next; of one that was given up, when that was.
        expires_at: After this instant it is tried no more.
        attempts: How often it was tried.
        failure: What the last attempt came to: an HTTP status, or why there was no answer.
        is_dead: Whether it was given up.
    """

    id: UUID
    subscription_id: UUID | None = None
    workspace_id: UUID
    message_id: UUID
    status: Status
    interaction_id: UUID | None = None
    position: int = 0
    url: str | None = field(default=None, repr=False)
    event: str | None = None
    host: str = field(default="", repr=False)
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    attempts: int = 0
    failure: str | None = None
    is_dead: bool = False

    @property
    def receiver_id(self) -> UUID:
        """Return the id of the subscription, or one that all requests with this URL share."""
        return self.subscription_id or uuid5(self.workspace_id, self.url or "")


@frozen(kw_only=True)
class WebhookReceiver:
    """A receiver that has a webhook to claim.

    Attributes:
        id: The `receiver_id` of its deliveries.
        host: The host of the delivery that is due first.
    """

    id: UUID
    workspace_id: UUID
    host: str = field(repr=False)


@frozen(kw_only=True)
class WebhookClaim:
    """A delivery that is leased to one thread, with a fencing token."""

    delivery: WebhookDelivery
    fence: int
