"""Who the receivers of a request are: the owners of their addresses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve, frozen

from messaging_core.decisions.acceptance.drafting import identifiers_of
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import Contact, ContactIdentifier, ReceiverContact
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.rules.addressing.addresses import address_key
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS, address_of
from messaging_core.rules.policy.consent import identifier_on
from messaging_core.rules.requests.contact import MAX_IDENTIFIERS

Person = tuple[Identifier, str | None]
"""The identifier that finds a contact of a request, and the contact's id, where there is one."""

Place = tuple[int, int]
"""Where a contact stands: in which request, and which of its receivers it is."""


def with_known_contacts(
    storage: Storage, request: SendMessage, channel: Channel
) -> tuple[SendMessage, list[Violation]]:
    """Fill in how the contacts are reached that a request names without an address.

    A contact is found by its id, or by an identifier of any kind. An id that contradicts who has
    an address or an identifier beside it is a violation.
    """
    contacts = request.receiver.contacts
    if not any(_needs_look(contact, channel) for contact in contacts):
        return request, []
    with storage.begin(read_only=True) as tx:
        looked_up = [
            _looked_up(tx, contact, channel, f"/receiver/contacts/{place}/id")
            for place, contact in enumerate(contacts)
        ]
    filled = tuple(contact for contact, _ in looked_up)
    violations = [violation for _, its in looked_up for violation in its]
    return evolve(request, receiver=evolve(request.receiver, contacts=filled)), violations


def _needs_look(contact: ReceiverContact, channel: Channel) -> bool:
    """Tell whether what is kept may say where a contact is reached, or that its id is wrong."""
    return contact.id is not None or address_of(contact, channel) is None


def is_plain(contact: ReceiverContact, channel: Channel) -> bool:
    """Tell whether a contact is named by the address that it is reached by, and nothing else."""
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
    """Return under which identifiers the owner of an address is looked for, one after the other."""
    own = Identifier(identifier_key=channel.identifier_key, identifier_value=address)
    if PLATFORM_KEYS.get(channel.platform, own.identifier_key) == own.identifier_key:
        return (own,)  # as nearly always
    return own, identifier_on(channel, address)


def owner_of(tx: Transaction, workspace: UUID, identifiers: Sequence[Identifier]) -> str | None:
    """Return the id of the contact that has the first identifier that any contact has."""
    if not identifiers:
        return None
    owners = tx.contacts.by_identifiers(workspace, identifiers)
    return next((owners[one] for one in identifiers if one in owners), None)


def known_people(tx: Transaction, request: SendMessage, channel: Channel) -> list[Person]:
    """Return who gets a message, where they are contacts already; nothing is written."""
    contacts = request.receiver.contacts
    return [
        (identifier, _known_id(tx, contact, channel))
        for contact, identifier in zip(contacts, identifiers_of(request, channel), strict=True)
    ]


