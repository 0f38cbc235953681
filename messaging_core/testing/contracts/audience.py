"""The contract of audiences: tests that the tests of every audience inherit."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final

from messaging_core.lazy import frozen
from messaging_core.models.people.user import Unresolved, User
from messaging_core.ports.audience import Audience
from messaging_core.testing.contracts.bounds import within

_MANY: Final = 500
_SOME: Final = 3
_THREADS: Final = 8


@frozen(kw_only=True)
class Person:
    """A person that a directory knows.

    Attributes:
        email: Their only address.
        clusters: The groups that they are in.
    """

    id: str
    email: str
    clusters: Collection[str] = ()


ADA: Final = Person(id="ada", email="ada@people.example", clusters=("engineers", "authors"))
GRACE: Final = Person(id="grace", email="grace@people.example", clusters=("engineers",))
JOAN: Final = Person(id="joan", email="joan@people.example", clusters=("authors",))
TWIN: Final = Person(id="twin", email="ada@people.example", clusters=("twins",))
PEOPLE: Final = (ADA, GRACE, JOAN)


class AudienceContract:
    """Inherit this in a test class, and say how your directory gets its people.

    ```python
    class TestDirectory(AudienceContract):
        def make_audience(self, people: Sequence[Person]) -> Audience:
            return DirectoryAudience(directory_with(people))
    ```

    - `addresses_are_unique`: True where no two people of the directory can have one address.
    - `patience`: seconds in which every walk must end.
    """

    addresses_are_unique: bool = False
    patience: float = 30.0

    def make_audience(self, people: Sequence[Person]) -> Audience:
        """Return an audience that knows these people, and no others."""
        raise NotImplementedError

    def resolve(
        self, audience: Audience, recipients: Sequence[str] = (), clusters: Sequence[str] = ()
    ) -> list[User | Unresolved]:
        """Return everything that a walk yields; fails if it does not end within `patience`."""
        return within(self.patience, lambda: list(audience.resolve(recipients, clusters)))

    def test_a_recipient_is_resolved_with_its_address(self) -> None:
        users = self.resolve(self.make_audience(PEOPLE), ["ada"])

        assert [_name(user) for user in users] == ["ada"]
        assert _address(users[0]) == ADA.email

    def test_a_cluster_is_everyone_in_it(self) -> None:
        users = self.resolve(self.make_audience(PEOPLE), clusters=["engineers"])

        assert sorted(map(_name, users)) == ["ada", "grace"]

    def test_clusters_are_joined_and_each_user_comes_once(self) -> None:
        users = self.resolve(
            self.make_audience(PEOPLE), ["joan", "ada", "joan"], ["engineers", "authors"]
        )

        assert sorted(map(_name, users)) == ["ada", "grace", "joan"]

    def test_a_recipient_need_not_be_in_the_cluster(self) -> None:
        users = self.resolve(self.make_audience(PEOPLE), ["joan"], ["engineers"])

        assert sorted(map(_name, users)) == ["ada", "grace", "joan"]

    def test_two_users_with_one_address_are_two(self) -> None:
        if self.addresses_are_unique:
            return
        users = self.resolve(self.make_audience((*PEOPLE, TWIN)), ["ada", "twin"])

        assert sorted(map(_name, users)) == ["ada", "twin"]
        assert {_address(user) for user in users} == {ADA.email}

    def test_an_unknown_recipient_is_reported_and_stops_no_other(self) -> None:
        users = self.resolve(self.make_audience(PEOPLE), ["ada", "kerfuffle", "joan"])

        assert sorted(_name(user) for user in users if isinstance(user, User)) == ["ada", "joan"]
        unresolved = [user for user in users if isinstance(user, Unresolved)]
        assert unresolved == [Unresolved(recipient="kerfuffle")]

    def test_an_unknown_cluster_stops_no_other(self) -> None:
        users = self.resolve(self.make_audience(PEOPLE), clusters=["kerfuffle", "engineers"])

        assert sorted(_name(user) for user in users if isinstance(user, User)) == ["ada", "grace"]
        unresolved = [user for user in users if isinstance(user, Unresolved)]
        assert unresolved in ([], [Unresolved(cluster="kerfuffle")])

    def test_no_one_at_all_is_no_error(self) -> None:
        assert self.resolve(self.make_audience(())) == []
        assert self.resolve(self.make_audience(PEOPLE)) == []

    def test_a_name_is_compared_whole_and_as_it_is(self) -> None:
        users = self.resolve(self.make_audience(PEOPLE), ["ad", "ada%", "a*", "' OR 1=1 --", "ADA"])

        assert {type(user) for user in users} == {Unresolved}

    def test_a_large_cluster_is_walked_and_may_be_left(self) -> None:
        people = [
            Person(id=f"p{number}", email=f"p{number}@people.example", clusters=("all",))
            for number in range(_MANY)
        ]
        audience = self.make_audience(people)

        walk = audience.resolve([], ["all"])
        assert isinstance(walk, Iterator), "a walk, not a list"
        some = list(islice(walk, _SOME))
        del walk  # its reader gave up

        assert len(some) == _SOME
        assert len({_name(user) for user in self.resolve(audience, clusters=["all"])}) == _MANY

    def test_many_threads_may_walk_at_once(self) -> None:
        audience = self.make_audience(PEOPLE)

        with ThreadPoolExecutor(_THREADS) as pool:
            walks = list(
                pool.map(lambda _: self.resolve(audience, ["joan"], ["engineers"]), range(20))
            )

        names = {tuple(sorted(map(_name, users))) for users in walks}
        assert names == {("ada", "grace", "joan")}


def _name(user: User | Unresolved) -> str:
    if isinstance(user, User):
        return user.id
    return f"unresolved {user.recipient or user.cluster}"


def _address(user: User | Unresolved) -> str | None:
    return user.address("emailaddress") if isinstance(user, User) else None
