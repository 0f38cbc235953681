"""What a person has agreed to get, and what not."""

from collections.abc import Collection, Iterable, Mapping

from messaging_core.models.common.channel import Channel, MessageType
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.content.meta import Meta
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.suppression import Suppression, SuppressionScope
from messaging_core.models.policy.send_rules import Holdout, Purpose
from messaging_core.rules.addressing.addresses import address_key
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS
from messaging_core.rules.addressing.sender_pool import channel_senders
from messaging_core.rules.content.meta import MARKETING

_SCOPES: Mapping[Purpose, SuppressionScope] = {
    Purpose.MARKETING: SuppressionScope.MARKETING,
    Purpose.TRANSACTIONAL: SuppressionScope.TRANSACTIONAL,
}


def purpose_of(message_type: MessageType, meta: Meta | None = None) -> Purpose:
    """Return what a message is for, the stricter of what its channel and its request say.

    A promotional channel sends marketing, whatever the request calls it; on any other channel
    `meta.extraInformation.useCase` of `marketing` makes it so. Everything else, conversations and
    codes for logging in included, is transactional (ours: the Bird Channels API knows these two
    kinds of suppression, and five kinds of channel).
    """
    asked = (meta.extra_information or {}).get("useCase") if meta else None
    is_marketing = message_type is MessageType.PROMOTIONAL or asked == MARKETING
    return Purpose.MARKETING if is_marketing else Purpose.TRANSACTIONAL


def identifier_on(channel: Channel, address: str) -> Identifier:
    """Return under which identifier an address is suppressed: the platform decides on the key.

    A channel may look contacts up by a key of the host's own; its addresses are compared, and
    blocked, as the phone numbers or email addresses that they are.
    """
    key = PLATFORM_KEYS.get(channel.platform, channel.identifier_key)
    return Identifier(identifier_key=key, identifier_value=address)


def covering(
    suppressions: Iterable[Suppression],
    identifier: Identifier,
    purpose: Purpose,
    sender: str | None,
    pool: Collection[str] = (),
) -> tuple[Suppression, ...]:
    """Return the suppressions that forbid a message, in the order given.

    One of scope `marketing` or `transactional` forbids messages of that purpose, from whomever.
    One of scope `sender`, which STOP makes, forbids every message between the two addresses, a
    code for logging in as well: the network would not carry it. On channels without a sender it is
    one of no sender, and forbids what they send.

    Args:
        suppressions: Any; those of other addresses do not count.
        identifier: The address the message would go to.
        purpose: What the message is for.
        sender: The address it would come from, if it has one.
        pool: The senders of its channel, if it has several: who opts out from one of them does
            not know the others, so that it holds for all.
    """
    key, value = identifier.identifier_key, identifier.identifier_value
    own = address_key(key, value)
    senders = {sender_key(name, key) for name in (sender, *pool) if name}
    return tuple(
        suppression
        for suppression in suppressions
        if suppression.identifier_key == key
        and address_key(key, suppression.identifier_value) == own
        and _covers(suppression, purpose, senders)
    )


def sender_key(sender: str, identifier_key: str) -> str:
    """Return what two spellings of one sender have in common: case and punctuation are ignored."""
    return address_key(identifier_key, sender).casefold()


def is_held_out(contact: Contact, holdout: Holdout) -> bool:
    """Return whether a contact gets nothing: it is on the list, or has the attribute as `true`."""
    if holdout.list_id is not None and holdout.list_id in contact.list_ids:
        return True
    return (
        holdout.attribute is not None and (contact.attributes or {}).get(holdout.attribute) is True
    )


def pool_of(channel: Channel) -> tuple[str, ...]:
    """Return the senders of a channel that has several, for `covering`."""
    return channel_senders(channel) if channel.senders else ()


def _covers(suppression: Suppression, purpose: Purpose, senders: Collection[str]) -> bool:
    if suppression.scope is not SuppressionScope.SENDER:
        return suppression.scope is _SCOPES[purpose]
    if not senders or suppression.sender is None:
        # A channel without a sender of its own hears STOP too: it holds for all such channels.
        return not senders and suppression.sender is None
    return sender_key(suppression.sender, suppression.identifier_key) in senders
