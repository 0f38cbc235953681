"""What webhooks promise, judged by what the listeners were told."""

from collections import Counter
from collections.abc import Iterator
from typing import Final
from uuid import UUID, uuid5

from messaging_core.decisions.delivery.webhooks import event_name
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.webhook import WebhookDelivery, WebhookStatus
from messaging_core.models.messages.message import Message
from messaging_core.testing.simulation.breach import Breach, Promise
from messaging_core.testing.simulation.story import Story

Place = tuple[UUID, int, UUID]
"""A message, the position of an event, and a receiver."""


def every_event_makes_its_webhooks(story: Story) -> Iterator[Breach]:
    """Each new status makes one webhook for each subscription and for the URL of the request."""
    made = Counter(map(_place, story.webhooks))
    expected = set(_expected(story))
    for place, times in made.items():
        if times > 1 or place not in expected:
            yield Breach(what=f"{times} webhooks of event {place[1]}", message_id=place[0])
    disabled = {
        subscription.id
        for subscription in story.subscriptions
        if subscription.status is WebhookStatus.DISABLED
    }
    for message_id, position, receiver in expected - set(made):
        if receiver not in disabled:
            yield Breach(what=f"event {position} made no webhook", message_id=message_id)


def _place(delivery: WebhookDelivery) -> Place:
    return delivery.message_id, delivery.position, delivery.receiver_id


def _expected(story: Story) -> Iterator[Place]:
    by_reference = {asked.reference: asked.url for asked in story.asked}
    for message in story.messages.values():
        channel = story.channel_of(message)
        if channel is None:
            continue
        for event, name in _named(story, message, channel.platform):
            for subscription in story.subscriptions:
                if (subscription.workspace_id, subscription.event) == (event.workspace, name):
                    yield message.id, event.position, subscription.id
            # A fallback has the reference of the message whose place it takes, and its URL.
            if url := by_reference.get(message.reference or ""):
                yield message.id, event.position, uuid5(event.workspace, url)


def _named(story: Story, message: Message, platform: str) -> Iterator[tuple[Event, str]]:
    before: list[Event] = []
    for event in story.events_of(message.id):
        if name := event_name(platform, event, before):
            yield event, name
        before.append(event)


def no_webhook_is_lost(story: Story) -> Iterator[Breach]:
    """Every webhook has arrived, or is listed among those that were given up."""
    told = {told.delivery_id for told in story.told}
    for delivery in story.webhooks:
        if delivery.id not in told | story.dead_webhooks:
            what = f"the webhook of event {delivery.position} neither arrived nor is dead"
            yield Breach(what=what, message_id=delivery.message_id)


def webhooks_of_a_message_arrive_in_order(story: Story) -> Iterator[Breach]:
    """A receiver is told of an event of a message before it is told of later ones."""
    by_id = {delivery.id: delivery for delivery in story.webhooks}
    last: dict[tuple[UUID, UUID], int] = {}
    for delivery_id in dict.fromkeys(told.delivery_id for told in story.told):
        delivery = by_id[delivery_id]
        place = (delivery.receiver_id, delivery.message_id)
        if delivery.position < last.get(place, 0):
            what = f"event {delivery.position} came after event {last[place]}"
            yield Breach(what=what, message_id=delivery.message_id)
        last[place] = max(delivery.position, last.get(place, 0))


WEBHOOK_PROMISES: Final[tuple[Promise, ...]] = (
    every_event_makes_its_webhooks,
    no_webhook_is_lost,
    webhooks_of_a_message_arrive_in_order,
)
"""Those about webhooks that are sent."""
