"""The names of the people of messages: as the request gave them, else as the contact has them."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from attrs import evolve

from messaging_core.messenger import Messenger
from messaging_core.models.messages.message import Message
from messaging_core.models.people.contact import Annotations, MessageContact

_MOST = 200


def names_for(
    messenger: Messenger, messages: Iterable[Message], workspace: UUID
) -> Mapping[str, str]:
    """Read the names of the contacts of messages whose requests name no one."""
    ids = [
        contact.id
        for message in messages
        for contact in _people(message)[:1]
        if contact.id and not _name(contact)
    ]
    return messenger.contacts.names(ids[:_MOST], workspace=workspace) if ids else {}


def named(message: Message, names: Mapping[str, str]) -> Message:
    """Return a message whose people have the names of their contacts."""
    if not names:
        return message
    if sender := message.sender.contact:
        return evolve(message, sender=evolve(message.sender, contact=_named(sender, names)))
    contacts = tuple(_named(contact, names) for contact in message.receiver.contacts)
    return evolve(message, receiver=evolve(message.receiver, contacts=contacts))


def _people(message: Message) -> Sequence[MessageContact]:
    sender = message.sender.contact
    return (sender,) if sender else message.receiver.contacts


def _name(contact: MessageContact) -> str | None:
    return contact.annotations.name if contact.annotations else None


def _named(contact: MessageContact, names: Mapping[str, str]) -> MessageContact:
    if contact.id is None or _name(contact) or contact.id not in names:
        return contact
    annotations = evolve(contact.annotations or Annotations(), name=names[contact.id])
    return evolve(contact, annotations=annotations)
