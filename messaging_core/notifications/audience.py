"""Two audiences: our own contacts and lists, and the records of a host."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from attrs import evolve

from messaging_core.contacts.directory import walk_members
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE, EMAIL, PUSH, SMS
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.user import Unresolved, User, UserFields
from messaging_core.ports.audience import Audience
from messaging_core.ports.storage.transaction import Storage
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS

AT_ONCE = 200
"""How many recipients are looked up together."""

Find = Callable[[str, Sequence[str]], Iterable[Mapping[str, Any]]]
"""Returns the host's records whose field of this name is one of these values, or holds one."""

_EMAIL, _PHONE, _TOKEN = (PLATFORM_KEYS[platform] for platform in (EMAIL, SMS, PUSH))


class ContactAudience(Audience):
    """Take contacts for users, by their ids, and contact lists for clusters, by name or id.

    Args:
        storage: Where they are kept.
        workspace: Their tenant.
    """

    def __init__(self, storage: Storage, *, workspace: UUID = DEFAULT_WORKSPACE) -> None:
        self._storage = storage
        self._workspace = workspace

    def resolve(  # noqa: D102 - the port's
        self, recipients: Sequence[str], clusters: Sequence[str]
    ) -> Iterator[User | Unresolved]:
        wanted = dict.fromkeys(recipients)
        for some in _chunks(wanted, AT_ONCE):
            yield from self._by_id(some)
        list_ids, missing = self._lists(list(dict.fromkeys(clusters)))
        yield from missing
        if list_ids:
            for contact in walk_members(self._storage, self._workspace, list_ids):
                if contact.id not in wanted:
                    yield user_of(contact)

    def _by_id(self, recipients: Sequence[str]) -> list[User | Unresolved]:
        with self._storage.begin(read_only=True) as tx:
            found = [
                (recipient, tx.contacts.get(self._workspace, recipient)) for recipient in recipients
            ]
        return [
            user_of(contact) if contact else Unresolved(recipient=one) for one, contact in found
        ]

    def _lists(self, clusters: Sequence[str]) -> tuple[list[UUID], list[Unresolved]]:
        """Return the lists of clusters, and the clusters that there are not."""
        if not clusters:
            return [], []
        with self._storage.begin(read_only=True) as tx:
            named = tx.lists.by_names(self._workspace, clusters)
            ids = {one: named.get(one) or _as_id(one) for one in clusters}
            known = {
                one: list_id
                for one, list_id in ids.items()
                if list_id is not None and tx.lists.get(self._workspace, list_id)
            }
        missing = [Unresolved(cluster=one) for one in clusters if one not in known]
        return list(known.values()), missing


class MappedAudience(Audience):
    """Take the records of a host for users, and say which field of a record is what.

    A record without an address for a platform is a user all the same, whom that platform does not
    reach. Of users met in a cluster only the ids are kept, so that nobody comes twice.

    Args:
        find: Looks records up; it may return them one by one, as a cursor does.
        fields: The names of the fields; by default those of the Mia-Platform Messaging Service.
    """

    def __init__(self, find: Find, fields: UserFields | None = None) -> None:
        self._find = find
        self._fields = fields or UserFields()

    def resolve(  # noqa: D102 - the port's
        self, recipients: Sequence[str], clusters: Sequence[str]
    ) -> Iterator[User | Unresolved]:
        met: set[str] = set()
        for some in _chunks(dict.fromkeys(recipients), AT_ONCE):
            yield from self._new(self._find(self._fields.id, some), met)
            yield from (Unresolved(recipient=one) for one in some if one not in met)
        if clusters:
            names = list(dict.fromkeys(clusters))
            yield from self._new(self._find(self._fields.clusters, names), met)

    def _new(self, records: Iterable[Mapping[str, Any]], met: set[str]) -> Iterator[User]:
        for record in records:
            user = self._user(record)
            if user.id not in met:
                met.add(user.id)
                yield user

    def _user(self, record: Mapping[str, Any]) -> User:
        fields = self._fields
        if record.get(fields.id) in (None, ""):
            raise ConfigurationError(f"a record has no {fields.id!r}: say which field is the id")
        keys = {
            fields.email_address: _EMAIL,
            fields.phone_number: _PHONE,
            fields.device_token: _TOKEN,
        }
        return User(
            id=str(record[fields.id]),
            identifiers=tuple(
                Identifier(identifier_key=key, identifier_value=value)
                for name, key in keys.items()
                for value in _texts(record.get(name))
            ),
            record=record,
            time_zone=next(iter(_texts(record.get(fields.time_zone))), None),
            locale=next(iter(_texts(record.get(fields.locale))), None),
        )


def user_of(contact: Contact) -> User:
    """Return a contact as a user.

    The record has the contact's attributes under their names, and beside them what the
    Mia-Platform Messaging Service calls `_id`, `emailAddress`, `phoneNumber` and `deviceToken`, the
    first of each, and `displayName`, `timeZone` and `locale`. An attribute of the same name stands
    in its place, but for `_id`.
    """
    user = User(
        id=contact.id,
        identifiers=tuple(
            Identifier(identifier_key=identifier.key, identifier_value=identifier.value)
            for identifier in contact.featured_identifiers
        ),
        time_zone=contact.time_zone,
        locale=contact.locale,
    )
    names = UserFields()
    own = {
        names.email_address: user.address(_EMAIL),
        names.phone_number: user.address(_PHONE),
        names.device_token: user.address(_TOKEN),
        "displayName": contact.computed_display_name,
        names.time_zone: contact.time_zone,
        names.locale: contact.locale,
    }
    known = {name: value for name, value in own.items() if value is not None}
    record = {**known, **(contact.attributes or {}), names.id: contact.id}
    return evolve(user, record=record)


def _texts(value: Any) -> list[str]:
    """Return the texts in a field: one, several, or none where it holds something else."""
    values = value if isinstance(value, list | tuple) else [value]
    return [value for value in values if isinstance(value, str) and value]


def _chunks(values: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
