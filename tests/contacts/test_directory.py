"""Contacts and their lists, as a host makes, changes and finds them."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Messenger, SendMessage, text, to
from messaging_core.contacts.directory import MEMBERS_AT_ONCE
from messaging_core.errors import (
    ContactConflictError,
    InvalidQueryError,
    InvalidRequestError,
    UnknownContactError,
    UnknownListError,
)
from messaging_core.models import (
    Contact,
    ContactChanges,
    ContactIdentifier,
    ContactListQuery,
    ContactQuery,
    Identifier,
    NewContact,
    Strategy,
)
from messaging_core.testing import ManualClock, RecordingTransport, a_channel

NUMBER, OTHER_NUMBER, ADDRESS = "+31612345678", "+31612345679", "ada@receiver.example"
KEYS = {NUMBER: "phonenumber", OTHER_NUMBER: "phonenumber", ADDRESS: "emailaddress"}
OTHER_WORKSPACE = UUID(int=7)


def identifier(value: str) -> ContactIdentifier:
    return ContactIdentifier(key=KEYS.get(value, "customer"), value=value)


def plain(value: str) -> Identifier:
    return Identifier(identifier_key=KEYS.get(value, "customer"), identifier_value=value)


def values(contact: Contact) -> list[str]:
    return [own.value for own in contact.featured_identifiers]


def codes(error: InvalidRequestError) -> list[tuple[str, str]]:
    return [(violation.path, violation.code) for violation in error.violations]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def messenger(clock: ManualClock) -> Messenger:
    return Messenger(
        storage=MemoryStorage(), channels={a_channel(): RecordingTransport()}, clock=clock
    )


def make(messenger: Messenger, *identifiers: str, **fields: Any) -> Contact:
    new = NewContact(identifiers=tuple(map(identifier, identifiers)), **fields)
    return messenger.contacts.create(new)


class TestCreating:
    def test_a_contact_has_everything_that_was_said(
        self, messenger: Messenger, clock: ManualClock
    ) -> None:
        vips = messenger.contacts.create_list("vips")

        made = make(
            messenger,
            NUMBER,
            OTHER_NUMBER,
            ADDRESS,
            id="ada",
            display_name="Ada",
            attributes={"size": 3, "tags": ["a"]},
            list_ids=(vips.id,),
            time_zone="Europe/Rome",
            locale="it-IT",
            subscriptions={"email": True, "sms": False},
        )

        assert made == Contact(
            id="ada",
            workspace_id=UUID(int=0),
            created_at=clock.now(),
            updated_at=clock.now(),
            computed_display_name="Ada",
            featured_identifiers=tuple(map(identifier, (NUMBER, OTHER_NUMBER, ADDRESS))),
            attributes={"size": 3, "tags": ["a"]},
            list_ids=(vips.id,),
            time_zone="Europe/Rome",
            locale="it-IT",
            subscriptions={"email": True, "sms": False},
        )
        assert messenger.contacts.get("ada") == made

    def test_json_will_do(self, messenger: Messenger) -> None:
        identifiers = [{"key": "phonenumber", "value": NUMBER, "properties": {"device": "old"}}]

        made = messenger.contacts.create({"displayName": "Ada", "identifiers": identifiers})

        assert (made.computed_display_name, values(made)) == ("Ada", [NUMBER])
        with pytest.raises(InvalidRequestError) as raised:
            messenger.contacts.create({"display_name": "Ada", "listIds": ["x"]})
        assert sorted(codes(raised.value)) == [
            ("/display_name", "wire.unknown_key"),
            ("/listIds/0", "wire.uuid"),
        ]

    def test_a_message_to_the_identifier_goes_to_the_contact(self, messenger: Messenger) -> None:
        made = make(messenger, NUMBER)

        message = messenger.send("orders", SendMessage(receiver=to(NUMBER), body=text("hi")))

        assert message.receiver.contacts[0].id == made.id

    def test_identifiers_of_others_and_unknown_lists_are_refused(
        self, messenger: Messenger
    ) -> None:
        other = make(messenger, NUMBER)

        with pytest.raises(ContactConflictError) as raised:
            make(messenger, ADDRESS, NUMBER)

        assert raised.value.identifiers == (plain(NUMBER),)
        assert raised.value.contact_ids == (other.id,)
        assert codes(raised.value) == [("/identifiers/1", "contact.identifier_taken")]
        assert NUMBER not in str(raised.value)
        with pytest.raises(ContactConflictError) as raised:
            make(messenger, id=other.id)
        assert codes(raised.value) == [("/id", "contact.id_taken")]
        with pytest.raises(InvalidRequestError) as unknown:
            make(messenger, ADDRESS, list_ids=(uuid4(),))
        assert codes(unknown.value) == [("/listIds/0", "contact.unknown_list")]
        assert len(messenger.contacts.find().results) == 1

    def test_two_workspaces_may_know_one_person(self, messenger: Messenger) -> None:
        mine = make(messenger, NUMBER, id="ada")

        other = messenger.contacts.create(
            NewContact(id="ada", identifiers=(identifier(NUMBER),)), workspace=OTHER_WORKSPACE
        )

        assert other.workspace_id == OTHER_WORKSPACE
        assert messenger.contacts.get("ada") == mine


class TestUpdating:
    def test_what_is_named_changes_and_nothing_else(
        self, messenger: Messenger, clock: ManualClock
    ) -> None:
        first, second = (messenger.contacts.create_list(name) for name in ("first", "second"))
        made = make(
            messenger,
            NUMBER,
            ADDRESS,
            display_name="Ada",
            attributes={"size": 3, "colour": "red"},
            list_ids=(first.id,),
            time_zone="Europe/Rome",
            locale="it",
            subscriptions={"email": True, "sms": True},
        )
        clock.advance(timedelta(hours=1))

        changed = messenger.contacts.update(
            made.id,
            ContactChanges(
                add_identifiers=(identifier(OTHER_NUMBER), identifier(ADDRESS)),
                remove_identifiers=(plain(NUMBER), plain("unknown")),
                add_to_lists=(second.id,),
                remove_from_lists=(first.id,),
                attributes={"size": 4, "colour": None, "new": [True]},
                time_zone="",
                subscriptions={"sms": None, "push": False},
            ),
        )

        assert values(changed) == [ADDRESS, OTHER_NUMBER]
        assert changed.attributes == {"size": 4, "new": [True]}
        assert changed.subscriptions == {"email": True, "push": False}
        assert (changed.time_zone, changed.locale) == (None, "it")
        assert changed.computed_display_name == "Ada"
        assert changed.list_ids == (second.id,)
        assert changed.updated_at == clock.now() == changed.created_at + timedelta(hours=1)
        assert messenger.contacts.get(made.id) == changed

    def test_an_identifier_that_was_removed_is_free(self, messenger: Messenger) -> None:
        ada, bob = make(messenger, NUMBER), make(messenger, ADDRESS)
        take = ContactChanges(add_identifiers=(identifier(NUMBER),))

        with pytest.raises(ContactConflictError) as raised:
            messenger.contacts.update(bob.id, take)
        messenger.contacts.update(ada.id, ContactChanges(remove_identifiers=(plain(NUMBER),)))
        changed = messenger.contacts.update(bob.id, take)

        assert codes(raised.value) == [("/addIdentifiers/0", "contact.identifier_taken")]
        assert values(changed) == [ADDRESS, NUMBER]

    def test_nothing_changes_when_anything_is_wrong(self, messenger: Messenger) -> None:
        made = make(messenger, NUMBER, locale="it")

        for changes in (
            ContactChanges(locale="nl", add_to_lists=(uuid4(),)),
            ContactChanges(locale="nl", time_zone="Mars/Olympus"),
            ContactChanges(locale="nl", add_identifiers=(identifier("+1"), identifier("x\n"))),
            ContactChanges(locale="nl", attributes={"x": {"y": 1}}),
        ):
            with pytest.raises(InvalidRequestError):
                messenger.contacts.update(made.id, changes)

        assert messenger.contacts.get(made.id) == made

    def test_a_contact_does_not_grow_without_bound(self, messenger: Messenger) -> None:
        made = make(messenger, *(f"c{number}" for number in range(100)))

        with pytest.raises(InvalidRequestError) as raised:
            messenger.contacts.update(made.id, ContactChanges(add_identifiers=(identifier("new"),)))

        assert codes(raised.value) == [("/addIdentifiers", "contact.too_many_identifiers")]

    def test_an_unknown_contact_is_not_changed(self, messenger: Messenger) -> None:
        made = make(messenger, NUMBER)

        with pytest.raises(UnknownContactError, match="unknown"):
            messenger.contacts.update("unknown", ContactChanges())
        with pytest.raises(UnknownContactError):
            messenger.contacts.update(made.id, ContactChanges(), workspace=OTHER_WORKSPACE)


class TestNames:
    def test_the_names_of_those_who_have_one_are_read_together(self, messenger: Messenger) -> None:
        ada = messenger.contacts.create(NewContact(id="ada", display_name="Ada"))
        messenger.contacts.create(NewContact(id="no-name"))
        messenger.contacts.create(NewContact(id="far", display_name="F"), workspace=OTHER_WORKSPACE)

        names = messenger.contacts.names([ada.id, "no-name", "far", "unknown", ada.id])

        assert names == {"ada": "Ada"}


class TestUpdatingOrCreating:
    def test_an_unknown_contact_is_created_with_all_identifiers(self, messenger: Messenger) -> None:
        for number, strategy in enumerate(Strategy):
            changes = ContactChanges(add_identifiers=(identifier(f"also{number}"),), locale="nl")

            made = messenger.contacts.update_or_create(
                "customer", f"c{number}", changes, strategy=strategy
            )

            assert (values(made), made.locale) == ([f"c{number}", f"also{number}"], "nl")

    def test_a_known_contact_is_changed(self, messenger: Messenger) -> None:
        made = make(messenger, NUMBER, locale="it")

        changed = messenger.contacts.update_or_create(
            "phonenumber", NUMBER, ContactChanges(locale="nl")
        )

        assert (changed.id, changed.locale, values(changed)) == (made.id, "nl", [NUMBER])
        assert messenger.contacts.update_or_create("phonenumber", NUMBER) == changed

    def test_the_others_become_aliases_unless_only_the_first_counts(
        self, messenger: Messenger
    ) -> None:
        by_strategy = {}
        for strategy in Strategy:
            value = f"known {strategy}"
            make(messenger, value)
            changes = ContactChanges(
                add_identifiers=(identifier(value), identifier(f"new {strategy}"))
            )
            changed = messenger.contacts.update_or_create(
                "customer", f"first {strategy}", changes, strategy=strategy.value
            )
            by_strategy[strategy] = [value.split()[0] for value in values(changed)]

        assert by_strategy == {
            Strategy.STRICT_ALIAS: ["known", "first", "new"],
            Strategy.FIRST_ALIAS: ["known", "first", "new"],
            Strategy.FIRST: ["known"],
        }

    def test_identifiers_of_two_contacts_are_a_conflict_or_the_first_wins(
        self, messenger: Messenger
    ) -> None:
        ada, bob = make(messenger, NUMBER), make(messenger, ADDRESS)
        changes = ContactChanges(
            add_identifiers=(identifier(ADDRESS), identifier("new")), locale="nl"
        )

        with pytest.raises(ContactConflictError) as raised:
            messenger.contacts.update_or_create("phonenumber", NUMBER, changes)
        unchanged = messenger.contacts.get(ada.id)
        first = messenger.contacts.update_or_create(
            "phonenumber", NUMBER, changes, strategy="first_alias"
        )

        assert codes(raised.value) == [("/addIdentifiers/0", "contact.identifier_taken")]
        assert raised.value.identifiers == (plain(ADDRESS),)
        assert unchanged == ada
        assert (first.id, values(first), first.locale) == (ada.id, [NUMBER, "new"], "nl")
        assert messenger.contacts.get(bob.id) == bob

    def test_identifiers_that_are_none_are_refused(self, messenger: Messenger) -> None:
        with pytest.raises(InvalidRequestError) as raised:
            messenger.contacts.update_or_create("phonenumber", "0612345678")
        assert codes(raised.value) == [("/value", "receiver.not_e164")]
        with pytest.raises(ValueError, match="second"):
            messenger.contacts.update_or_create("customer", "1", strategy="second")


class TestFindingAndDeleting:
    def test_contacts_are_found_page_by_page(self, messenger: Messenger) -> None:
        made = [make(messenger, f"c{number}") for number in range(5)]

        first = messenger.contacts.find(ContactQuery(limit=3))
        rest = messenger.contacts.find(ContactQuery(page_token=first.next_page_token))

        assert [*first.results, *rest.results] == made
        page = messenger.contacts.find(ContactQuery(identifier=plain("c3")))
        assert page.results == [made[3]]

    def test_a_wrong_listing_is_refused(self, messenger: Messenger) -> None:
        for query in (
            ContactQuery(limit=0),
            ContactQuery(limit=1001),
            ContactQuery(page_token="x" * 8001),
            ContactQuery(limit="many"),  # type: ignore[arg-type]
        ):
            with pytest.raises(InvalidQueryError):
                messenger.contacts.find(query)
        with pytest.raises(InvalidQueryError):
            messenger.contacts.lists(ContactListQuery(limit=0))

    def test_a_deleted_contact_is_unknown_and_comes_back_as_a_new_one(
        self, messenger: Messenger
    ) -> None:
        made = make(messenger, NUMBER, locale="it")

        messenger.contacts.delete(made.id)

        for call in (messenger.contacts.get, messenger.contacts.delete):
            with pytest.raises(UnknownContactError):
                call(made.id)
        again = messenger.contacts.update_or_create("phonenumber", NUMBER)
        assert (again.id == made.id, again.locale) == (False, None)


class TestLists:
    def test_lists_are_made_found_and_deleted(self, messenger: Messenger) -> None:
        vips = messenger.contacts.create_list("vips", description="who spends")
        staff = messenger.contacts.create_list("staff")

        assert messenger.contacts.get_list(vips.id) == vips
        assert messenger.contacts.lists().results == [staff, vips]
        messenger.contacts.delete_list(vips.id)
        for call in (messenger.contacts.get_list, messenger.contacts.delete_list):
            with pytest.raises(UnknownListError, match=str(vips.id)):
                call(vips.id)
        for change in (messenger.contacts.add_to_list, messenger.contacts.remove_from_list):
            with pytest.raises(UnknownListError):
                change(vips.id, ["ada"])
        with pytest.raises(UnknownListError):
            messenger.contacts.members(vips.id)

    def test_a_name_is_of_one_list_in_its_workspace(self, messenger: Messenger) -> None:
        messenger.contacts.create_list("vips")

        messenger.contacts.create_list("vips", workspace=OTHER_WORKSPACE)
        with pytest.raises(InvalidRequestError) as taken:
            messenger.contacts.create_list("vips")
        with pytest.raises(InvalidRequestError) as short:
            messenger.contacts.create_list("v")

        assert codes(taken.value) == [("/name", "list.name_taken")]
        assert codes(short.value) == [("/name", "list.name_too_short")]

    def test_contacts_join_and_leave_by_id_and_identifier(self, messenger: Messenger) -> None:
        vips = messenger.contacts.create_list("vips")
        ada, bob, eve = (make(messenger, value) for value in (NUMBER, ADDRESS, "c"))

        joined = messenger.contacts.add_to_list(
            vips.id, [ada.id, "unknown"], identifiers=[plain(ADDRESS), plain("c"), plain("d")]
        )
        left = messenger.contacts.remove_from_list(
            vips.id, [bob.id], identifiers=[plain(ADDRESS), plain("d")]
        )

        assert (joined, left) == (3, 1)
        assert [member.id for member in messenger.contacts.members(vips.id)] == [ada.id, eve.id]
        assert messenger.contacts.get(ada.id).list_ids == (vips.id,)

    def test_a_large_list_is_read_in_short_transactions(self, messenger: Messenger) -> None:
        vips = messenger.contacts.create_list("vips")
        count = MEMBERS_AT_ONCE + 5
        with messenger.storage.begin() as tx:
            identifiers = [plain(f"c{number:05}") for number in range(count)]
            numbers = iter(range(count))
            ids = tx.contacts.ensure(
                vips.workspace_id,
                identifiers,
                now=vips.created_at,
                new_id=lambda: f"{next(numbers):05}",
            )
        messenger.contacts.add_to_list(vips.id, ids)

        walk = messenger.contacts.members(vips.id)
        first = next(walk)
        make(messenger, "meanwhile")

        assert [first.id, *(member.id for member in walk)] == ids


class TestTheHostsTransaction:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "messages.db"

    @pytest.fixture
    def durable(self, path: Path) -> Iterator[Messenger]:
        with SqliteStorage(path) as storage:
            yield Messenger(storage=storage, channels={a_channel(): RecordingTransport()})

    def test_contacts_and_lists_are_made_within_it_or_not_at_all(
        self, durable: Messenger, path: Path
    ) -> None:
        connection = sqlite3.connect(path)
        try:
            for end in (connection.rollback, connection.commit):
                connection.execute("BEGIN IMMEDIATE")
                vips = durable.contacts.create_list("vips", connection=connection)
                made = durable.contacts.create(
                    NewContact(identifiers=(identifier(NUMBER),)), connection=connection
                )
                durable.contacts.add_to_list(vips.id, [made.id], connection=connection)
                end()
                list_ids = [contact.list_ids for contact in durable.contacts.find().results]
                expected = [] if end == connection.rollback else [(vips.id,)]
                assert list_ids == expected
        finally:
            connection.close()
