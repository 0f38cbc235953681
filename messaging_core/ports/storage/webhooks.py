"""Webhook subscriptions, and the webhooks that wait for their receivers."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from messaging_core.models.delivery.webhook import (
    MessageWebhook,
    WebhookClaim,
    WebhookDelivery,
    WebhookReceiver,
    WebhookSubscription,
)


class Webhooks(Protocol):
    """Store subscriptions with their signing keys, and deliveries until they have arrived."""

    @abstractmethod
    def add(self, subscription: WebhookSubscription, *, signing_key: str | None) -> None:
        """Store a subscription with a new id."""

    @abstractmethod
    def update(self, subscription: WebhookSubscription) -> None:
        """Replace a subscription; its signing key stays. One that is not there stays away."""

    @abstractmethod
    def get(self, workspace: UUID, subscription_id: UUID) -> WebhookSubscription | None:
        """Return a subscription of this workspace, or nothing."""

    @abstractmethod
    def signing_key(self, workspace: UUID, subscription_id: UUID) -> str | None:
        """Return the signing key of a subscription, if it has one."""

    @abstractmethod
    def of_workspace(self, workspace: UUID) -> list[WebhookSubscription]:
        """Return the subscriptions of a workspace, in the order in which they were added.

        One that cannot be read is left out.
        """

    @abstractmethod
    def delete(self, workspace: UUID, subscription_id: UUID) -> bool:
        """Delete a subscription with its deliveries; return false if there is none.

        A delivery that another transaction adds at the same time may stay. `claim` returns it when
        it is due, and `get` then finds no subscription for it.
        """

    @abstractmethod
    def add_urls(self, webhooks: Sequence[MessageWebhook]) -> None:
        """Store the URLs of new messages; `Retention` deletes each with its message.

        Redaction deletes them, too.
        """

    @abstractmethod
    def url_of(self, workspace: UUID, message_id: UUID) -> str | None:
        """Return the URL that the request of a message named, if there is one."""

    @abstractmethod
    def add_deliveries(self, deliveries: Sequence[WebhookDelivery]) -> None:
        """Store deliveries with new ids.

        While a delivery of the same receiver and message with a lower `position` waits, one is
        not claimed, whatever its `due_at`; also if that one is settled at the same time, it is
        claimed later.
        """

    @abstractmethod
    def due(
        self, now: datetime, *, longest: timedelta, after: UUID | None, limit: int
    ) -> list[WebhookReceiver]:
        """Return up to `limit` receivers that have a delivery to claim, in the order of their ids.

        The cost grows with the number of receivers, not with that of deliveries.

        Args:
            now: The present.
            longest: See `claim`.
            after: Only receivers with a greater id.
            limit: How many at most.
        """

    @abstractmethod
    def claim(
        self,
        workspace: UUID,
        receiver_id: UUID,
        *,
        now: datetime,
        lease: timedelta,
        longest: timedelta,
    ) -> WebhookClaim | None:
        """Lease the delivery of a receiver that is due first, or return nothing.

        Until the lease ends, no other caller gets it; then it is due again. Of those that are due
        at the same instant, the one with the lowest `position` comes first. Dead ones are never
        due. A delivery that cannot be read is left out from now on, and `damaged` lists it.

        Args:
            workspace: That of the receiver.
            receiver_id: The `receiver_id` of the deliveries.
            now: The present.
            lease: How long no other caller gets it.
            longest: The longest lease or pause in use. A delivery that is due later than
                `now + longest` was written before the clock was set back, and is due.
        """

    @abstractmethod
    def settle(self, claim: WebhookClaim, after: WebhookDelivery | None) -> bool:
        """Replace a claimed delivery, or delete it if nothing comes after it.

        If it is gone or dead then, the next one of its receiver and message can be claimed.
        Returns false if it was claimed again since, or is gone; then nothing changes.
        """

    @abstractmethod
    def dead(self, workspace: UUID, *, limit: int) -> list[WebhookDelivery]:
        """Return deliveries that were given up, the earliest first."""

    @abstractmethod
    def restart(self, workspace: UUID, *, now: datetime, expires_at: datetime, limit: int) -> int:
        """Let dead deliveries begin again at once, the earliest first; return how many.

        They keep their ids and `created_at`, and count their attempts from zero. Those of one
        receiver and message go in the order of their positions, as new ones do.
        """

    @abstractmethod
    def forget_dead(self, *, before: datetime, limit: int) -> int:
        """Delete deliveries of all workspaces that were given up before an instant."""

    @abstractmethod
    def damaged(self, *, limit: int) -> list[UUID]:
        """Return the ids of deliveries of all workspaces that could not be read."""
