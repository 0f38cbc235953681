"""When scheduled messages will be sent, by the clocks of their receivers."""

from datetime import datetime
from typing import Final
from uuid import UUID

from messaging_core.context import EngineContext
from messaging_core.lazy import frozen
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.formats.zones import Zones, zones_of_receiver
from messaging_core.rules.requests.query import check_query
from messaging_core.wire.queries import checked_query

_UTC: Final = "UTC"


@frozen(kw_only=True)
class Upcoming:
    """When a message will be sent.

    Attributes:
        due_at: Not before then.
        zone: The first zone in which its first receiver may be.
        zone_from: How it is known: `contact`, `number` or `fallback`.
    """

    message_id: UUID
    due_at: datetime
    zone: str
    zone_from: str


@frozen(kw_only=True)
class UpcomingMessages:
    """Messages that wait for a time.

    Attributes:
        messages: In the order of the query.
        is_complete: Whether there are no others.
    """

    messages: tuple[Upcoming, ...] = ()
    is_complete: bool = True


def upcoming(context: EngineContext, query: MessageQuery) -> UpcomingMessages:
    """Read messages, their deliveries and their contacts in one transaction."""
    query = checked_query(query, check_query)
    waiting = []
    with context.storage.begin(read_only=True) as tx:
        page = tx.messages.find(query)
        for message in page.results:
            delivery = tx.outbox.delivery(query.workspace, message.id)
            if delivery is None or delivery.handed_over:
                continue
            zones = _zones(context, tx, query.workspace, message)
            waiting.append(
                Upcoming(
                    message_id=message.id,
                    due_at=delivery.due_at,
                    zone=zones.names[0],
                    zone_from=zones.source,
                )
            )
    return UpcomingMessages(messages=tuple(waiting), is_complete=page.next_page_token is None)


def _zones(context: EngineContext, tx: Transaction, workspace: UUID, message: Message) -> Zones:
    channel = context.channels.get(message.channel_id)
    hours = context.policies.of(channel).quiet_hours if channel else None
    person = next(iter(message.receiver.contacts), None)
    contact = tx.contacts.get(workspace, person.id) if person and person.id else None
    number = person.address if person and person.address.startswith("+") else None
    fallback = hours.fallback_zone if hours else _UTC
    return zones_of_receiver(contact.time_zone if contact else None, number, fallback)