@frozen(kw_only=True)
class People:
    """Turn the receivers of requests into contacts, in the transaction that keeps the messages."""

    tx: Transaction
    now: datetime
    new_id: Callable[[], str]

    def of(self, requests: Sequence[tuple[SendMessage, Channel]]) -> list[list[Person]]:
        """Return identifier and id of every contact, making contacts for new identifiers.

        Those that say more than an address come first: they may name whose it is.
        """
        identifiers = [identifiers_of(request, channel) for request, channel in requests]
        ids: dict[Place, str] = {}
        plain: dict[UUID, list[tuple[Place, Identifier]]] = {}
        detailed: dict[UUID, list[tuple[Place, _Named]]] = {}
        for row, (request, channel) in enumerate(requests):
            for column, contact in enumerate(request.receiver.contacts):
                place, identifier = (row, column), identifiers[row][column]
                if is_plain(contact, channel):
                    plain.setdefault(channel.workspace, []).append((place, identifier))
                else:
                    named = _Named.by(contact, channel)
                    detailed.setdefault(channel.workspace, []).append((place, named))
        for workspace, several in detailed.items():
            ids |= self._detailed(workspace, several)
        for workspace, its in plain.items():
            found = self.tx.contacts.ensure(
                workspace, [one for _, one in its], now=self.now, new_id=self.new_id
            )
            ids |= zip([place for place, _ in its], found, strict=True)
        return [
            [(identifier, ids[row, column]) for column, identifier in enumerate(its)]
            for row, its in enumerate(identifiers)
        ]

    def _detailed(
        self, workspace: UUID, detailed: Sequence[tuple[Place, "_Named"]]
    ) -> dict[Place, str]:
        """Return who owns each address, looking all up together and saving each contact once."""
        register = _Register(self.tx, workspace, [named for _, named in detailed])
        ids = {place: self._contact_of(named, register) for place, named in detailed}
        register.save()
        return ids

    def _contact_of(self, named: "_Named", register: "_Register") -> str:
        """Return who owns the address, or is to own it from now on."""
        owner = register.owner_of(named.address)
        if owner is not None:
            return owner
        known_id = named.contact_id
        if known_id is None:
            known_id = register.owner_of(named.identifiers)
        known = None if known_id is None else register.get(known_id)
        if known is None:
            return self._make(named, register)
        if named.address and known.identifier_count < MAX_IDENTIFIERS:
            added = dict([next(iter(named.address.items()))])
            mine = (*known.featured_identifiers, *map(_kept, added.values()))
            extended = evolve(known, featured_identifiers=mine, updated_at=self.now)
            register.put(extended, added)
        return known.id

    def _make(self, named: "_Named", register: "_Register") -> str:
        free = [pair for pair in named.identifiers.items() if register.owner_of(pair[:1]) is None]
        added = dict(free[:MAX_IDENTIFIERS])
        made = Contact(
            id=named.contact_id if named.contact_id is not None else self.new_id(),
            workspace_id=register.workspace,
            created_at=self.now,
            updated_at=self.now,
            featured_identifiers=tuple(map(_kept, added.values())),
        )
        register.put(made, added)
        return made.id


Compared = tuple[str, str]
"""Key and address of an identifier, as they are compared."""


@frozen
class _Named:
    """How a request names a contact: by its address, by identifiers of any kind, by its id."""

    contact_id: str | None
    address: Mapping[Compared, Identifier]
    identifiers: Mapping[Compared, Identifier]

    @classmethod
    def by(cls, contact: ReceiverContact, channel: Channel) -> "_Named":
        """Return how a contact of a request is named."""
        address = _by_comparison(_address(contact, channel))
        return cls(contact.id, address, _by_comparison(_named(contact, channel)))


class _Register:
    """What a transaction knows of contacts, and changes: each is read once, and saved once."""

    def __init__(self, tx: Transaction, workspace: UUID, all_named: Sequence[_Named]) -> None:
        self.workspace = workspace
        self._contacts = tx.contacts
        self._known: dict[str, Contact | None] = {}
        self._changed: dict[str, Contact] = {}
        wanted: dict[Compared, Identifier] = {}
        for named in all_named:
            wanted |= named.address
            wanted |= named.identifiers
        found = tx.contacts.by_identifiers(workspace, list(wanted.values()))
        self._owners = {_compared(identifier): owner for identifier, owner in found.items()}

    def owner_of(self, identifiers: Iterable[Compared]) -> str | None:
        """Return the id of the contact that has the first identifier that any contact has."""
        for one in identifiers:
            if one in self._owners:
                return self._owners[one]
        return None

    def get(self, contact_id: str) -> Contact | None:
        """Return a contact as it is to be saved, or as it is kept."""
        if contact_id not in self._known:
            self._known[contact_id] = self._contacts.get(self.workspace, contact_id)
        return self._known[contact_id]

    def put(self, contact: Contact, added: Iterable[Compared]) -> None:
        """Take a contact that is to be saved, and the identifiers that it has from now on."""
        self._known[contact.id] = self._changed[contact.id] = contact
        self._owners |= dict.fromkeys(added, contact.id)

    def save(self) -> None:
        """Keep what was changed."""
        for contact in self._changed.values():
            self._contacts.save(contact)


