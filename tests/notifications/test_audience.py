"""Whom recipients and clusters mean, among our own contacts and in a host's records."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger
from messaging_core.errors import ConfigurationError
from messaging_core.models import (
    ContactIdentifier,
    Identifier,
    NewContact,
    Unresolved,
    User,
    UserFields,
)
from messaging_core.notifications.audience import AT_ONCE, ContactAudience, Find, MappedAudience
from messaging_core.ports.audience import Audience
from messaging_core.wire import load

CLUSTERS = ("vips", "staff", "empty")
Record = Mapping[str, Any]


def resolve(audience: Audience, recipients: Iterable[str], clusters: Iterable[str]) -> list[str]:
    """Return the ids of users in order, and what is not there with a question mark."""
    people = audience.resolve(list(recipients), list(clusters))
    return [
        person.id if isinstance(person, User) else f"{person.recipient or person.cluster}?"
        for person in people
    ]


def finder(records: Sequence[Record]) -> Find:
    def find(field: str, values: Sequence[str]) -> Iterator[Record]:
        for record in records:
            held = record.get(field)
            several = held if isinstance(held, list) else [held]
            if any(value in values for value in several):
                yield record

    return find


def our_own(people: Mapping[str, Sequence[str]]) -> Audience:
    messenger = Messenger(storage=MemoryStorage(), channels={})
    lists = {name: messenger.contacts.create_list(name) for name in CLUSTERS}
    for name, clusters in people.items():
        ids = tuple(lists[cluster].id for cluster in clusters)
        messenger.contacts.create(NewContact(id=name, list_ids=ids))
    return ContactAudience(messenger.storage)


def the_host_s(people: Mapping[str, Sequence[str]]) -> Audience:
    records = [{"_id": name, "clusters": list(clusters)} for name, clusters in people.items()]
    return MappedAudience(finder(records))


@pytest.mark.parametrize("audience_of", [our_own, the_host_s])
class TestEveryAudience:
    def test_recipients_and_clusters_are_joined_and_no_user_comes_twice(
        self, audience_of: Any
    ) -> None:
        audience = audience_of(
            {"ada": ["vips", "staff"], "bob": ["staff"], "eve": [], "zoe": ["vips"]}
        )

        assert sorted(resolve(audience, ["eve", "ada", "eve"], [])) == ["ada", "eve"]
        assert resolve(audience, [], ["vips", "staff", "vips"]) == ["ada", "bob", "zoe"]
        both = resolve(audience, ["zoe", "eve"], ["staff"])
        assert (sorted(both[:2]), both[2:]) == (["eve", "zoe"], ["ada", "bob"])

    def test_no_user_at_all_is_no_error(self, audience_of: Any) -> None:
        audience = audience_of({"ada": ["vips"]})

        assert resolve(audience, [], []) == []
        assert resolve(audience, [], ["empty"]) == []

    def test_unknown_recipients_are_reported_and_stop_no_other(self, audience_of: Any) -> None:
        audience = audience_of({"ada": ["vips"], "bob": []})

        people = list(audience.resolve(["ghost", "bob"], ["vips"]))

        assert Unresolved(recipient="ghost") in people
        assert sorted(person.id for person in people if isinstance(person, User)) == ["ada", "bob"]

    def test_recipients_of_any_number_are_found(self, audience_of: Any) -> None:
        names = [f"c{number:03}" for number in range(2 * AT_ONCE + 1)]
        audience = audience_of({name: ["vips"] for name in names})

        assert resolve(audience, names, ["vips"]) == names

    @given(
        people=st.dictionaries(
            st.sampled_from("abcdef"), st.lists(st.sampled_from(CLUSTERS[:2]), unique=True)
        ),
        recipients=st.lists(st.sampled_from("abcdefxy")),
        clusters=st.lists(st.sampled_from(CLUSTERS)),
    )
    def test_it_is_the_union_whatever_is_asked(
        self,
        audience_of: Any,
        people: dict[str, list[str]],
        recipients: list[str],
        clusters: list[str],
    ) -> None:
        answer = resolve(audience_of(people), recipients, clusters)

        in_clusters = {name for name, its in people.items() if {*its} & {*clusters}}
        meant = {name if name in people else f"{name}?" for name in recipients} | in_clusters
        assert sorted(answer) == sorted(meant)


class TestOurOwnContacts:
    def test_a_list_goes_by_its_name_or_its_id_and_an_unknown_one_is_reported(self) -> None:
        messenger = Messenger(storage=MemoryStorage(), channels={})
        vips = messenger.contacts.create_list("vips")
        messenger.contacts.create(NewContact(id="ada", list_ids=(vips.id,)))
        audience = ContactAudience(messenger.storage)

        assert resolve(audience, [], ["vips", str(vips.id)]) == ["ada"]
        assert list(audience.resolve([], ["none"])) == [Unresolved(cluster="none")]

    def test_a_user_has_what_templates_and_rules_ask_for(self) -> None:
        messenger = Messenger(storage=MemoryStorage(), channels={})
        addresses = [
            ("phonenumber", "+31612345678"),
            ("phonenumber", "+31612345679"),
            ("pushtoken", "t"),
        ]
        messenger.contacts.create(
            NewContact(
                id="ada",
                display_name="Ada",
                identifiers=tuple(
                    ContactIdentifier(key=key, value=value) for key, value in addresses
                ),
                attributes={"size": 3, "locale": "shown", "_id": "not this"},
                time_zone="Europe/Rome",
                locale="it",
            )
        )

        (user,) = ContactAudience(messenger.storage).resolve(["ada"], [])

        assert user == User(
            id="ada",
            identifiers=tuple(
                Identifier(identifier_key=key, identifier_value=value) for key, value in addresses
            ),
            record={
                "_id": "ada",
                "phoneNumber": "+31612345678",
                "deviceToken": "t",
                "displayName": "Ada",
                "timeZone": "Europe/Rome",
                "locale": "shown",
                "size": 3,
            },
            time_zone="Europe/Rome",
            locale="it",
        )


class TestTheRecordsOfAHost:
    def test_some_fields_may_be_mapped_and_the_others_keep_their_names(self) -> None:
        fields = load(UserFields, {"id": "customerNo", "clusters": "groups"})
        record = {
            "customerNo": 7,
            "_id": "not this",
            "groups": ["vips"],
            "emailAddress": "ada@x.example",
            "phoneNumber": None,
            "deviceToken": ["t1", "t2", 3, ""],
            "timeZone": "Europe/Rome",
            "size": {"shoe": 37},
        }
        audience = MappedAudience(finder([record]), fields)

        (user,) = audience.resolve([], ["vips"])

        assert isinstance(user, User)
        assert (user.id, user.time_zone, user.locale) == ("7", "Europe/Rome", None)
        assert user.record == record
        assert user.address("emailaddress") == "ada@x.example"
        assert user.address("phonenumber") is None
        assert [identifier.identifier_value for identifier in user.identifiers] == [
            "ada@x.example",
            "t1",
            "t2",
        ]

    def test_two_users_with_one_address_are_two(self) -> None:
        records = [{"_id": name, "phoneNumber": "+31612345678"} for name in ("ada", "bob")]

        assert resolve(MappedAudience(finder(records)), ["ada", "bob"], []) == ["ada", "bob"]

    def test_a_record_without_an_id_means_that_the_fields_are_wrong(self) -> None:
        audience = MappedAudience(finder([{"id": "ada", "clusters": ["vips"]}]))

        with pytest.raises(ConfigurationError, match="'_id'"):
            list(audience.resolve([], ["vips"]))

    def test_a_cursor_is_read_no_faster_than_it_is_used(self) -> None:
        read = []

        def find(_field: str, _values: Sequence[str]) -> Iterator[Record]:
            for number in range(1000):
                read.append(number)
                yield {"_id": str(number)}

        walk = MappedAudience(find).resolve([], ["vips"])
        next(walk)

        assert read == [0]
