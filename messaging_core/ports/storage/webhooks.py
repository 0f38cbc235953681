"""Webhook subscriptions, and the webhooks that wait for their receivers."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from messaging_core.models.delivery.webhook import (
    WebhookClaim,
    WebhookDelivery,
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
        """Return all subscriptions of a workspace, in the order in which they were added."""

    @abstractmethod
    def delete(self, workspace: UUID, subscription_id: UUID) -> bool:
        """Delete a subscription with its deliveries; return false if there is none."""

    @abstractmethod
    def add_deliveries(self, deliveries: Sequence[WebhookDelivery]) -> None:
        """Store deliveries with new ids."""

    @abstractmethod
    def due(self, now: datetime) -> list[tuple[UUID, UUID]]:
        """Return workspace and id of each subscription that has a delivery to claim."""

    @abstractmethod
    def claim(
        self, subscription_id: UUID, *, now: datetime, lease: timedelta
    ) -> WebhookClaim | None:
        """Lease the delivery of a subscription that is due first, or return nothing.

        Until the lease ends, no other caller gets it; then it is due again. Dead ones are never
        due.
        """

    @abstractmethod
    def settle(self, claim: WebhookClaim, after: WebhookDelivery | None) -> bool:
        """Replace a claimed delivery, or delete it if nothing comes after it.

        Returns false if it was claimed again since, or is gone; then nothing changes.
        """

    @abstractmethod
    def dead(self, workspace: UUID, *, limit: int) -> list[WebhookDelivery]:
        """Return deliveries that were given up, the earliest first."""

    @abstractmethod
    def restart(self, workspace: UUID, *, now: datetime, expires_at: datetime, limit: int) -> int:
        """Let dead deliveries begin again at once, the earliest first; return how many.

        They keep their ids and `created_at`, and count their attempts from zero.
        """

    @abstractmethod
    def forget_dead(self, *, before: datetime, limit: int) -> int:
        """Delete deliveries of all workspaces that were given up before an instant."""
