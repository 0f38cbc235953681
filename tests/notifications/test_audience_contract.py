"""Our own audiences keep the contract, and the contract catches wrong ones."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger
from messaging_core.models import ContactIdentifier, NewContact, Unresolved, User
from messaging_core.models.common.identifier import Identifier
from messaging_core.notifications.audience import ContactAudience, MappedAudience
from messaging_core.ports.audience import Audience
from messaging_core.testing.contracts.audience import AudienceContract, Person


class TestContactAudience(AudienceContract):
    addresses_are_unique = True

    def make_audience(self, people: Sequence[Person]) -> Audience:
        storage = MemoryStorage()
        contacts = Messenger(storage=storage, channels={}).contacts
        names = {name for person in people for name in person.clusters}
        lists = {name: contacts.create_list(name).id for name in names}
        for person in people:
            identifier = ContactIdentifier(key="emailaddress", value=person.email)
            ids = tuple(lists[name] for name in person.clusters)
            contacts.create(NewContact(id=person.id, identifiers=(identifier,), list_ids=ids))
        return ContactAudience(storage)


class TestMappedAudience(AudienceContract):
    def make_audience(self, people: Sequence[Person]) -> Audience:
        def find(field: str, values: Sequence[str]) -> Iterator[dict[str, Any]]:
            for person in people:
                record = {
                    "_id": person.id,
                    "emailAddress": person.email,
                    "clusters": list(person.clusters),
                }
                held = record[field]
                if any(value in values for value in (held if isinstance(held, list) else [held])):
                    yield record

        return MappedAudience(find)


def user(person: Person) -> User:
    key = "emailaddress"
    identifier = Identifier(identifier_key=key, identifier_value=person.email)
    return User(id=person.id, identifiers=(identifier,))


class Right(Audience):
    """Walk a list of people."""

    def __init__(self, people: Sequence[Person]) -> None:
        self.people = {person.id: person for person in people}

    def resolve(
        self, recipients: Sequence[str], clusters: Sequence[str]
    ) -> Iterator[User | Unresolved]:
        chosen = dict.fromkeys(recipients)
        for name in chosen:
            person = self.found(name)
            yield user(person) if person else Unresolved(recipient=name)
        for person in self.people.values():
            if person.id not in chosen and set(person.clusters) & set(clusters):
                yield user(person)

    def found(self, name: str) -> Person | None:
        return self.people.get(name)


class ReturnsAList(Right):
    """Return a list instead of a walk."""

    def resolve(self, recipients: Any, clusters: Any) -> Any:
        return list(super().resolve(recipients, clusters))


class RepeatsUsers(Right):
    """Yield a user for each way in which they are meant."""

    def resolve(self, recipients: Any, clusters: Any) -> Iterator[User | Unresolved]:
        for name in recipients:
            yield from super().resolve([name], [])
        for cluster in clusters:
            yield from super().resolve([], [cluster])


class DropsTheUnknown(Right):
    """Drop recipients that are not known."""

    def resolve(self, recipients: Any, clusters: Any) -> Iterator[User | Unresolved]:
        return super().resolve([name for name in recipients if name in self.people], clusters)


class StopsAtTheUnknown(Right):
    """Fail at a recipient that is not known."""

    def found(self, name: str) -> Person | None:
        return self.people[name]


class NarrowsToTheCluster(Right):
    """Take recipients only where they are in a cluster too."""

    def resolve(self, recipients: Any, clusters: Any) -> Iterator[User | Unresolved]:
        return (
            person
            for person in super().resolve(recipients, clusters)
            if not isinstance(person, User)
            or not clusters
            or set(self.people[person.id].clusters) & set(clusters)
        )


class JoinsByAddress(Right):
    """Take users with one address for one."""

    def resolve(self, recipients: Any, clusters: Any) -> Iterator[User | Unresolved]:
        seen: set[Any] = set()
        for person in super().resolve(recipients, clusters):
            address = person.address("emailaddress") if isinstance(person, User) else object()
            if address not in seen:
                seen.add(address)
                yield person


class IgnoresCase(Right):
    """Compare ids without case."""

    def found(self, name: str) -> Person | None:
        return self.people.get(name.lower())


class MatchesBeginnings(Right):
    """Compare the beginning of ids, as `LIKE` does."""

    def found(self, name: str) -> Person | None:
        return next((person for key, person in self.people.items() if key.startswith(name)), None)


class WithoutAddresses(Right):
    """Forget the addresses."""

    def resolve(self, recipients: Any, clusters: Any) -> Iterator[User | Unresolved]:
        for person in super().resolve(recipients, clusters):
            yield User(id=person.id) if isinstance(person, User) else person


class TestRight(AudienceContract):
    kind: type[Right] = Right

    def make_audience(self, people: Sequence[Person]) -> Audience:
        return self.kind(people)


CAUGHT = {
    ReturnsAList: "a_large_cluster_is_walked_and_may_be_left",
    RepeatsUsers: "clusters_are_joined_and_each_user_comes_once",
    DropsTheUnknown: "an_unknown_recipient_is_reported_and_stops_no_other",
    StopsAtTheUnknown: "an_unknown_recipient_is_reported_and_stops_no_other",
    NarrowsToTheCluster: "a_recipient_need_not_be_in_the_cluster",
    JoinsByAddress: "two_users_with_one_address_are_two",
    IgnoresCase: "a_name_is_compared_whole_and_as_it_is",
    MatchesBeginnings: "a_name_is_compared_whole_and_as_it_is",
    WithoutAddresses: "a_recipient_is_resolved_with_its_address",
}


@pytest.mark.parametrize("kind", CAUGHT, ids=lambda kind: kind.__name__)
def test_a_wrong_audience_is_caught(kind: type[Right]) -> None:
    case = TestRight()
    case.kind = kind

    with pytest.raises((AssertionError, KeyError)):
        getattr(case, f"test_{CAUGHT[kind]}")()
