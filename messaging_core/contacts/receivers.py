"""Resolve the receivers of requests to contacts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve

from messaging_core.contacts.identifiers import ComparisonKey, comparison_key, of_contact, plain
from messaging_core.decisions.acceptance.drafting import identifiers_of
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import Contact, ReceiverContact
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS, address_of, on_each_device
from messaging_core.rules.policy.consent import identifier_on
from messaging_core.rules.requests.contact import MAX_IDENTIFIERS

Person = tuple[Identifier, str | None]
"""The identifier of a receiver, and the id of its contact, if one exists."""

Place = tuple[int, int]
"""The index of a request, and the index of one of its receivers."""


def with_known_contacts(
    storage: Storage, request: SendMessage, channel: Channel, *, most: int | None = None
) -> tuple[SendMessage, list[Violation]]:
    """Return a request in which stored contacts fill in the addresses that it does not give.

    A contact is found by its id, or by an identifier of any kind. An id is a violation if an
    address or identifier beside it belongs to another contact. On push, a contact without an
    address of its own in the request gets the message on each device.

    Args:
        storage: Has the contacts.
        request: As it was read.
        channel: Where it goes.
        most: How many receivers the transport takes.
    """
    filled, violations = _with_stored_addresses(storage, request, channel)
    contacts = filled.receiver.contacts
    devices = on_each_device(contacts[0], channel)[:most] if len(contacts) == 1 else contacts
    if len(devices) == len(contacts):
        return filled, violations
    return evolve(filled, receiver=evolve(filled.receiver, contacts=devices)), violations


def _with_stored_addresses(
    storage: Storage, request: SendMessage, channel: Channel
) -> tuple[SendMessage, list[Violation]]:
    contacts = request.receiver.contacts
    if not any(_needs_lookup(contact, channel) for contact in contacts):
        return request, []
    with storage.begin(read_only=True) as tx:
        resolved = [
            _resolved(tx, contact, channel, f"/receiver/contacts/{index}/id")
            for index, contact in enumerate(contacts)
        ]
    filled = tuple(contact for contact, _ in resolved)
    violations = [violation for _, violations in resolved for violation in violations]
    return evolve(request, receiver=evolve(request.receiver, contacts=filled)), violations


def _needs_lookup(contact: ReceiverContact, channel: Channel) -> bool:
    """Return whether the stored contact may give an address, or contradict the id."""
    return contact.id is not None or address_of(contact, channel) is None


def is_plain(contact: ReceiverContact, channel: Channel) -> bool:
    """Return whether a request names a contact by its address on the channel and nothing else."""
    key = channel.identifier_key
    return (
        contact.identifier_key in (None, key)
        and contact.identifier_value is not None
        and contact.id is None
        and contact.platform_address is None
        and not contact.identifiers
        and PLATFORM_KEYS.get(channel.platform, key) == key
    )


def address_identifiers(address: str, channel: Channel) -> tuple[Identifier, ...]:
    """Return the identifiers that the owner of an address may have, in the order of search."""
    own = Identifier(identifier_key=channel.identifier_key, identifier_value=address)
    if PLATFORM_KEYS.get(channel.platform, own.identifier_key) == own.identifier_key:
        return (own,)
    # The channel looks contacts up by a key of the host's own. The owner of the address may also
    # be known by the key of the platform.
    return own, identifier_on(channel, address)


def owner_of(tx: Transaction, workspace: UUID, identifiers: Sequence[Identifier]) -> str | None:
    """Return the id of the contact that owns the first identifier that has an owner."""
    if not identifiers:
        return None
    owners = tx.contacts.by_identifiers(workspace, identifiers)
    return next((owners[own] for own in identifiers if own in owners), None)


def known_people(tx: Transaction, request: SendMessage, channel: Channel) -> list[Person]:
    """Return the receivers of a message with the ids of existing contacts; write nothing."""
    contacts = request.receiver.contacts
    return [
        (identifier, _known_id(tx, contact, channel))
        for contact, identifier in zip(contacts, identifiers_of(request, channel), strict=True)
    ]


@frozen(kw_only=True)
class People:
    """Resolves receivers to contacts, in the transaction that writes their messages."""

    tx: Transaction
    now: datetime
    new_id: Callable[[], str]

    def of(self, requests: Sequence[tuple[SendMessage, Channel]]) -> list[list[Person]]:
        """Return the identifier and id of every receiver, and create missing contacts.

        Receivers with more than an address are resolved first: they may add the address to an
        existing contact, which the receivers with only that address then find.
        """
        identifiers = [identifiers_of(request, channel) for request, channel in requests]
        ids: dict[Place, str] = {}
        simple: dict[UUID, list[tuple[Place, Identifier]]] = {}
        detailed: dict[UUID, list[tuple[Place, _ContactReference]]] = {}
        for row, (request, channel) in enumerate(requests):
            for column, contact in enumerate(request.receiver.contacts):
                place, identifier = (row, column), identifiers[row][column]
                if is_plain(contact, channel):
                    simple.setdefault(channel.workspace, []).append((place, identifier))
                else:
                    reference = _ContactReference.of(contact, channel)
                    detailed.setdefault(channel.workspace, []).append((place, reference))
        for workspace, references in detailed.items():
            ids |= self._resolve_detailed(workspace, references)
        for workspace, receivers in simple.items():
            contact_ids = self.tx.contacts.ensure(
                workspace,
                [identifier for _, identifier in receivers],
                now=self.now,
                new_id=self.new_id,
            )
            ids |= zip([place for place, _ in receivers], contact_ids, strict=True)
        return [
            [(identifier, ids[row, column]) for column, identifier in enumerate(columns)]
            for row, columns in enumerate(identifiers)
        ]

    def _resolve_detailed(
        self, workspace: UUID, references: Sequence[tuple[Place, "_ContactReference"]]
    ) -> dict[Place, str]:
        """Return the owner of each address, with one look-up and one save for each contact."""
        cache = _ContactCache(self.tx, workspace, [reference for _, reference in references])
        ids = {place: self._resolve(reference, cache) for place, reference in references}
        cache.save()
        return ids

    def _resolve(self, reference: "_ContactReference", cache: "_ContactCache") -> str:
        """Return the contact that owns the address from now on."""
        owner = cache.owner_of(reference.address)
        if owner is not None:
            return owner
        contact_id = reference.contact_id
        if contact_id is None:
            contact_id = cache.owner_of(reference.identifiers)
        contact = None if contact_id is None else cache.get(contact_id)
        if contact is None:
            return self._create(reference, cache)
        if reference.address and contact.identifier_count < MAX_IDENTIFIERS:
            added = dict([next(iter(reference.address.items()))])
            identifiers = (*contact.featured_identifiers, *map(of_contact, added.values()))
            extended = evolve(contact, featured_identifiers=identifiers, updated_at=self.now)
            cache.put(extended, added)
        return contact.id

    def _create(self, reference: "_ContactReference", cache: "_ContactCache") -> str:
        free = [
            (key, identifier)
            for key, identifier in reference.identifiers.items()
            if cache.owner_of([key]) is None
        ]
        added = dict(free[:MAX_IDENTIFIERS])
        contact = Contact(
            id=reference.contact_id if reference.contact_id is not None else self.new_id(),
            workspace_id=cache.workspace,
            created_at=self.now,
            updated_at=self.now,
            featured_identifiers=tuple(map(of_contact, added.values())),
        )
        cache.put(contact, added)
        return contact.id


@frozen
class _ContactReference:
    """How a request names a contact: by its address, by identifiers of any kind, by its id."""

    contact_id: str | None
    address: Mapping[ComparisonKey, Identifier]
    identifiers: Mapping[ComparisonKey, Identifier]

    @classmethod
    def of(cls, contact: ReceiverContact, channel: Channel) -> "_ContactReference":
        """Return how a request names one contact."""
        address = _by_comparison_key(_address(contact, channel))
        return cls(contact.id, address, _by_comparison_key(_identifiers(contact, channel)))


class _ContactCache:
    """The contacts of one transaction; each is read once, and all new ones are written at once."""

    def __init__(
        self, tx: Transaction, workspace: UUID, references: Sequence[_ContactReference]
    ) -> None:
        self.workspace = workspace
        self._contacts = tx.contacts
        self._by_id: dict[str, Contact | None] = {}
        self._changed: dict[str, Contact] = {}
        self._new: dict[str, Contact] = {}
        identifiers: dict[ComparisonKey, Identifier] = {}
        for reference in references:
            identifiers |= reference.address
            identifiers |= reference.identifiers
        owners = tx.contacts.by_identifiers(workspace, list(identifiers.values()))
        self._owners = {comparison_key(identifier): owner for identifier, owner in owners.items()}

    def owner_of(self, keys: Iterable[ComparisonKey]) -> str | None:
        """Return the id of the contact that owns the first identifier that has an owner."""
        return next((self._owners[key] for key in keys if key in self._owners), None)

    def get(self, contact_id: str) -> Contact | None:
        """Return a contact with the changes of this transaction."""
        if contact_id not in self._by_id:
            self._by_id[contact_id] = self._contacts.get(self.workspace, contact_id)
        return self._by_id[contact_id]

    def put(self, contact: Contact, added: Iterable[ComparisonKey]) -> None:
        """Remember a contact for `save`, and that it owns the added identifiers."""
        is_stored = contact.id not in self._new and self._by_id.get(contact.id) is not None
        (self._changed if is_stored else self._new)[contact.id] = contact
        self._by_id[contact.id] = contact
        self._owners |= dict.fromkeys(added, contact.id)

    def save(self) -> None:
        """Write the new and the changed contacts."""
        if self._new:
            self._contacts.add(list(self._new.values()))
        for contact in self._changed.values():
            self._contacts.save(contact)


def _by_comparison_key(identifiers: Iterable[Identifier]) -> dict[ComparisonKey, Identifier]:
    """Return identifiers by their comparison keys; of several spellings, the first."""
    by_key: dict[ComparisonKey, Identifier] = {}
    for identifier in identifiers:
        by_key.setdefault(comparison_key(identifier), identifier)
    return by_key


def _resolved(
    tx: Transaction, contact: ReceiverContact, channel: Channel, path: str
) -> tuple[ReceiverContact, list[Violation]]:
    """Return a contact with the address that is stored for it, and the violations of its id."""
    if not _needs_lookup(contact, channel):
        return contact, []
    if contact.id is not None and _is_contradicted(tx, contact, channel):
        message = (
            "the address or identifier belongs to another contact: leave the id out,"
            " or give its owner's"
        )
        return contact, [Violation(path, "receiver.contact_mismatch", message)]
    if address_of(contact, channel) is not None:
        return contact, []
    stored = _stored_contact(tx, contact, channel)
    filled = contact if stored is None else _filled(contact, stored)
    if contact.id is None or address_of(filled, channel) is not None:
        return filled, []  # the rules refuse a contact with neither id nor address
    return filled, [_unreachable(stored, channel, path)]


def _is_contradicted(tx: Transaction, contact: ReceiverContact, channel: Channel) -> bool:
    """Return whether an identifier beside an id belongs to another contact."""
    address = _address(contact, channel)
    others = [own for own in _identifiers(contact, channel) if own not in address]
    owners = tx.contacts.by_identifiers(channel.workspace, [*address, *others])
    # An address has up to two identifiers. The first that has an owner decides, as it does when
    # the message is written.
    first = next((own for own in address if own in owners), None)
    compared = [first, *others] if first else others
    return any(owners.get(own, contact.id) != contact.id for own in compared)


def _known_id(tx: Transaction, contact: ReceiverContact, channel: Channel) -> str | None:
    owner = owner_of(tx, channel.workspace, _address(contact, channel))
    if owner is not None:
        return owner
    stored = None if is_plain(contact, channel) else _stored_contact(tx, contact, channel)
    return stored.id if stored else None


def _stored_contact(tx: Transaction, contact: ReceiverContact, channel: Channel) -> Contact | None:
    """Return the contact with the id; without an id, the owner of the first known identifier."""
    contact_id = contact.id
    if contact_id is None:
        contact_id = owner_of(tx, channel.workspace, _identifiers(contact, channel))
    return None if contact_id is None else tx.contacts.get(channel.workspace, contact_id)


def _address(contact: ReceiverContact, channel: Channel) -> tuple[Identifier, ...]:
    address = address_of(contact, channel)
    return address_identifiers(address[1], channel) if address else ()


def _identifiers(contact: ReceiverContact, channel: Channel) -> list[Identifier]:
    """Return every identifier that a request gives for a contact, with its address."""
    identifiers = list(contact.identifiers)
    if contact.identifier_value is not None:
        key = contact.identifier_key or channel.identifier_key
        own = Identifier(identifier_key=key, identifier_value=contact.identifier_value)
        identifiers.insert(0, own)
    return [*identifiers, *_address(contact, channel)[:1]]


def _filled(contact: ReceiverContact, stored: Contact) -> ReceiverContact:
    identifiers = map(plain, stored.featured_identifiers)
    return evolve(contact, identifiers=(*contact.identifiers, *identifiers))


def _unreachable(stored: Contact | None, channel: Channel, path: str) -> Violation:
    if stored is None:
        return Violation(path, "receiver.unknown_contact", "no contact has this id")
    message = f"the contact has no {channel.identifier_key}, by which {channel.platform} reaches it"
    return Violation(path, "receiver.unreachable", message)
