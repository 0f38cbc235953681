"""The devices of contacts: addresses of push messages, which end with the app on the device."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from attrs import evolve

from messaging_core.contacts.identifiers import comparison_key
from messaging_core.contacts.receivers import address_identifiers
from messaging_core.lazy import logger
from messaging_core.models.common.channel import Channel
from messaging_core.ports.storage.readable import readable
from messaging_core.ports.storage.transaction import Transaction

_log = logger(__name__)


def forget_devices(
    tx: Transaction, workspace: UUID, addresses: Sequence[str], channel: Channel, now: datetime
) -> None:
    """Remove addresses that reach no device any more from the contacts that have them.

    The contacts stay. An address that an app registers later is another one.

    Args:
        tx: The transaction.
        workspace: The tenant.
        addresses: What the provider no longer knows.
        channel: Of the platform push; its key and that of the platform are looked for.
        now: When the contacts were changed.
    """
    dead = [own for address in addresses for own in address_identifiers(address, channel)]
    owners = tx.contacts.by_identifiers(workspace, dead)
    keys = {comparison_key(own) for own in owners}
    for contact_id in dict.fromkeys(owners.values()):
        contact = readable(
            partial(tx.contacts.get, workspace, contact_id),
            "a contact cannot be read, and keeps its devices",
        )
        if contact is not None:
            left = [own for own in contact.featured_identifiers if comparison_key(own) not in keys]
            tx.contacts.save(evolve(contact, featured_identifiers=tuple(left), updated_at=now))
