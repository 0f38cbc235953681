"""A contact with several devices gets a push message on each; an address without device goes."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, SendMessage, Worker, text
from messaging_core.errors import InvalidMessageError
from messaging_core.models import (
    Accepted,
    Capabilities,
    ContactChanges,
    ContactIdentifier,
    Deferred,
    Failure,
    FailureCode,
    Identifier,
    Message,
    NewContact,
    Outcome,
    PerRecipient,
    ReceiptStatus,
    Receiver,
    ReceiverContact,
    Rejected,
    Retry,
    Status,
    StatusReceipt,
    SuppressionScope,
)
from messaging_core.models.common.escalation import Escalation
from messaging_core.ports.transport import Handoff
from messaging_core.testing import ManualClock

APP = Channel(name="app", platform="push")
WEB = Channel(name="web", platform="push", identifier_key="pushtoken-web")
MAIL = ContactIdentifier(key="emailaddress", value="ada@receiver.example")
PHONE, TABLET, WATCH = "phone-token", "tablet-token", "watch-token"
DEAD = Failure(code=FailureCode.UNKNOWN_RECEIVER, retry=Retry.RECIPIENT_GONE)
BUSY = Failure(code=FailureCode.THROTTLED, retry=Retry.THROTTLED)


class Gateway:
    """Answer each device as a test says, and keep what it got."""

    name = "gateway"

    def __init__(self, **capabilities: Any) -> None:
        self.capabilities = Capabilities(platforms=frozenset({"push"}), **capabilities)
        self.attempts: list[list[str]] = []
        self.dead: set[str] = set()
        self.busy: set[str] = set()

    def send(self, envelope: Any, handoff: Handoff) -> Outcome:
        handoff()
        addresses = [receiver.value for receiver in envelope.receivers]
        self.attempts.append(addresses)
        outcomes = {address: self._outcome(address) for address in addresses}
        return PerRecipient(outcomes=outcomes)

    def _outcome(self, address: str) -> Accepted | Rejected | Deferred:
        if address in self.dead:
            return Rejected(failure=DEAD)
        if address in self.busy:
            self.busy.remove(address)
            return Deferred(failure=BUSY)
        return Accepted(references=(f"at-{address}",))


class Shop:
    """A messenger with a contact of three devices."""

    def __init__(self, storage: Any, gateway: Gateway) -> None:
        self.gateway = gateway
        self.clock = ManualClock()
        self.messenger = Messenger(
            storage=storage, channels={APP: gateway, WEB: gateway}, clock=self.clock
        )
        tokens = (PHONE, TABLET, WATCH)
        devices = tuple(ContactIdentifier(key="pushtoken", value=token) for token in tokens)
        self.ada = self.messenger.contacts.create(
            NewContact(id="ada", identifiers=(MAIL, *devices))
        )

    def send(self, *contacts: ReceiverContact, channel: Channel = APP) -> Message:
        receiver = Receiver(contacts=contacts or (ReceiverContact(id="ada"),))
        message = self.messenger.send(channel, SendMessage(receiver=receiver, body=text("Hi")))
        Worker(self.messenger).drain()
        return self.messenger.get(message.id)

    @property
    def devices(self) -> list[str]:
        contact = self.messenger.contacts.get("ada")
        return [own.value for own in contact.featured_identifiers if own.key != MAIL.key]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: Any, tmp_path: Path) -> Callable[..., Shop]:
    def made(**capabilities: Any) -> Shop:
        is_memory = request.param == "memory"
        storage: Any = MemoryStorage() if is_memory else SqliteStorage(tmp_path / "messages.db")
        return Shop(storage, Gateway(**capabilities))

    return made


@pytest.fixture
def shop(make: Callable[..., Shop]) -> Shop:
    return make()


def by(**named: Any) -> ReceiverContact:
    return ReceiverContact(**named)


def tokens(*values: str) -> tuple[Identifier, ...]:
    return tuple(Identifier(identifier_key="pushtoken", identifier_value=own) for own in values)


def violations(shop: Shop, *contacts: ReceiverContact) -> list[tuple[str, str]]:
    with pytest.raises(InvalidMessageError) as caught:
        shop.send(*contacts)
    return [(violation.path, violation.code) for violation in caught.value.violations]


@pytest.mark.parametrize(
    "contact",
    [
        by(id="ada"),
        by(identifier_key="emailaddress", identifier_value="ADA@receiver.example"),
        by(id="ada", identifier_key="emailaddress", identifier_value=MAIL.value),
        by(identifiers=tokens(PHONE, TABLET, WATCH)),
        by(identifiers=tokens(PHONE, TABLET, WATCH, PHONE)),
    ],
)
def test_a_contact_gets_a_push_on_each_device(shop: Shop, contact: ReceiverContact) -> None:
    message = shop.send(contact)

    assert shop.gateway.attempts == [[PHONE, TABLET, WATCH]]
    assert message.status is Status.SENT
    assert {own.id for own in message.receiver.contacts} == {"ada"}
    assert message.addresses == (PHONE, TABLET, WATCH)


@pytest.mark.parametrize(
    "contact",
    [
        by(identifier_value=TABLET),
        by(id="ada", platform_address=TABLET),
        by(identifier_value=TABLET, identifiers=tokens(PHONE)),
    ],
)
def test_an_address_in_the_request_means_that_device(shop: Shop, contact: ReceiverContact) -> None:
    shop.send(contact)

    assert shop.gateway.attempts == [[TABLET]]


def test_a_request_may_name_some_devices_of_a_contact(shop: Shop) -> None:
    shop.send(by(id="ada", platform_address=PHONE), by(id="ada", platform_address=WATCH))

    assert shop.gateway.attempts == [[PHONE, WATCH]]


@pytest.mark.parametrize(
    "contacts",
    [
        (by(identifier_value="a"), by(identifier_value="b")),
        (by(platform_address="a"), by(platform_address="b")),
        (by(id="ada"), by(id="bob", platform_address="b")),
        (by(identifiers=tokens("a", "b")), by(identifier_value="c")),
    ],
)
def test_two_contacts_are_still_too_many(shop: Shop, contacts: Any) -> None:
    assert ("/receiver/contacts", "receiver.too_many") in violations(shop, *contacts)


def test_the_plan_shows_every_device(shop: Shop) -> None:
    receiver = Receiver(contacts=(by(id="ada"),))

    plan = shop.messenger.plan(APP, SendMessage(receiver=receiver, body=text("Hi")))

    assert plan.envelope is not None
    assert [own.value for own in plan.envelope.receivers] == [PHONE, TABLET, WATCH]
    assert shop.gateway.attempts == []


def test_a_transport_that_takes_one_receiver_gets_the_first_device(
    make: Callable[..., Shop],
) -> None:
    shop = make(max_recipients=1)

    shop.send()

    assert shop.gateway.attempts == [[PHONE]]


def test_only_the_key_of_the_channel_counts(shop: Shop) -> None:
    shop.send(by(id="ada", identifiers=()))
    with pytest.raises(InvalidMessageError) as caught:
        shop.send(channel=WEB)

    assert [violation.code for violation in caught.value.violations] == ["receiver.unreachable"]
    assert len(shop.gateway.attempts) == 1


def test_the_tokens_of_a_second_gateway_may_be_as_long(shop: Shop) -> None:
    long = "https://push.example/" + "x" * 700
    web = ContactIdentifier(key="pushtoken-web", value=long)
    shop.messenger.contacts.update("ada", ContactChanges(add_identifiers=(web,)))
    shop.gateway.dead = {long}

    shop.send(channel=WEB)

    assert shop.gateway.attempts == [[long]]
    assert shop.devices == [PHONE, TABLET, WATCH]


def test_a_device_that_was_busy_is_tried_again_alone(shop: Shop) -> None:
    shop.gateway.busy = {TABLET}
    message = shop.send()
    shop.clock.advance(hours=1)

    Worker(shop.messenger).drain()

    assert shop.gateway.attempts == [[PHONE, TABLET, WATCH], [TABLET]]
    assert shop.messenger.get(message.id).status is Status.SENT


def test_a_suppressed_device_gets_nothing(shop: Shop) -> None:
    (tablet,) = tokens(TABLET)
    shop.messenger.suppressions.suppress(tablet, SuppressionScope.TRANSACTIONAL)

    shop.send()

    assert shop.gateway.attempts == [[PHONE, WATCH]]


def test_a_dead_device_is_removed_by_the_answer(shop: Shop) -> None:
    shop.gateway.dead = {PHONE, WATCH}

    message = shop.send()
    again = shop.send()

    assert message.status is Status.SENT
    assert shop.devices == [TABLET]
    assert shop.gateway.attempts == [[PHONE, TABLET, WATCH], [TABLET]]
    assert again.status is Status.SENT


def test_a_contact_without_devices_stays_and_cannot_be_reached(shop: Shop) -> None:
    shop.gateway.dead = {PHONE, TABLET, WATCH}

    message = shop.send()

    assert message.status is Status.SENDING_FAILED
    assert message.failure is not None
    assert message.failure.code == FailureCode.UNKNOWN_RECEIVER
    assert violations(shop, by(id="ada")) == [("/receiver/contacts/0/id", "receiver.unreachable")]
    assert shop.messenger.contacts.get("ada").featured_identifiers == (MAIL,)


def test_a_damaged_contact_does_not_hold_up_its_message(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    shop = Shop(SqliteStorage(path), Gateway())
    shop.gateway.dead = {PHONE}
    receiver = Receiver(contacts=(ReceiverContact(id="ada"),))
    message = shop.messenger.send(APP, SendMessage(receiver=receiver, body=text("Hi")))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE messaging_contacts SET document = x'7b'")

    Worker(shop.messenger).drain()

    assert shop.messenger.get(message.id).status is Status.SENT
    assert shop.gateway.attempts == [[PHONE, TABLET, WATCH]]


def test_other_refusals_remove_nothing(shop: Shop) -> None:
    shop.gateway._outcome = lambda _: Rejected(  # type: ignore[method-assign]
        failure=Failure(code=FailureCode.INVALID_RECEIVER, retry=Retry.RECIPIENT_GONE)
    )

    shop.send()

    assert shop.devices == [PHONE, TABLET, WATCH]


def a_receipt(message: Message, recipient: str | None, code: FailureCode) -> StatusReceipt:
    return StatusReceipt(
        source="gateway",
        at=message.created_at + timedelta(seconds=1),
        status=ReceiptStatus.FAILED,
        message_id=message.id,
        recipient=recipient,
        failure=Failure(code=code),
    )


@pytest.mark.parametrize(
    ("recipient", "code", "left"),
    [
        (TABLET, FailureCode.UNKNOWN_RECEIVER, [PHONE, WATCH]),
        (TABLET, FailureCode.REFUSED, [PHONE, TABLET, WATCH]),
        (None, FailureCode.UNKNOWN_RECEIVER, [PHONE, TABLET, WATCH]),
        ("foreign", FailureCode.UNKNOWN_RECEIVER, [PHONE, TABLET, WATCH]),
    ],
)
def test_a_dead_device_is_removed_by_its_receipt(
    shop: Shop, recipient: str | None, code: FailureCode, left: list[str]
) -> None:
    message = shop.send()

    shop.messenger.receive([a_receipt(message, recipient, code)])

    assert shop.devices == left


def test_a_receipt_of_a_message_to_one_device_need_not_name_it(shop: Shop) -> None:
    message = shop.send(by(identifier_value=TABLET))

    shop.messenger.receive([a_receipt(message, None, FailureCode.UNKNOWN_RECEIVER)])

    assert shop.devices == [PHONE, WATCH]


def test_a_late_answer_removes_a_device_too(shop: Shop) -> None:
    send = shop.gateway.send

    def slowly(envelope: Any, handoff: Handoff) -> Outcome:
        outcome = send(envelope, handoff)
        shop.clock.advance(hours=1)
        if len(shop.gateway.attempts) == 1:
            shop.gateway.dead.clear()
            Worker(shop.messenger).drain()
        return outcome

    shop.gateway.send = slowly  # type: ignore[method-assign]
    shop.gateway.dead = {PHONE}

    shop.send()

    assert shop.devices == [TABLET, WATCH]


def test_a_push_that_takes_over_reaches_each_device(shop: Shop) -> None:
    first = Channel(
        name="web-first",
        platform="push",
        identifier_key="pushtoken-web",
        escalation=Escalation(channel="app", after=timedelta(minutes=5)),
    )
    away = Gateway()
    away._outcome = lambda _: Rejected(failure=BUSY)  # type: ignore[method-assign]
    messenger = Messenger(
        storage=shop.messenger.storage,
        channels={first: away, APP: shop.gateway},
        clock=shop.clock,
    )
    web = ContactIdentifier(key="pushtoken-web", value="browser-token")
    messenger.contacts.update("ada", ContactChanges(add_identifiers=(web,)))

    receiver = Receiver(contacts=(ReceiverContact(id="ada"),))
    messenger.send(first, SendMessage(receiver=receiver, body=text("Hi")))
    Worker(messenger).drain()
    shop.clock.advance(minutes=6)
    Worker(messenger).drain()

    assert away.attempts == [["browser-token"]]
    assert shop.gateway.attempts == [[PHONE, TABLET, WATCH]]


def test_a_notification_reaches_each_device_of_a_user(make: Callable[..., Shop]) -> None:
    shop = make()
    notification = {
        "channels": ["push"],
        "recipients": ["ada"],
        "messageTitle": "Hi",
        "messageContent": "Hello",
    }
    messenger = Messenger(storage=shop.messenger.storage, channels={APP: shop.gateway})

    messenger.notify(notification)
    Worker(messenger).drain()

    assert shop.gateway.attempts == [[PHONE, TABLET, WATCH]]
