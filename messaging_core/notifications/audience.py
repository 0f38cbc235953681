"""Resolve audiences: from stored contacts and lists, or from records of the host."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from attrs import evolve

from messaging_core.contacts.directory import walk_members
from messaging_core.contacts.identifiers import plain
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE, EMAIL, PUSH, SMS
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.user import Unresolved, User, UserFields
from messaging_core.ports.audience import Audience
from messaging_core.ports.storage.transaction import Storage
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS

AT_ONCE = 200
"""The most recipients in one look-up."""

Find = Callable[[str, Sequence[str]], Iterable[Mapping[str, Any]]]
"""Returns the records of the host whose field has one of these values, or a list with one."""

_EMAIL, _PHONE, _TOKEN = (PLATFORM_KEYS[platform] for platform in (EMAIL, SMS, PUSH))


class ContactAudience(Audience):
    """Resolves recipients to contacts by id, and clusters to contact lists by name or id.

    Args:
        storage: Where contacts and lists are stored.
        workspace: Their tenant.
    """

    def __init__(self, storage: Storage, *, workspace: UUID = DEFAULT_WORKSPACE) -> None:
        self._storage = storage
        self._workspace = workspace

    def resolve(  # noqa: D102 - the port's
        self, recipients: Sequence[str], clusters: Sequence[str]
    ) -> Iterator[User | Unresolved]:
        contact_ids = dict.fromkeys(recipients)
        for chunk in _chunks(contact_ids, AT_ONCE):
            yield from self._by_id(chunk)
        list_ids, missing = self._lists(list(dict.fromkeys(clusters)))
        yield from missing
        if list_ids:
            for contact in walk_members(self._storage, self._workspace, list_ids):
                if contact.id not in contact_ids:
                    yield user_of(contact)

    def _by_id(self, recipients: Sequence[str]) -> list[User | Unresolved]:
        with self._storage.begin(read_only=True) as tx:
            contacts = [tx.contacts.get(self._workspace, recipient) for recipient in recipients]
        return [
            user_of(contact) if contact else Unresolved(recipient=recipient)
            for recipient, contact in zip(recipients, contacts, strict=True)
        ]

    def _lists(self, clusters: Sequence[str]) -> tuple[list[UUID], list[Unresolved]]:
        """Return the ids of the lists that clusters name, and the unknown clusters."""
        if not clusters:
            return [], []
        with self._storage.begin(read_only=True) as tx:
            named = tx.lists.by_names(self._workspace, clusters)
            ids = {cluster: named.get(cluster) or _as_id(cluster) for cluster in clusters}
            list_ids = {
                cluster: list_id
                for cluster, list_id in ids.items()
                if list_id is not None and tx.lists.get(self._workspace, list_id)
            }
        missing = [Unresolved(cluster=cluster) for cluster in clusters if cluster not in list_ids]
        return list(list_ids.values()), missing


class MappedAudience(Audience):
    """Resolves users from records of the host, by the names of their fields.

    A record without an address for a platform is still a user, which that platform cannot reach.
    Each user is returned once; for that, the ids of all returned users stay in memory.

    Args:
        find: Looks records up; it may be lazy, such as a database cursor.
        fields: The names of the fields; by default those of the Mia-Platform Messaging Service.
    """

    def __init__(self, find: Find, fields: UserFields | None = None) -> None:
        self._find = find
        self._fields = fields or UserFields()

    def resolve(  # noqa: D102 - the port's
        self, recipients: Sequence[str], clusters: Sequence[str]
    ) -> Iterator[User | Unresolved]:
        seen: set[str] = set()
        for chunk in _chunks(dict.fromkeys(recipients), AT_ONCE):
            yield from self._new(self._find(self._fields.id, chunk), seen)
            unresolved = (recipient for recipient in chunk if recipient not in seen)
            yield from (Unresolved(recipient=recipient) for recipient in unresolved)
        if clusters:
            names = list(dict.fromkeys(clusters))
            yield from self._new(self._find(self._fields.clusters, names), seen)

    def _new(self, records: Iterable[Mapping[str, Any]], seen: set[str]) -> Iterator[User]:
        for record in records:
            user = self._user(record)
            if user.id not in seen:
                seen.add(user.id)
                yield user

    def _user(self, record: Mapping[str, Any]) -> User:
        fields = self._fields
        if record.get(fields.id) in (None, ""):
            message = f"a record has no {fields.id!r}: name the field of the id by UserFields(id=…)"
            raise ConfigurationError(message)
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

    Its record has the names of the Mia-Platform Messaging Service: `_id`, and the first
    `emailAddress`, `phoneNumber` and `deviceToken`; also `displayName`, `timeZone` and `locale`.
    The attributes of the contact are added, and replace fields of the same name except `_id`.
    """
    user = User(
        id=contact.id,
        identifiers=tuple(map(plain, contact.featured_identifiers)),
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
    fields = {name: value for name, value in own.items() if value is not None}
    record = {**fields, **(contact.attributes or {}), names.id: contact.id}
    return evolve(user, record=record)


def _texts(value: Any) -> list[str]:
    """Return the texts in a field, which holds a text, a list of texts or something else."""
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