def _compared(identifier: Identifier) -> Compared:
    key = identifier.identifier_key
    return key, address_key(key, identifier.identifier_value)


def _by_comparison(identifiers: Iterable[Identifier]) -> dict[Compared, Identifier]:
    """Return identifiers by what is compared of them; of several spellings, the first."""
    found: dict[Compared, Identifier] = {}
    for one in identifiers:
        found.setdefault(_compared(one), one)
    return found


def _kept(identifier: Identifier) -> ContactIdentifier:
    return ContactIdentifier(key=identifier.identifier_key, value=identifier.identifier_value)


def _looked_up(
    tx: Transaction, contact: ReceiverContact, channel: Channel, path: str
) -> tuple[ReceiverContact, list[Violation]]:
    """Return a contact with its address, where it is known, and what is wrong with its id."""
    if not _needs_look(contact, channel):
        return contact, []
    if contact.id is not None and _is_contradicted(tx, contact, channel):
        message = (
            "the address or identifier belongs to another contact: leave the id out,"
            " or give its owner's"
        )
        return contact, [Violation(path, "receiver.contact_mismatch", message)]
    if address_of(contact, channel) is not None:
        return contact, []
    known = _known(tx, contact, channel)
    filled = contact if known is None else _filled(contact, known)
    if contact.id is None or address_of(filled, channel) is not None:
        return filled, []  # what has neither is refused by the rules
    return filled, [_unreachable(known, channel, path)]


def _is_contradicted(tx: Transaction, contact: ReceiverContact, channel: Channel) -> bool:
    """Tell whether something that is named beside an id belongs to another contact."""
    address = _address(contact, channel)
    others = [one for one in _named(contact, channel) if one not in address]
    owners = tx.contacts.by_identifiers(channel.workspace, [*address, *others])
    # The first of the two names of an address decides, as it does when the message is kept.
    first = next((one for one in address if one in owners), None)
    told = [first, *others] if first else others
    return any(owners.get(one, contact.id) != contact.id for one in told)


def _known_id(tx: Transaction, contact: ReceiverContact, channel: Channel) -> str | None:
    owner = owner_of(tx, channel.workspace, _address(contact, channel))
    if owner is not None:
        return owner
    known = None if is_plain(contact, channel) else _known(tx, contact, channel)
    return known.id if known else None


def _known(tx: Transaction, contact: ReceiverContact, channel: Channel) -> Contact | None:
    """Return the contact that has the id or, where there is none, the first known identifier."""
    contact_id = contact.id
    if contact_id is None:
        contact_id = owner_of(tx, channel.workspace, _named(contact, channel))
    return None if contact_id is None else tx.contacts.get(channel.workspace, contact_id)


def _address(contact: ReceiverContact, channel: Channel) -> tuple[Identifier, ...]:
    own = address_of(contact, channel)
    return address_identifiers(own[1], channel) if own else ()


def _named(contact: ReceiverContact, channel: Channel) -> list[Identifier]:
    """Return every identifier of a contact of a request, the address that is used among them."""
    named = list(contact.identifiers)
    if contact.identifier_value is not None:
        key = contact.identifier_key or channel.identifier_key
        named.insert(0, Identifier(identifier_key=key, identifier_value=contact.identifier_value))
    return [*named, *_address(contact, channel)[:1]]


def _filled(contact: ReceiverContact, known: Contact) -> ReceiverContact:
    identifiers = tuple(
        Identifier(identifier_key=one.key, identifier_value=one.value)
        for one in known.featured_identifiers
    )
    return evolve(contact, identifiers=(*contact.identifiers, *identifiers))


def _unreachable(known: Contact | None, channel: Channel, path: str) -> Violation:
    if known is None:
        return Violation(path, "receiver.unknown_contact", "no contact has this id")
    message = f"the contact has no {channel.identifier_key}, by which {channel.platform} reaches it"
    return Violation(path, "receiver.unreachable", message)
