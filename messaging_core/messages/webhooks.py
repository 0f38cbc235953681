"""Subscribe systems to webhooks, list the webhooks that were given up, and send them again."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from messaging_core.arguments import checked, id_of, uuid, whole
from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.webhooks import RETRY_FOR
from messaging_core.errors import InvalidRequestError, UnknownWebhookSubscriptionError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.event import WEBHOOKS
from messaging_core.models.delivery.webhook import (
    NewWebhookSubscription,
    WebhookDelivery,
    WebhookSubscription,
)
from messaging_core.ports.storage.repetition import repeated
from messaging_core.rules.requests.webhook import check_number, check_webhook
from messaging_core.wire import Json, dump, load

_A_SUBSCRIPTION: Final = id_of("webhook subscription")


@frozen(kw_only=True)
class WebhookSubscriptions:
    """Stores who gets webhooks; `Messenger.webhooks` is one. A `WebhookSender` sends them.

    `connection` is as for `Messenger.send`.
    """

    context: EngineContext

    @checked(workspace=uuid)
    @repeated
    def subscribe(
        self,
        new: NewWebhookSubscription | Json,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> WebhookSubscription:
        """Send the events of messages to a URL, from now on.

        Args:
            new: A subscription, or JSON in the shape of the Bird Notifications API.
            workspace: Its tenant.
            connection: As for `Messenger.send`.

        Raises:
            InvalidRequestError: It breaks rules, or there are five equal ones; with all
                violations. Nothing was written.
        """
        new = load(NewWebhookSubscription, dump(new))
        _raise_if_any(check_webhook(new))
        now = self.context.now()
        subscription = WebhookSubscription(
            id=self.context.ids.new(now),
            workspace_id=workspace,
            service=new.service,
            event=new.event,
            url=new.url,
            event_filters=new.event_filters,
            scheme=new.scheme,
            created_at=now,
            updated_at=now,
        )
        with self.context.storage.begin(connection) as tx:
            others = tx.webhooks.of_workspace(workspace)
            filters = [(other.event, frozenset(other.event_filters)) for other in others]
            _raise_if_any(check_number(new, filters))
            tx.webhooks.add(subscription, signing_key=new.signing_key)
            tx.timeline.subscribe(WEBHOOKS, from_start=False)
        return subscription

    @checked(subscription_id=_A_SUBSCRIPTION, workspace=uuid)
    def get(
        self, subscription_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> WebhookSubscription:
        """Return a subscription.

        Raises:
            UnknownWebhookSubscriptionError: This workspace has none with this id.
        """
        with self.context.storage.begin(read_only=True) as tx:
            subscription = tx.webhooks.get(workspace, subscription_id)
        if subscription is None:
            raise UnknownWebhookSubscriptionError(subscription_id)
        return subscription

    @checked(workspace=uuid)
    def find(self, *, workspace: UUID = DEFAULT_WORKSPACE) -> list[WebhookSubscription]:
        """Return all subscriptions of a workspace, the oldest first; there are at most 1000."""
        with self.context.storage.begin(read_only=True) as tx:
            return tx.webhooks.of_workspace(workspace)

    @checked(subscription_id=_A_SUBSCRIPTION, workspace=uuid)
    @repeated
    def unsubscribe(
        self,
        subscription_id: UUID,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> None:
        """Delete a subscription, and the webhooks that wait for its receiver.

        Raises:
            UnknownWebhookSubscriptionError: This workspace has none with this id.
        """
        with self.context.storage.begin(connection) as tx:
            if not tx.webhooks.delete(workspace, subscription_id):
                raise UnknownWebhookSubscriptionError(subscription_id)

    @checked(workspace=uuid, limit=whole())
    def dead(
        self, *, workspace: UUID = DEFAULT_WORKSPACE, limit: int = 100
    ) -> list[WebhookDelivery]:
        """Return webhooks that were given up, the earliest first; they are kept for seven days."""
        with self.context.storage.begin(read_only=True) as tx:
            return tx.webhooks.dead(workspace, limit=limit)

    @checked(workspace=uuid, limit=whole())
    @repeated
    def replay(self, *, workspace: UUID = DEFAULT_WORKSPACE, limit: int = 1000) -> int:
        """Send webhooks that were given up again, the earliest first, and return how many.

        They keep their ids and their times, and are retried for another eight hours.
        """
        now = self.context.now()
        with self.context.storage.begin() as tx:
            return tx.webhooks.restart(workspace, now=now, expires_at=now + RETRY_FOR, limit=limit)


def _raise_if_any(violations: Sequence[Violation]) -> None:
    if violations:
        raise InvalidRequestError(violations)
