"""Subscribe systems to webhooks, as the Notifications API of Bird does."""

import asyncio
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from attrs import field, frozen

from messaging_adapters.asgi.call import NO_CONTENT, Call, answer
from messaging_adapters.asgi.parameters import read_parameters
from messaging_adapters.asgi.routes.paging import page_of
from messaging_core.messages.webhooks import WebhookSubscriptions
from messaging_core.models.common.page import DEFAULT_LIMIT
from messaging_core.models.delivery.webhook import (
    EventFilter,
    WebhookScheme,
    WebhookStatus,
    WebhookSubscription,
)
from messaging_core.ports.http import HttpResponse
from messaging_core.wire import dump, dump_page

_CREATED: Final = 201
_ALWAYS: Final = {"always": True}


@frozen(kw_only=True)
class ShownSubscription:
    """A subscription as callers see it, without its signing key."""

    id: UUID
    organization_id: UUID
    workspace_id: UUID
    service: str
    event: str
    url: str = field(repr=False)
    event_filters: tuple[EventFilter, ...] = field(default=(), metadata=_ALWAYS)
    scheme: WebhookScheme = field(default=WebhookScheme.BIRD, metadata=_ALWAYS)
    status: WebhookStatus
    created_at: datetime
    updated_at: datetime


@frozen(kw_only=True)
class SubscriptionsQuery:
    """A query for subscriptions, the oldest first."""

    limit: int = DEFAULT_LIMIT
    page_token: str | None = None
    reverse: bool = False


async def create_webhook_subscription(call: Call) -> HttpResponse:
    """Send the events of messages to a URL, from now on."""
    call.id("organizationId")
    subscription = await asyncio.to_thread(
        _webhooks(call).subscribe, call.request.body, workspace=call.workspace
    )
    return answer(dump(_shown(call, subscription)), _CREATED)


async def list_webhook_subscriptions(call: Call) -> HttpResponse:
    """Return one page of the subscriptions of a workspace."""
    call.id("organizationId")
    query = read_parameters(SubscriptionsQuery, call.query)
    subscriptions = await asyncio.to_thread(_webhooks(call).find, workspace=call.workspace)
    page = page_of(
        subscriptions,
        partial(_shown, call),
        limit=query.limit,
        token=query.page_token,
        reverse=query.reverse,
        of="subscriptions",
    )
    return answer(dump_page(page))


async def get_webhook_subscription(call: Call) -> HttpResponse:
    """Return one subscription."""
    call.id("organizationId")
    subscription = await asyncio.to_thread(
        _webhooks(call).get, call.id("subscriptionId"), workspace=call.workspace
    )
    return answer(dump(_shown(call, subscription)))


async def delete_webhook_subscription(call: Call) -> HttpResponse:
    """Delete a subscription, and the webhooks that wait for its receiver."""
    call.id("organizationId")
    await asyncio.to_thread(
        _webhooks(call).unsubscribe, call.id("subscriptionId"), workspace=call.workspace
    )
    return NO_CONTENT


def _webhooks(call: Call) -> WebhookSubscriptions:
    return call.messenger.messenger.webhooks


def _shown(call: Call, subscription: WebhookSubscription) -> ShownSubscription:
    return ShownSubscription(
        id=subscription.id,
        organization_id=call.id("organizationId"),
        workspace_id=subscription.workspace_id,
        service=subscription.service,
        event=subscription.event,
        url=subscription.url,
        event_filters=subscription.event_filters,
        scheme=subscription.scheme,
        status=subscription.status,
        created_at=subscription.created_at,
        updated_at=subscription.updated_at,
    )
