"""What every storage promises about contacts and the lists they are on."""
# ruff: noqa: S101, D102 - asserts, names that are sentences, literal expectations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

from attrs import evolve

from messaging_core.errors import InvalidQueryError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.page import Page
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.directory import ContactList, ContactListQuery, ContactQuery
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.builders import A_NUMBER, AN_ADDRESS, a_contact, a_contact_list
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import AT, MICROSECOND, MOST_PAGES, raised

_NUMBER: Final = Identifier(identifier_key="phonenumber", identifier_value=A_NUMBER)
_ADDRESS: Final = Identifier(identifier_key="emailaddress", identifier_value=AN_ADDRESS)


def keep(storage: Storage, *records: Contact | ContactList) -> None:
    """Keep contacts and lists."""
    with storage.begin() as tx:
        for record in records:
            if isinstance(record, Contact):
                tx.contacts.save(record)
            else:
                tx.lists.save(record)


def contact_of(storage: Storage, contact_id: str) -> Contact | None:
    """Return a contact as it is now."""
    with storage.begin(read_only=True) as tx:
        return tx.contacts.get(DEFAULT_WORKSPACE, contact_id)


def owners(storage: Storage, *identifiers: Identifier) -> dict[Identifier, str]:
    """Return who has identifiers."""
    with storage.begin(read_only=True) as tx:
        return dict(tx.contacts.by_identifiers(DEFAULT_WORKSPACE, identifiers))


def join(storage: Storage, contact_list: ContactList, *contact_ids: str) -> int:
    """Put contacts on a list."""
    with storage.begin() as tx:
        return tx.lists.add_members(contact_list.workspace_id, contact_list.id, contact_ids)


def members(storage: Storage, *lists: ContactList, limit: int = 2) -> list[str]:
    """Return the ids of all members of some lists, reading a few at a time."""
    contact_ids: list[str] = []
    with storage.begin(read_only=True) as tx:
        for _ in range(MOST_PAGES):
            after = contact_ids[-1] if contact_ids else None
            list_ids = [contact_list.id for contact_list in lists]
            page = tx.lists.members(DEFAULT_WORKSPACE, list_ids, after=after, limit=limit)
            assert len(page) <= limit
            contact_ids += [contact.id for contact in page]
            if len(page) < limit:
                return contact_ids
    raise AssertionError("the walk does not end")


def find_contacts(storage: Storage, **query: Any) -> Page[Contact]:
    """Return one page of contacts."""
    with storage.begin(read_only=True) as tx:
        return tx.contacts.find(ContactQuery(**query))


def walk_contacts(storage: Storage, **query: Any) -> list[Contact]:
    """Return all contacts of a listing."""
    contacts: list[Contact] = []
    for _ in range(MOST_PAGES):
        page = find_contacts(storage, **query)
        contacts += page.results
        if page.next_page_token is None:
            return contacts
        query["page_token"] = page.next_page_token
    raise AssertionError("the walk does not end")


def _ids(contacts: Iterable[Contact]) -> list[str]:
    return [contact.id for contact in contacts]


class KnownContactsContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_contact_comes_back_as_it_was_saved(self) -> None:
        storage = self.make_storage()
        contact = a_contact(
            "ada",
            A_NUMBER,
            AN_ADDRESS,
            updated_at=AT + MICROSECOND,
            computed_display_name="Ada Lovelace é",
            attributes={"vip": True, "size": 3.5, "tags": ["a", "b"]},
            account_ids=(UUID(int=5),),
            time_zone="Europe/Amsterdam",
            locale="nl-NL",
            subscriptions={"sms": False, "email": True},
        )

        keep(storage, contact)

        assert contact_of(storage, "ada") == contact
        assert owners(storage, _NUMBER, _ADDRESS) == {_NUMBER: "ada", _ADDRESS: "ada"}

    def test_saving_replaces_what_was_there_and_frees_what_it_has_no_more(self) -> None:
        storage = self.make_storage()
        keep(storage, a_contact("ada", A_NUMBER, AN_ADDRESS, time_zone="Europe/Rome"))

        keep(storage, a_contact("ada", AN_ADDRESS))
        keep(storage, a_contact("bob", A_NUMBER))

        assert contact_of(storage, "ada") == a_contact("ada", AN_ADDRESS)
        assert owners(storage, _NUMBER, _ADDRESS) == {_NUMBER: "bob", _ADDRESS: "ada"}

    def test_contacts_that_are_added_together_come_back_as_saved_ones_do(self) -> None:
        storage = self.make_storage()
        ada = a_contact("ada", AN_ADDRESS, "+31612345679", list_ids=(uuid4(),))
        bob = a_contact("bob", A_NUMBER)

        with storage.begin() as tx:
            tx.contacts.add([])
            tx.contacts.add([ada, bob])
            owners = tx.contacts.by_identifiers(DEFAULT_WORKSPACE, [_ADDRESS, _NUMBER])

        assert contact_of(storage, "ada") == evolve(ada, list_ids=())
        assert contact_of(storage, "bob") == bob
        assert owners == {_ADDRESS: "ada", _NUMBER: "bob"}

    def test_a_message_goes_to_the_contact_that_was_saved(self) -> None:
        storage = self.make_storage()
        keep(storage, a_contact("ada", A_NUMBER))

        with storage.begin() as tx:
            contact_ids = tx.contacts.ensure(
                DEFAULT_WORKSPACE, [_ADDRESS, _NUMBER], now=AT, new_id=lambda: "new"
            )

        assert contact_ids == ["new", "ada"]
        made = contact_of(storage, "new")
        assert made == a_contact("new", AN_ADDRESS)

    def test_only_identifiers_of_contacts_are_found(self) -> None:
        storage = self.make_storage()
        keep(storage, a_contact("ada", "ada@x.example"))
        strange = [
            Identifier(identifier_key=key, identifier_value=value)
            for key, value in [
                ("emailaddress", "Ada@y.example"),
                ("phonenumber", "ada@x.example"),
                ("\ud800", "\ud800"),
                ("", ""),
            ]
        ]

        assert owners(storage, *strange) == {}
        assert owners(storage) == {}
        with storage.begin(read_only=True) as tx:
            (own,) = (Identifier(identifier_key="emailaddress", identifier_value="ada@x.example"),)
            assert tx.contacts.by_identifiers(OTHER_WORKSPACE, [own]) == {}

    def test_spellings_of_one_address_lead_to_one_contact(self) -> None:
        storage, new = self.make_storage(), iter("abcdef")
        spellings = {
            key: [Identifier(identifier_key=key, identifier_value=value) for value in values]
            for key, values in {
                "emailaddress": ["Ada@x.example", "ada@X.EXAMPLE", " ADA@x.example"],
                "phonenumber": ["+5491123456789", "+541123456789", "0054 11 2345-6789"],
                "customer": ["A", "a"],
            }.items()
        }
        every = [spelling for its in spellings.values() for spelling in its]

        with storage.begin() as tx:
            made = tx.contacts.ensure(DEFAULT_WORKSPACE, every, now=AT, new_id=lambda: next(new))
            again = tx.contacts.ensure(DEFAULT_WORKSPACE, every, now=AT, new_id=lambda: next(new))

        assert made == again == ["a", "a", "a", "b", "b", "b", "c", "d"]
        assert owners(storage, *every) == dict(zip(every, made, strict=True))
        assert contact_of(storage, "a") == a_contact("a", "Ada@x.example")
        assert _ids(walk_contacts(storage, identifier=spellings["emailaddress"][1])) == ["a"]

    def test_a_saved_contact_may_be_spelt_in_several_ways(self) -> None:
        storage = self.make_storage()
        contact = a_contact("ada", "Ada@x.example", "ada@x.example")

        keep(storage, contact)
        keep(storage, evolve(contact, featured_identifiers=contact.featured_identifiers[1:]))

        (own,) = (Identifier(identifier_key="emailaddress", identifier_value="ADA@x.example"),)
        assert owners(storage, own) == {own: "ada"}
        assert contact_of(storage, "ada") == a_contact("ada", "ada@x.example")

    def test_a_deleted_contact_leaves_nothing(self) -> None:
        storage, vips = self.make_storage(), a_contact_list()
        keep(storage, vips, a_contact("ada", A_NUMBER), a_contact("bob", AN_ADDRESS))
        join(storage, vips, "ada", "bob")

        with storage.begin() as tx:
            foreign = tx.contacts.delete(OTHER_WORKSPACE, "ada")
            first = tx.contacts.delete(DEFAULT_WORKSPACE, "ada")
            second = tx.contacts.delete(DEFAULT_WORKSPACE, "ada")

        assert (foreign, first, second) == (False, True, False)
        assert contact_of(storage, "ada") is None
        assert owners(storage, _NUMBER, _ADDRESS) == {_ADDRESS: "bob"}
        assert members(storage, vips) == ["bob"]
        keep(storage, a_contact("ada", A_NUMBER))
        assert contact_of(storage, "ada") == a_contact("ada", A_NUMBER)

    def test_a_contact_knows_the_lists_that_it_is_on(self) -> None:
        storage = self.make_storage()
        first, second = (a_contact_list(name, id=UUID(int=9 - place)) for place, name in _NAMES)
        contact = a_contact("ada", A_NUMBER, list_ids=(UUID(int=99),))
        keep(storage, first, second, contact)

        join(storage, first, "ada")
        join(storage, second, "ada")

        stored = contact_of(storage, "ada")
        assert stored == evolve(contact, list_ids=(second.id, first.id))
        keep(storage, evolve(contact, list_ids=()))
        assert contact_of(storage, "ada") == stored

    def test_contacts_are_listed_in_the_order_of_their_ids(self) -> None:
        storage = self.make_storage()
        names = ["b", "a10", "a9", "B", "é", "\U0001f600", "\uffee", " "]
        keep(storage, *(a_contact(name) for name in names))
        keep(storage, a_contact("other", workspace_id=OTHER_WORKSPACE))

        for limit in (1, 3, 8, 1000):
            assert _ids(walk_contacts(storage, limit=limit)) == sorted(names)
        assert find_contacts(storage, limit=8).next_page_token is None

    def test_contacts_are_found_by_identifier_and_by_list(self) -> None:
        storage, vips = self.make_storage(), a_contact_list()
        keep(storage, vips, *(a_contact(f"c{number}", f"n{number}") for number in range(9)))
        join(storage, vips, "c1", "c3", "c5")
        on_list, off_list = (
            Identifier(identifier_key="customer", identifier_value=value) for value in ("n3", "n4")
        )

        contacts = {
            "list": _ids(walk_contacts(storage, list_id=vips.id, limit=2)),
            "identifier": _ids(walk_contacts(storage, identifier=off_list)),
            "both": _ids(walk_contacts(storage, identifier=on_list, list_id=vips.id)),
            "not both": _ids(walk_contacts(storage, identifier=off_list, list_id=vips.id)),
            "no contact": _ids(walk_contacts(storage, identifier=_NUMBER)),
            "no list": _ids(walk_contacts(storage, list_id=uuid4())),
            "elsewhere": _ids(walk_contacts(storage, list_id=vips.id, workspace=OTHER_WORKSPACE)),
        }

        assert contacts == {
            "list": ["c1", "c3", "c5"],
            "identifier": ["c4"],
            "both": ["c3"],
            "not both": [],
            "no contact": [],
            "no list": [],
            "elsewhere": [],
        }

    def test_a_listing_of_contacts_takes_its_own_page_tokens_only(self) -> None:
        storage, vips = self.make_storage(), a_contact_list()
        keep(storage, vips, a_contact("ada"), a_contact("bob"))
        token = find_contacts(storage, limit=1).next_page_token

        assert token is not None
        assert _ids(find_contacts(storage, limit=5, page_token=token).results) == ["bob"]
        for query in (
            {"list_id": vips.id, "page_token": token},
            {"identifier": _NUMBER, "page_token": token},
            {"workspace": OTHER_WORKSPACE, "page_token": token},
            {"page_token": "x"},
            {"page_token": "AAAAAAAAAABbMV0"},
            {"page_token": token[:-1]},
        ):
            error = raised(InvalidQueryError, partial(find_contacts, storage, **query))
            assert error.violations[0].path == "/pageToken"


class ContactListsContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_list_comes_back_as_it_was_saved(self) -> None:
        storage = self.make_storage()
        vips = a_contact_list(description="who spends é", updated_at=AT + MICROSECOND)

        keep(storage, vips)

        with storage.begin(read_only=True) as tx:
            assert tx.lists.get(DEFAULT_WORKSPACE, vips.id) == vips
            assert tx.lists.get(OTHER_WORKSPACE, vips.id) is None
            assert tx.lists.get(DEFAULT_WORKSPACE, uuid4()) is None

    def test_a_list_is_found_by_its_name_and_by_its_new_name(self) -> None:
        storage, vips, others = self.make_storage(), a_contact_list(), a_contact_list("others")
        keep(storage, vips, others)

        keep(storage, evolve(vips, name="big spenders"))

        names = ["vips", "big spenders", "others", "Others", "", "\ud800"]
        with storage.begin(read_only=True) as tx:
            lists = tx.lists.by_names(DEFAULT_WORKSPACE, names)
            assert tx.lists.by_names(OTHER_WORKSPACE, names) == {}
            assert tx.lists.by_names(DEFAULT_WORKSPACE, []) == {}
        assert lists == {"big spenders": vips.id, "others": others.id}

    def test_lists_are_listed_in_the_order_of_their_names(self) -> None:
        storage, names = self.make_storage(), ["bb", "a10", "a9", "Bé"]
        keep(storage, *(a_contact_list(name) for name in names))
        keep(storage, a_contact_list("elsewhere", workspace_id=OTHER_WORKSPACE))

        listed: list[str] = []
        query: ContactListQuery | None = ContactListQuery(limit=3)
        with storage.begin(read_only=True) as tx:
            while query:
                page = tx.lists.find(query)
                listed += [contact_list.name for contact_list in page.results]
                token = page.next_page_token
                query = evolve(query, page_token=token) if token else None
            foreign = ContactListQuery(page_token="x")  # noqa: S106 - no secret
            raised(InvalidQueryError, lambda: tx.lists.find(foreign))
        assert listed == sorted(names)

    def test_joining_counts_who_is_new_and_passes_over_who_is_not_there(self) -> None:
        storage, vips = self.make_storage(), a_contact_list()
        keep(storage, vips, a_contact("ada"), a_contact("bob"))
        keep(storage, a_contact("eve", workspace_id=OTHER_WORKSPACE))

        counts = [
            join(storage, vips, "ada", "unknown", "ada", "eve", "\ud800"),
            join(storage, vips, "ada", "bob"),
            join(storage, a_contact_list("unknown"), "ada"),
            join(storage, evolve(vips, workspace_id=OTHER_WORKSPACE), "ada", "eve"),
            join(storage, vips),
        ]

        assert counts == [1, 1, 0, 0, 0]
        assert members(storage, vips) == ["ada", "bob"]

    def test_leaving_counts_who_was_there(self) -> None:
        storage, vips = self.make_storage(), a_contact_list()
        keep(storage, vips, a_contact("ada"), a_contact("bob"))
        join(storage, vips, "ada", "bob")

        with storage.begin() as tx:
            foreign = tx.lists.remove_members(OTHER_WORKSPACE, vips.id, ["ada"])
            own = tx.lists.remove_members(
                DEFAULT_WORKSPACE, vips.id, ["ada", "ada", "unknown", "\ud800"]
            )

        assert (foreign, own) == (0, 1)
        assert members(storage, vips) == ["bob"]
        assert contact_of(storage, "ada") == a_contact("ada")

    def test_members_of_several_lists_come_once_in_the_order_of_their_ids(self) -> None:
        storage = self.make_storage()
        even, third, empty = (a_contact_list(name) for name in ("even", "third", "empty"))
        names = [f"c{number:02}" for number in range(30)]
        keep(storage, even, third, empty, *(a_contact(name) for name in names))
        join(storage, even, *names[::2])
        join(storage, third, *reversed(names[::3]))

        for limit in (1, 2, 7, 100):
            both = members(storage, third, even, empty, third, limit=limit)
            assert both == [
                name for place, name in enumerate(names) if not place % 2 or not place % 3
            ]
            assert members(storage, third, limit=limit) == names[::3]
        assert members(storage, empty) == members(storage, a_contact_list("no")) == []
        assert members(storage) == []

    def test_members_come_with_everything_that_is_known_of_them(self) -> None:
        storage, vips, others = self.make_storage(), a_contact_list(), a_contact_list("others")
        contact = a_contact("ada", A_NUMBER, locale="nl", subscriptions={"sms": True})
        keep(storage, vips, others, contact)
        join(storage, vips, "ada")
        join(storage, others, "ada")

        with storage.begin(read_only=True) as tx:
            contacts = tx.lists.members(DEFAULT_WORKSPACE, [vips.id], after=None, limit=5)
            elsewhere = tx.lists.members(OTHER_WORKSPACE, [vips.id], after=None, limit=5)

        assert contacts == [evolve(contact, list_ids=tuple(sorted((vips.id, others.id))))]
        assert elsewhere == []

    def test_a_deleted_list_leaves_its_contacts(self) -> None:
        storage, vips, others = self.make_storage(), a_contact_list(), a_contact_list("others")
        keep(storage, vips, others, a_contact("ada"))
        join(storage, vips, "ada")
        join(storage, others, "ada")

        with storage.begin() as tx:
            foreign = tx.lists.delete(OTHER_WORKSPACE, vips.id)
            first = tx.lists.delete(DEFAULT_WORKSPACE, vips.id)
            second = tx.lists.delete(DEFAULT_WORKSPACE, vips.id)

        assert (foreign, first, second) == (False, True, False)
        assert contact_of(storage, "ada") == a_contact("ada", list_ids=(others.id,))
        keep(storage, evolve(vips, id=uuid4()))
        keep(storage, evolve(vips, name="again"))
        assert members(storage, vips) == []

    def test_what_was_done_to_the_directory_is_rolled_back(self) -> None:
        storage, vips, others = self.make_storage(), a_contact_list(), a_contact_list("others")
        ada, bob = a_contact("ada", A_NUMBER), a_contact("bob", AN_ADDRESS)
        keep(storage, vips, others, ada, bob)
        join(storage, vips, "ada", "bob")

        def block() -> None:
            with storage.begin() as tx:
                tx.contacts.delete(DEFAULT_WORKSPACE, "bob")
                tx.contacts.save(a_contact("ada", AN_ADDRESS, locale="nl"))
                tx.contacts.save(a_contact("new", A_NUMBER))
                tx.lists.add_members(DEFAULT_WORKSPACE, others.id, ["ada", "new"])
                tx.lists.remove_members(DEFAULT_WORKSPACE, vips.id, ["ada"])
                tx.lists.delete(DEFAULT_WORKSPACE, vips.id)
                tx.lists.save(evolve(others, name="vips"))
                raise KeyError

        raised(KeyError, block)

        assert owners(storage, _NUMBER, _ADDRESS) == {_NUMBER: "ada", _ADDRESS: "bob"}
        assert walk_contacts(storage) == [
            evolve(contact, list_ids=(vips.id,)) for contact in (ada, bob)
        ]
        assert (members(storage, vips), members(storage, others)) == (["ada", "bob"], [])
        with storage.begin(read_only=True) as tx:
            lists = tx.lists.by_names(DEFAULT_WORKSPACE, ["vips", "others"])
        assert lists == {"vips": vips.id, "others": others.id}


_NAMES: Final = tuple(enumerate(("first", "second")))
