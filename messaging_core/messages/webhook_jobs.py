"""Make the requests of webhooks from what the storage holds when they are sent."""

from datetime import datetime
from typing import Final

import orjson
from attrs import field

from messaging_core.decisions.delivery.webhook_signature import webhook_headers
from messaging_core.decisions.delivery.webhooks import DISABLED, message_at, signers_of
from messaging_core.decisions.status.first_interactions import with_firsts
from messaging_core.lazy import frozen
from messaging_core.models.delivery.webhook import (
    WebhookClaim,
    WebhookDelivery,
    WebhookScheme,
    WebhookStatus,
    WebhookSubscription,
)
from messaging_core.ports.http import HttpRequest
from messaging_core.ports.storage.readable import readable
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.requests.webhook import SERVICE
from messaging_core.wire import dump_interaction, dump_message

UNREADABLE: Final = "unreadable"


@frozen(kw_only=True)
class WebhookJob:
    """What one attempt needs, read in one transaction.

    Attributes:
        subscription: Whose receiver gets it; absent if it goes to the URL of a request.
        request: What to send; nothing if its message or its subscription is gone.
        refused: Why it is not sent, if it is not to be.
    """

    claim: WebhookClaim
    subscription: WebhookSubscription | None = None
    request: HttpRequest | None = None
    refused: str | None = None


@frozen(kw_only=True)
class _Target:
    """Where a webhook goes, and how it is signed."""

    event: str
    url: str = field(repr=False)
    scheme: WebhookScheme = WebhookScheme.BIRD
    key: str | None = field(default=None, repr=False)


def job_of(tx: Transaction, claim: WebhookClaim, now: datetime) -> WebhookJob:
    """Return what an attempt to send a claimed webhook needs."""
    delivery, subscription = claim.delivery, None
    if delivery.subscription_id is not None:
        subscription = tx.webhooks.get(delivery.workspace_id, delivery.subscription_id)
        if subscription is None:
            return WebhookJob(claim=claim)
        if subscription.status is not WebhookStatus.ACTIVE:
            return WebhookJob(claim=claim, subscription=subscription, refused=DISABLED)
    what = f"webhook {delivery.id} cannot be made"
    read = readable(lambda: (_payload(tx, delivery),), what)
    if read is None:
        return WebhookJob(claim=claim, subscription=subscription, refused=UNREADABLE)
    (payload,) = read
    if payload is None:
        return WebhookJob(claim=claim, subscription=subscription)
    target = _target(tx, delivery, subscription)
    request = _request(target, delivery, payload, now)
    return WebhookJob(claim=claim, subscription=subscription, request=request)


def _target(
    tx: Transaction, delivery: WebhookDelivery, subscription: WebhookSubscription | None
) -> _Target:
    workspace = delivery.workspace_id
    if subscription is not None:
        key = tx.webhooks.signing_key(workspace, subscription.id)
        return _Target(
            event=subscription.event, url=subscription.url, scheme=subscription.scheme, key=key
        )
    event, url = delivery.event or "", delivery.url or ""
    for signer in signers_of(tx.webhooks.of_workspace(workspace), event):
        key = tx.webhooks.signing_key(workspace, signer.id)
        if key is not None:
            return _Target(event=event, url=url, scheme=signer.scheme, key=key)
    return _Target(event=event, url=url)


def _request(
    target: _Target, delivery: WebhookDelivery, payload: dict[str, object], now: datetime
) -> HttpRequest:
    """Return the request of a webhook, signed for its URL and its body."""
    body = orjson.dumps({"service": SERVICE, "event": target.event, "payload": payload})
    headers = webhook_headers(
        target.scheme,
        target.key,
        url=target.url,
        body=body,
        delivery_id=delivery.id,
        created_at=delivery.created_at,
        now=now,
    )
    return HttpRequest(
        method="POST",
        url=target.url,
        headers={"content-type": "application/json", **headers},
        body=body,
    )


def _payload(tx: Transaction, delivery: WebhookDelivery) -> dict[str, object] | None:
    """Return what a webhook is about; nothing if it was deleted since."""
    workspace = delivery.workspace_id
    if delivery.interaction_id is not None:
        interactions = tx.receipts.interactions(workspace, delivery.message_id)
        for interaction in with_firsts(interactions):
            if interaction.id == delivery.interaction_id:
                return dump_interaction(interaction)
        return None
    message = tx.messages.get(workspace, delivery.message_id, stays=False)
    if message is None:
        return None
    return dump_message(message_at(message, delivery.status, delivery.created_at))
