"""Who a receiver is: whatever a request says beside an address, its owner gets the message."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, SendMessage, Worker, text
from messaging_core.errors import InvalidMessageError
from messaging_core.models import (
    Accepted,
    Contact,
    ContactChanges,
    ContactIdentifier,
    ContactQuery,
    Identifier,
    Message,
    MessageQuery,
    NewContact,
    Outcome,
    Receiver,
    ReceiverContact,
    SendRules,
    Status,
    SuppressionScope,
)
from messaging_core.models.policy.send_rules import FrequencyCap, Holdout
from messaging_core.ports.storage.directory import Contacts
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.ports.transport import Capabilities, Handoff
from messaging_core.testing import ManualClock

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
NUMBER, OTHER, MAIL = "+31612345678", "+31687654321", "Ada@Receiver.example"
OFFERS = Channel(name="offers", platform="sms", sender="Shop", message_type="promotional")
NEWS = Channel(name="news", platform="email", sender="n@shop.example", message_type="promotional")
PUSH = Channel(name="push", platform="push")
MOBILE = Channel(name="own", platform="sms", sender="Shop", identifier_key="mobile")
HELD = SendRules(holdout=Holdout(attribute="held"))
DAILY = SendRules(frequency_caps=(FrequencyCap(only_if_asked=False),))


class Provider:
    """Take everything, after something happened on the way."""

    name, capabilities = "provider", Capabilities()

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.before: Callable[[], object] = lambda: None

    def send(self, envelope: Any, handoff: Handoff) -> Outcome:
        self.before()
        handoff()
        self.sent += [receiver.value for receiver in envelope.receivers]
        return Accepted(references=("r",))


class Host:
    """A messenger, and the people it knows."""

    def __init__(self, storage: Storage, rules: SendRules | None = None) -> None:
        self.provider = Provider()
        self.clock = ManualClock(NOON)
        self.messenger = Messenger(
            storage=storage,
            channels=dict.fromkeys((OFFERS, NEWS, PUSH, MOBILE), self.provider),
            clock=self.clock,
            send_rules=rules,
        )
        self.worker = Worker(self.messenger, threads=1)

    def knows(self, contact_id: str, *identifiers: tuple[str, str], **fields: Any) -> Contact:
        made = tuple(ContactIdentifier(key=key, value=value) for key, value in identifiers)
        return self.messenger.contacts.create(NewContact(id=contact_id, identifiers=made, **fields))

    def send(self, channel: Channel = OFFERS, **contact: Any) -> Message:
        receiver = Receiver(contacts=(ReceiverContact(**contact),))
        body = text("Sale")
        return self.messenger.send(channel, SendMessage(receiver=receiver, body=body))

    def refused(self, channel: Channel = OFFERS, **contact: Any) -> list[tuple[str, str]]:
        with pytest.raises(InvalidMessageError) as raised:
            self.send(channel, **contact)
        return [(violation.path, violation.code) for violation in raised.value.violations]

    @property
    def people(self) -> list[str]:
        return [contact.id for contact in self.messenger.contacts.find(ContactQuery()).results]


Make = Callable[..., Host]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    if request.param == "memory":
        yield lambda *rules: Host(MemoryStorage(), *rules)
    else:
        with SqliteStorage(tmp_path / "messages.db") as storage:
            yield lambda *rules: Host(storage, *rules)


def id_of(message: Message) -> str | None:
    return message.receiver.contacts[0].id


class TestAnIdBesideAnAddress:
    def test_is_taken_where_it_is_the_owner(self, make: Make) -> None:
        host = make()
        host.knows("ada", ("phonenumber", NUMBER))

        assert id_of(host.send(id="ada", identifier_value=NUMBER)) == "ada"
        assert id_of(host.send(identifier_value=NUMBER)) == "ada"

    @pytest.mark.parametrize("address", ["identifier_value", "platform_address"])
    def test_is_refused_where_another_contact_owns_the_address(
        self, make: Make, address: str
    ) -> None:
        host = make()
        host.knows("ada", ("phonenumber", NUMBER))
        host.knows("bob", ("phonenumber", OTHER))

        expected = [("/receiver/contacts/0/id", "receiver.contact_mismatch")]
        for contact_id in ("bob", "unknown"):
            assert host.refused(id=contact_id, **{address: NUMBER}) == expected
            plan = host.messenger.plan(
                OFFERS,
                SendMessage(
                    receiver=Receiver(
                        contacts=(ReceiverContact(id=contact_id, **{address: NUMBER}),)
                    ),
                    body=text("Sale"),
                ),
            )
            assert [(violation.path, violation.code) for violation in plan.violations] == expected
        assert host.people == ["ada", "bob"]
        assert host.messenger.find(MessageQuery()).results == []

    def test_is_refused_where_an_identifier_is_another_contact_s(self, make: Make) -> None:
        host = make()
        host.knows("ada", ("customer", "7"))
        host.knows("bob", ("phonenumber", NUMBER))

        assert host.refused(
            id="bob", identifier_key="customer", identifier_value="7", platform_address=NUMBER
        ) == [("/receiver/contacts/0/id", "receiver.contact_mismatch")]

    def test_makes_the_contact_under_that_id_where_it_is_new(self, make: Make) -> None:
        host = make()

        message = host.send(id="customer-7", identifier_value=NUMBER)

        assert id_of(message) == "customer-7"
        assert host.people == ["customer-7"]
        assert id_of(host.send(identifier_value=NUMBER)) == "customer-7"
        identifiers = host.messenger.contacts.get("customer-7").featured_identifiers
        assert [(identifier.key, identifier.value) for identifier in identifiers] == [
            ("phonenumber", NUMBER)
        ]

    def test_gives_an_address_without_owner_to_the_contact(self, make: Make) -> None:
        host = make()
        host.knows("ada", ("phonenumber", OTHER))

        assert id_of(host.send(id="ada", identifier_value=NUMBER)) == "ada"

        assert host.people == ["ada"]
        assert id_of(host.send(identifier_value=NUMBER)) == "ada"
        assert host.send(id="ada").addresses == (OTHER,)  # the first that fits, as before

    def test_in_a_spelling_of_its_own_is_the_same_address(self, make: Make) -> None:
        host = make()
        host.knows("ada", ("emailaddress", MAIL))

        assert id_of(host.send(NEWS, id="ada", identifier_value=MAIL.lower())) == "ada"
        assert host.refused(NEWS, id="bob", identifier_value=MAIL.upper())
        assert id_of(host.send(NEWS, identifier_value=MAIL.swapcase())) == "ada"
        assert host.people == ["ada"]


class TestAContactIsFound:
    @pytest.mark.parametrize(
        "named",
        [
            {"id": "ada"},
            {"identifier_key": "customer", "identifier_value": "7"},
            {"identifier_key": "emailaddress", "identifier_value": MAIL.upper()},
            {"identifiers": (Identifier(identifier_key="customer", identifier_value="7"),)},
        ],
    )
    def test_by_an_identifier_of_any_kind_and_reached_by_the_first_that_fits(
        self, make: Make, named: dict[str, Any]
    ) -> None:
        host = make()
        numbers = (("phonenumber", NUMBER), ("phonenumber", OTHER))
        host.knows("ada", ("emailaddress", MAIL), *numbers, ("customer", "7"))

        message = host.send(**named)

        assert (id_of(message), message.addresses) == ("ada", (NUMBER,))
        assert host.people == ["ada"]

    def test_and_refused_where_nothing_of_it_fits_the_platform(self, make: Make) -> None:
        host = make()
        host.knows("ada", ("customer", "7"))

        assert host.refused(identifier_key="customer", identifier_value="7") == [
            ("/receiver/contacts/0", "receiver.unreachable")
        ]
        assert host.refused(identifier_key="customer", identifier_value="8") == [
            ("/receiver/contacts/0", "receiver.unreachable")
        ]
        assert host.people == ["ada"]

    def test_by_an_address_under_the_key_of_the_channel_or_of_its_platform(
        self, make: Make
    ) -> None:
        host = make()
        host.knows("ada", ("phonenumber", NUMBER))

        assert id_of(host.send(MOBILE, identifier_value=NUMBER)) == "ada"
        assert host.people == ["ada"]

    def test_by_a_push_token_exactly_also_with_an_at_sign(self, make: Make) -> None:
        host = make()

        first, second = (
            id_of(host.send(PUSH, identifier_value=token)) for token in ("T@App", "t@app")
        )

        assert first != second
        messages = host.messenger.find(MessageQuery(receiver=["T@App"])).results
        assert ("T@App",) in [message.addresses for message in messages]


class TestRulesAskTheOwner:
    @pytest.mark.parametrize(
        "named",
        [
            {"identifier_value": NUMBER},
            {"id": "ada", "identifier_value": NUMBER},
            {"identifier_key": "customer", "identifier_value": "9", "platform_address": NUMBER},
            {"identifier_key": "customer", "identifier_value": "7"},
        ],
    )
    def test_for_consent_and_holdout_whatever_names_it(
        self, make: Make, named: dict[str, Any]
    ) -> None:
        host = make(HELD)
        host.knows("ada", ("phonenumber", NUMBER), ("customer", "7"), subscriptions={"sms": False})
        assert host.send(**named).details == "subscription.unsubscribed"

        changes = ContactChanges(subscriptions={"sms": True}, attributes={"held": True})
        host.messenger.contacts.update("ada", changes)

        assert host.send(**named).details == "holdout.skipped"

    def test_for_caps_in_every_spelling(self, make: Make) -> None:
        host = make(DAILY)
        assert host.send(NEWS, identifier_value=MAIL).status is Status.ACCEPTED

        for spelling in (MAIL.lower(), MAIL.upper()):
            assert host.send(NEWS, identifier_value=spelling).details == "frequency.capped"

    def test_for_the_owner_at_the_time_of_the_claim(self, make: Make) -> None:
        host = make()
        host.knows("ada", ("phonenumber", NUMBER))
        message = host.send(identifier_value=NUMBER)
        host.messenger.contacts.delete("ada")
        host.knows("bob", ("phonenumber", NUMBER), subscriptions={"sms": False})

        host.worker.drain()

        assert host.messenger.get(message.id).details == "subscription.unsubscribed"
        assert host.provider.sent == []


class TestTheHandoff:
    @pytest.mark.parametrize("change", ["unsubscribed", "held out", "suppressed", "handed on"])
    def test_is_refused_after_an_opt_out(self, make: Make, change: str) -> None:
        host = make(HELD)
        host.knows("ada", ("phonenumber", NUMBER))
        contacts, ada = (
            host.messenger.contacts,
            Identifier(identifier_key="phonenumber", identifier_value=NUMBER),
        )

        def hand_on() -> None:
            contacts.delete("ada")
            host.knows("bob", ("phonenumber", NUMBER), subscriptions={"sms": False})

        changes: dict[str, Callable[[], object]] = {
            "unsubscribed": lambda: contacts.update(
                "ada", ContactChanges(subscriptions={"sms": False})
            ),
            "held out": lambda: contacts.update("ada", ContactChanges(attributes={"held": True})),
            "suppressed": lambda: host.messenger.suppressions.suppress(
                ada, SuppressionScope.MARKETING
            ),
            "handed on": hand_on,
        }
        message = host.send(identifier_value=NUMBER)
        host.provider.before = changes[change]

        host.worker.run_once()
        assert host.provider.sent == []
        host.provider.before = lambda: None
        host.clock.advance(timedelta(minutes=1))
        host.worker.drain()

        assert host.provider.sent == []
        assert host.messenger.get(message.id).status is Status.SKIPPED

    def test_is_made_where_nothing_relevant_has_changed(self, make: Make) -> None:
        host = make(HELD)
        host.knows("ada", ("phonenumber", NUMBER))
        host.send(identifier_value=NUMBER)
        changes = ContactChanges(subscriptions={"email": False}, attributes={"held": "no"})
        host.provider.before = lambda: host.messenger.contacts.update("ada", changes)

        host.worker.run_once()

        assert host.provider.sent == [NUMBER]

    def test_does_not_ask_a_message_that_waives_the_holdout(self, make: Make) -> None:
        host = make(HELD)
        host.knows("ada", ("phonenumber", NUMBER), attributes={"held": True})
        receiver = Receiver(contacts=(ReceiverContact(identifier_value=NUMBER),))
        request = SendMessage(receiver=receiver, body=text("Sale"), ignore_global_holdout=True)
        host.messenger.send(OFFERS, request)

        host.worker.run_once()

        assert host.provider.sent == [NUMBER]


def test_a_number_of_a_new_range_is_written_to_where_its_channel_allows_it() -> None:
    new = Channel(name="new", platform="sms", sender="Shop", allow_unassigned_numbers=True)
    number = "+14362345678"
    strict, lenient = (
        Messenger(storage=MemoryStorage(), channels={channel: Provider()})
        for channel in (OFFERS, new)
    )
    request = SendMessage(
        receiver=Receiver(contacts=(ReceiverContact(identifier_value=number),)), body=text("hi")
    )
    contact = NewContact(identifiers=(ContactIdentifier(key="phonenumber", value=number),))

    with pytest.raises(InvalidMessageError) as raised:
        strict.send(OFFERS, request)

    assert [violation.code for violation in raised.value.violations] == [
        "receiver.number_not_assigned"
    ]
    assert lenient.send(new, request).status is Status.ACCEPTED
    assert lenient.contacts.find(
        ContactQuery(identifier=Identifier(identifier_key="phonenumber", identifier_value=number))
    ).results
    assert Messenger(storage=MemoryStorage(), channels={new: Provider()}).contacts.create(contact)


class CountedContacts:
    """The contacts of a transaction, and the name of each method that was called."""

    def __init__(self, contacts: Contacts, calls: list[str]) -> None:
        self._contacts = contacts
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        def called(*args: Any, **kwargs: Any) -> Any:
            self._calls.append(name)
            return getattr(self._contacts, name)(*args, **kwargs)

        return called


class Counting(MemoryStorage):
    """A storage that writes down each call of its contacts."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        with super().begin(connection, read_only=read_only) as tx:
            tx.contacts = CountedContacts(tx.contacts, self.calls)  # type: ignore[misc, assignment]
            yield tx


def test_a_bulk_that_names_one_new_contact_several_times_looks_and_writes_once() -> None:
    storage = Counting()
    both = (
        Identifier(identifier_key="phonenumber", identifier_value=NUMBER),
        Identifier(identifier_key="emailaddress", identifier_value=MAIL),
    )
    ada = ReceiverContact(identifier_value=NUMBER, identifiers=both)
    request = SendMessage(receiver=Receiver(contacts=(ada,)), body=text("hello"))

    messages = Host(storage).messenger.send_many(OFFERS, [request] * 5)

    assert sum(isinstance(message, Message) for message in messages) == 5
    assert storage.calls == ["by_identifiers", "add", "get"]


def test_a_bulk_of_several_new_contacts_looks_and_writes_once() -> None:
    storage = Counting()
    people = [
        ReceiverContact(
            identifier_value=f"+3161234567{digit}",
            identifiers=(Identifier(identifier_key="customer", identifier_value=str(digit)),),
        )
        for digit in range(5)
    ]

    Host(storage).messenger.send_many(
        OFFERS,
        [
            SendMessage(receiver=Receiver(contacts=(person,)), body=text("hello"))
            for person in people
        ],
    )

    assert storage.calls == ["by_identifiers", "add", *["get"] * 5]
