"""What an accepted request becomes: a message, and the delivery beside it."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from messaging_core.decisions.acceptance.admission import Admission
from messaging_core.models.common.channel import EMAIL, SMS, Channel, MessageType
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.content.body import EmailFrom, HtmlBody
from messaging_core.models.delivery.delivery import Controls, Delivery, Lane
from messaging_core.models.delivery.receipt import IncomingMessage
from messaging_core.models.messages.message import Direction, Message, Origin, Part, Status
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import (
    Annotations,
    Connector,
    MessageContact,
    MessageReceiver,
    MessageSender,
    ReceiverContact,
)
from messaging_core.models.policy.plan import Verdict
from messaging_core.rules.addressing.addresses import address_key, country_of
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS, address_of
from messaging_core.rules.addressing.sender_pool import choose_sender
from messaging_core.rules.content.tags import normalize_tags
from messaging_core.rules.policy.lifecycle import initial

_LANES = {
    MessageType.TWO_FACTOR: Lane.TWO_FACTOR,
    MessageType.TRANSACTIONAL: Lane.TRANSACTIONAL,
    MessageType.CONVERSATIONAL: Lane.CONVERSATIONAL,
    MessageType.PROMOTIONAL: Lane.PROMOTIONAL,
}
_STATUSES = {
    Verdict.ACCEPTED: Status.ACCEPTED,
    Verdict.SCHEDULED: Status.SCHEDULED,
    Verdict.SKIPPED: Status.SKIPPED,
    Verdict.REJECTED: Status.REJECTED,
}
_NO_CONTROLS = Controls()


def identifiers_of(request: SendMessage, channel: Channel) -> tuple[Identifier, ...]:
    """Return the identifier that finds each contact of a request, in the order of its receivers."""
    return tuple(_identifier(contact, channel) for contact in request.receiver.contacts)


def _identifier(contact: ReceiverContact, channel: Channel) -> Identifier:
    key = contact.identifier_key or channel.identifier_key
    if contact.identifier_value:
        return Identifier(identifier_key=key, identifier_value=contact.identifier_value)
    if contact.identifiers:
        return contact.identifiers[0]
    return Identifier(
        identifier_key=channel.identifier_key, identifier_value=contact.platform_address or ""
    )


def draft(  # noqa: PLR0913 - everything a message is made of, each once
    request: SendMessage,
    channel: Channel,
    admission: Admission,
    *,
    message_id: UUID,
    people: Sequence[tuple[Identifier, str | None]],
    now: datetime,
    origin: Origin | None = None,
) -> Message:
    """Make the message that an admitted request becomes.

    Args:
        request: What was asked for.
        channel: Where it goes.
        admission: When it goes.
        message_id: What it is called.
        people: For each contact of the request its identifier and, if it is known, its id.
        now: The present.
        origin: What made the request, where it was not the host.
    """
    contacts = [
        _contact(contact, identifier, contact_id, channel)
        for contact, (identifier, contact_id) in zip(request.receiver.contacts, people, strict=True)
    ]
    return Message(
        id=message_id,
        channel_id=channel.id,
        sender=_sender(request, channel),
        receiver=MessageReceiver(contacts=tuple(contacts)),
        status=initial(_STATUSES[admission.verdict], Direction.OUTGOING),
        last_status_at=now,
        created_at=now,
        updated_at=now,
        body=request.body,
        template=request.template,
        meta=request.meta,
        reference=request.reference,
        reply_to=request.reply_to,
        tags=normalize_tags(request.tags) if request.tags else (),
        short_links=request.short_links,
        scheduled_for=request.scheduled_for,
        origin=origin,
    )


def _sender(request: SendMessage, channel: Channel) -> MessageSender:
    """Let the request's own sender win over the body's, the body's over `meta`, then the channel's.

    The Bird Channels API names all of these and no order; the nearest to the sending wins. A
    channel with a pool has one sender for each receiver.
    """
    own = request.sender.connector if request.sender else None
    chosen = _email_from(request) if channel.platform == EMAIL else None
    default = _default_sender(request, channel)
    if own is None and chosen is None:
        return _channel_sender(channel, default)
    value = own.identifier_value if own else chosen.username if chosen else None
    name = own.annotations.name if own and own.annotations else None
    return _connector(
        channel,
        _complete(value, channel, default) if value else default,
        name or (chosen.display_name if chosen and not own else None) or channel.sender_name,
    )


def _email_from(request: SendMessage) -> EmailFrom | None:
    metadata = request.body.metadata if isinstance(request.body, HtmlBody) else None
    if metadata and metadata.email_from:
        return metadata.email_from
    return request.meta.email.sender if request.meta and request.meta.email else None


def _default_sender(request: SendMessage, channel: Channel) -> str | None:
    """Return the channel's sender, or that of its pool which writes to the first receiver.

    It is stored with the message, so that every attempt and every look-up has the same.
    """
    if channel.senders is None or not request.receiver.contacts:
        return channel.sender
    contact = request.receiver.contacts[0]
    kind = PLATFORM_KEYS.get(channel.platform, channel.identifier_key)
    own = address_of(contact, channel)
    address = own[1] if own else _identifier(contact, channel).identifier_value
    return choose_sender(channel.senders, address_key(kind, address))


def _complete(value: str, channel: Channel, default: str | None) -> str:
    """Give the user part of an address the domain of the sender that it replaces."""
    if channel.platform != EMAIL or not default or "@" in value:
        return value
    return value + default[default.rindex("@") :]


@lru_cache(maxsize=1024)
def _channel_sender(channel: Channel, sender: str | None) -> MessageSender:
    return _connector(channel, sender, channel.sender_name)


def _connector(channel: Channel, value: str | None, name: str | None) -> MessageSender:
    annotations = Annotations(name=name) if name else None
    connector = Connector(id=channel.id, identifier_value=value, annotations=annotations)
    return MessageSender(connector=connector)


def _contact(
    contact: ReceiverContact, identifier: Identifier, contact_id: str | None, channel: Channel
) -> MessageContact:
    _, address = address_of(contact, channel) or ("", identifier.identifier_value)
    return MessageContact(
        id=contact_id or contact.id,
        identifier_key=identifier.identifier_key,
        identifier_value=identifier.identifier_value or None,
        type=contact.type,
        country_code=country_of(address) if channel.platform == SMS else None,
        identifiers=contact.identifiers,
        platform_address=address if address != identifier.identifier_value else None,
        platform_address_selector=contact.platform_address_selector,
    )


def delivery_of(request: SendMessage, channel: Channel, admission: Admission) -> Delivery | None:
    """Return what is kept beside the message until it is handed over, if it is to be."""
    if admission.due_at is None or admission.expires_at is None:
        return None
    return Delivery(
        due_at=admission.due_at,
        expires_at=admission.expires_at,
        lane=lane_of(channel),
        controls=_controls(request),
    )


def lane_of(channel: Channel) -> Lane:
    """Return how urgent the messages of a channel are."""
    return _LANES[channel.message_type]


def _controls(request: SendMessage) -> Controls:
    asked = (
        request.cap_frequency
        or request.enable_link_tracking
        or request.ignore_quiet_hours
        or request.ignore_global_holdout
    )
    if not asked and request.validity is None and request.notification is None:
        return _NO_CONTROLS
    return Controls(
        cap_frequency=request.cap_frequency,
        enable_link_tracking=request.enable_link_tracking,
        ignore_quiet_hours=request.ignore_quiet_hours,
        ignore_global_holdout=request.ignore_global_holdout,
        notification_url=request.notification.url if request.notification else None,
        validity=request.validity,
    )


def received(
    incoming: IncomingMessage,
    channel: Channel,
    *,
    message_id: UUID,
    contact_id: str,
    now: datetime,
) -> Message:
    """Make the message that a person sent to a channel: it is delivered from the start.

    As in the Bird Channels API, the sender is a contact and the receiver the channel's connector.
    """
    contact = MessageContact(
        id=contact_id,
        identifier_key=channel.identifier_key,
        identifier_value=incoming.sender,
        country_code=country_of(incoming.sender) if channel.platform == SMS else None,
        annotations=Annotations(name=incoming.sender_name) if incoming.sender_name else None,
    )
    connector = Connector(id=channel.id, identifier_value=channel.sender)
    parts = (Part(platform_reference=incoming.reference),) if incoming.reference else ()
    return Message(
        id=message_id,
        channel_id=channel.id,
        direction=Direction.INCOMING,
        status=initial(Status.DELIVERED, Direction.INCOMING),
        sender=MessageSender(contact=contact),
        receiver=MessageReceiver(connector=connector),
        body=incoming.body,
        meta=incoming.meta,
        reply_to=incoming.reply_to,
        parts=parts,
        last_status_at=now,
        created_at=now,
        updated_at=now,
    )
