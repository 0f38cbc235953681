"""The request for the fallback of a message: the same content, on the channel that takes over."""

from typing import Final

from attrs import evolve

from messaging_core.models.common.channel import EMAIL, PUSH, Channel
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import Body, HtmlBody, TextBody
from messaging_core.models.content.meta import Meta
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import Receiver, ReceiverContact
from messaging_core.rules.addressing.receiver import address_of

ESCALATION: Final = "escalation"
"""The type of the `origin` of a fallback; its id is that of the message before it."""

_SEVERAL: Final = Violation(
    "/receiver/contacts", "escalation.several_receivers", "only one receiver has a fallback"
)
_UNREACHABLE: Final = Violation(
    "/receiver/contacts/0",
    "receiver.unreachable",
    "the contact has no address on the channel that takes over",
)


def fallback_request(
    request: SendMessage, channel: Channel, following: Channel
) -> tuple[SendMessage, list[Violation]]:
    """Return the request for the channel that takes over; its receiver is still to be looked up.

    Args:
        request: As the caller made it, its template not rendered.
        channel: The channel that it is for.
        following: The channel that takes over.
    """
    contacts = request.receiver.contacts
    receiver = evolve(request.receiver, contacts=tuple(_named(own, channel) for own in contacts))
    other = evolve(
        request,
        receiver=receiver,
        sender=None,
        body=_body(request.body, following.platform),
        meta=_meta(request.meta, following.platform),
    )
    return other, [] if len(contacts) == 1 else [_SEVERAL]


def addressed(request: SendMessage, channel: Channel) -> tuple[SendMessage, list[Violation]]:
    """Return a request with nothing but the address of its receiver, or those of its devices."""
    known = [address_of(contact, channel) for contact in request.receiver.contacts]
    addresses = [address for address in known if address is not None]
    if not addresses:
        return request, [_UNREACHABLE]
    identifiers = [Identifier(identifier_key=key, identifier_value=own) for key, own in addresses]
    contact = ReceiverContact(identifier_value=addresses[0][1])
    if len(identifiers) > 1:
        contact = ReceiverContact(identifiers=tuple(identifiers))
    return evolve(request, receiver=Receiver(contacts=(contact,))), []


def _named(contact: ReceiverContact, channel: Channel) -> ReceiverContact:
    """Name a contact by its id and by all that is known of it, whatever channel it is for."""
    address = address_of(contact, channel)
    identifiers = list(contact.identifiers)
    if contact.identifier_value is not None:
        key = contact.identifier_key or channel.identifier_key
        identifiers.append(
            Identifier(identifier_key=key, identifier_value=contact.identifier_value)
        )
    if address is not None:
        identifiers.append(Identifier(identifier_key=address[0], identifier_value=address[1]))
    return ReceiverContact(id=contact.id, identifiers=tuple(dict.fromkeys(identifiers)))


def _body(body: Body | None, platform: str) -> Body | None:
    """Take the text of HTML, which only email shows; a file is not lost: the rules refuse it."""
    if platform == EMAIL or not isinstance(body, HtmlBody) or not body.text or body.attachments:
        return body
    return TextBody(text=body.text, actions=body.actions)


def _meta(meta: Meta | None, platform: str) -> Meta | None:
    if meta is None:
        return None
    return evolve(
        meta,
        email=meta.email if platform == EMAIL else None,
        push_notifications=meta.push_notifications if platform == PUSH else None,
    )
