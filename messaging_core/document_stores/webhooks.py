"""Webhook subscriptions, and the webhooks that wait, as documents."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.document_stores.store import GLOBAL, DocumentStore, instant_key, number_key
from messaging_core.document_stores.stored_webhook import (
    DAMAGED,
    DEAD,
    DUE,
    GIVEN_UP,
    RECEIVER,
    WAITING,
    StoredWebhook,
    WebhookState,
    put_aside,
)
from messaging_core.models.delivery.webhook import (
    MessageWebhook,
    WebhookClaim,
    WebhookDelivery,
    WebhookReceiver,
    WebhookSubscription,
)
from messaging_core.ports.storage.documents import Document
from messaging_core.ports.storage.webhooks import Webhooks
from messaging_core.wire import encode, load
from messaging_core.wire.stored.damage import read_stored

_SUBSCRIPTION: Final = "webhook_subscription"
_SIGNING_KEY: Final = "webhook_signing_key"
_URL: Final = "webhook_url"
_KIND: Final = "webhook"
_CANDIDATES: Final = 9
"""How many deliveries a claim looks at, if other transactions lease them at the same time."""


class DocumentWebhooks(DocumentStore, Webhooks):
    """Keep webhooks as documents.

    Only the first delivery of a receiver and message has a key that says when it is due.
    A transaction that changes the queue of a receiver and message reads the key of that queue
    first, so that another one that changes it waits.
    """

    def add(self, subscription: WebhookSubscription, *, signing_key: str | None) -> None:
        workspace, subscription_id = subscription.workspace_id, str(subscription.id)
        earlier = [key for key, _ in self._under(_SUBSCRIPTION, "added", workspace=workspace)]
        last = int(earlier[-1].split("/")[1]) if earlier else 0
        key = f"added/{number_key(last + 1)}/{subscription_id}"
        document = Document(subscription_id, encode(subscription), (key,))
        self._documents.put(_SUBSCRIPTION, workspace, document)
        if signing_key is not None:
            secret = Document(subscription_id, signing_key.encode())
            self._documents.put(_SIGNING_KEY, workspace, secret)

    def update(self, subscription: WebhookSubscription) -> None:
        workspace, subscription_id = subscription.workspace_id, str(subscription.id)
        before = self._documents.get(_SUBSCRIPTION, workspace, subscription_id)
        if before is not None:
            after = evolve(before, body=encode(subscription))
            self._documents.put(_SUBSCRIPTION, workspace, after)

    def get(self, workspace: UUID, subscription_id: UUID) -> WebhookSubscription | None:
        document = self._documents.get(_SUBSCRIPTION, workspace, str(subscription_id))
        return load(WebhookSubscription, document.body) if document else None

    def signing_key(self, workspace: UUID, subscription_id: UUID) -> str | None:
        document = self._documents.get(_SIGNING_KEY, workspace, str(subscription_id))
        return document.body.decode() if document else None

    def of_workspace(self, workspace: UUID) -> list[WebhookSubscription]:
        pairs = self._under(_SUBSCRIPTION, "added", workspace=workspace)
        read, what = partial(load, WebhookSubscription), "webhook subscription"
        subscriptions = [
            read_stored(read, document.body, what, document.id) for _, document in pairs
        ]
        return [subscription for subscription in subscriptions if subscription is not None]

    def delete(self, workspace: UUID, subscription_id: UUID) -> bool:
        if not self._documents.delete(_SUBSCRIPTION, workspace, str(subscription_id)):
            return False
        self._documents.delete(_SIGNING_KEY, workspace, str(subscription_id))
        for _, document in list(self._under(_KIND, f"{RECEIVER}/{subscription_id}")):
            self._documents.delete(_KIND, GLOBAL, document.id)
        return True

    def add_urls(self, webhooks: Sequence[MessageWebhook]) -> None:
        for webhook in webhooks:
            document = Document(str(webhook.message_id), webhook.url.encode())
            self._documents.put(_URL, webhook.workspace_id, document)

    def url_of(self, workspace: UUID, message_id: UUID) -> str | None:
        document = self._documents.get(_URL, workspace, str(message_id))
        return document.body.decode() if document else None

    def forget_url(self, workspace: UUID, message_id: UUID) -> None:
        """Delete the URL that the request of a message named."""
        self._documents.delete(_URL, workspace, str(message_id))

    def add_deliveries(self, deliveries: Sequence[WebhookDelivery]) -> None:
        for delivery in deliveries:
            queue = self._queue(delivery.receiver_id, delivery.message_id)
            self._change(queue, StoredWebhook.of(delivery))

    def _queue(self, receiver_id: UUID, message_id: UUID) -> list[StoredWebhook]:
        """Return the deliveries of a receiver and message that wait; others wait for this one.

        What cannot be read is put aside.
        """
        key, queue = f"{WAITING}/{receiver_id}/{message_id}", list[StoredWebhook]()
        documents = self._by_key(_KIND, GLOBAL, key)
        for document in documents:
            if webhook := StoredWebhook.read(document):
                queue.append(webhook)
            else:
                self._documents.put(_KIND, GLOBAL, put_aside(document))
        if len(queue) == len(documents):
            return queue
        self._let_go_on(queue)
        return self._queue(receiver_id, message_id)

    def _let_go_on(self, queue: Sequence[StoredWebhook]) -> None:
        """Let the first of a queue be claimed, from which another was taken out."""
        if queue:
            self._change(queue, min(queue, key=attrgetter("position")))

    def _change(self, queue: Sequence[StoredWebhook], changed: StoredWebhook) -> None:
        """Store a delivery of a queue as it is now, and whom that lets go first."""
        before = {webhook.id: webhook for webhook in queue}
        after = before | {changed.id: changed}
        first = min((own.position for own in after.values() if own.waits), default=None)
        for webhook in after.values():
            its = evolve(webhook, is_first=webhook.waits and webhook.position == first)
            if its != before.get(webhook.id):
                self._documents.put(_KIND, GLOBAL, its.document())

    def due(
        self, now: datetime, *, longest: timedelta, after: UUID | None, limit: int
    ) -> list[WebhookReceiver]:
        receivers: list[WebhookReceiver] = []
        beyond = f"{DUE}/" if after is None else f"{DUE}/{after}0"
        while len(receivers) < limit and (first := self._between(beyond, f"{DUE}0", limit=1)):
            ((key, document),) = first
            own = "/".join(key.split("/")[:2])
            receiver_id = UUID(own.removeprefix(f"{DUE}/"))
            is_due = key < f"{own}/{instant_key(now)}0"
            if is_due or self._late(receiver_id, now + longest, limit=1):
                webhook = StoredWebhook.read(document)
                # One that cannot be read names no workspace: it comes up to be put aside.
                receiver = WebhookReceiver(
                    id=receiver_id,
                    workspace_id=webhook.workspace_id if webhook else GLOBAL,
                    host=webhook.host if webhook else "",
                )
                receivers.append(receiver)
            beyond = f"{own}0"
        return receivers

    def _between(self, beyond: str, below: str, *, limit: int) -> list[tuple[str, Document]]:
        return self._documents.between(_KIND, GLOBAL, beyond=beyond, below=below, limit=limit)

    def _late(self, receiver: UUID, after: datetime, *, limit: int) -> list[tuple[str, Document]]:
        """Return what is due late beyond measure: it was written before the clock was set back."""
        own = f"{DUE}/{receiver}"
        return self._between(f"{own}/{instant_key(after)}0", f"{own}0", limit=limit)

    def claim(
        self,
        workspace: UUID,
        receiver_id: UUID,
        *,
        now: datetime,
        lease: timedelta,
        longest: timedelta,
    ) -> WebhookClaim | None:
        own = f"{DUE}/{receiver_id}"
        due = self._between(f"{own}/", f"{own}/{instant_key(now)}0", limit=_CANDIDATES)
        for key, seen in due or self._late(receiver_id, now + longest, limit=_CANDIDATES):
            document = self._still(_KIND, key, seen.id)
            if document is None:
                continue  # another transaction was quicker
            webhook = StoredWebhook.read(document)
            if webhook is None:
                self._queue(receiver_id, _message_of(document))  # puts it aside
                return self.claim(workspace, receiver_id, now=now, lease=lease, longest=longest)
            if webhook.workspace_id != workspace:
                continue
            delivery = webhook.load()
            if delivery is None:
                queue = self._queue(receiver_id, webhook.message_id)
                self._change(queue, evolve(webhook, state=WebhookState.DAMAGED))
                return self.claim(workspace, receiver_id, now=now, lease=lease, longest=longest)
            leased = evolve(webhook, due_at=now + lease, fence=webhook.fence + 1)
            self._documents.put(_KIND, GLOBAL, leased.document())
            return WebhookClaim(delivery=delivery, fence=leased.fence)
        return None

    def settle(self, claim: WebhookClaim, after: WebhookDelivery | None) -> bool:
        delivery = claim.delivery
        queue = self._queue(delivery.receiver_id, delivery.message_id)
        claimed = next((own for own in queue if own.id == delivery.id), None)
        if claimed is None or claimed.fence != claim.fence:
            return False
        if after is not None:
            self._change(queue, StoredWebhook.of(after, fence=claim.fence))
            return True
        self._documents.delete(_KIND, GLOBAL, str(delivery.id))
        self._let_go_on([own for own in queue if own.id != delivery.id])
        return True

    def dead(self, workspace: UUID, *, limit: int) -> list[WebhookDelivery]:
        pairs = self._under(_KIND, f"{DEAD}/{workspace}", page=limit)
        webhooks = filter(None, (StoredWebhook.read(document) for _, document in pairs))
        return list(islice(filter(None, (webhook.load() for webhook in webhooks)), limit))

    def restart(self, workspace: UUID, *, now: datetime, expires_at: datetime, limit: int) -> int:
        dead = self.dead(workspace, limit=limit)
        for delivery in dead:
            queue = self._queue(delivery.receiver_id, delivery.message_id)
            document = self._documents.get(_KIND, GLOBAL, str(delivery.id))
            stored = StoredWebhook.read(document) if document else None
            if stored and stored.state is WebhookState.DEAD:
                again = evolve(
                    delivery, due_at=now, expires_at=expires_at, attempts=0, is_dead=False
                )
                self._change(queue, StoredWebhook.of(again, fence=stored.fence))
        return len(dead)

    def forget_dead(self, *, before: datetime, limit: int) -> int:
        below = f"{GIVEN_UP}/{instant_key(before)}"
        old = self._between(f"{GIVEN_UP}/", below, limit=limit)
        return sum(
            self._still(_KIND, key, document.id) is not None
            and self._documents.delete(_KIND, GLOBAL, document.id)
            for key, document in old
        )

    def damaged(self, *, limit: int) -> list[UUID]:
        pairs = islice(self._under(_KIND, DAMAGED, page=limit), limit)
        return [UUID(document.id) for _, document in pairs]


def _message_of(document: Document) -> UUID:
    """Return the message of a delivery that waits, from its keys."""
    queue = next(key for key in document.keys if key.startswith(f"{WAITING}/"))
    return UUID(queue.rsplit("/", 1)[1])
