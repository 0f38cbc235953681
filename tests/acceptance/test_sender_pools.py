"""A channel with a pool of senders: who writes to whom, in plans, attempts, look-ups, opt-outs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.config import load_config
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, MessageQuery, Messenger, SendMessage, Status, Worker, text, to
from messaging_core.models import (
    Capabilities,
    Deferred,
    Envelope,
    Failure,
    Identifier,
    IncomingMessage,
    Outcome,
    Receiver,
    ReceiverContact,
    Retry,
    SuppressionScope,
    TextBody,
    Unknown,
)
from messaging_core.models.common.sender_pool import sender_pool
from messaging_core.ports.storage.transaction import Storage
from messaging_core.rules import choose_sender
from messaging_core.rules.requests.notification import sender_channel
from messaging_core.testing import MONDAY_MORNING, ManualClock, RecordingTransport, a_request

FIRST, SECOND, THIRD = "+31600000001", "+31600000002", "+31600000003"
POOL = {FIRST: 1, SECOND: 1, THIRD: 1}
PEOPLE = [f"+3161234560{digit}" for digit in range(10)]
BUSY = Deferred(failure=Failure(code=15001, description="busy", retry=Retry.TRANSIENT))
LOST = Unknown(failure=Failure(code=12005, description="lost", retry=Retry.AMBIGUOUS))


class Asked(RecordingTransport):
    """A provider that can be asked, and has nothing."""

    def __init__(self, *answers: Outcome) -> None:
        super().__init__(answers, capabilities=Capabilities(looks_up=True))
        self.asked: list[Envelope] = []

    def look_up(self, envelope: Envelope) -> Outcome:
        self.asked.append(envelope)
        return BUSY


class Engine:
    def __init__(self, *answers: Outcome, storage: Storage | None = None, **fields: Any) -> None:
        options = {"platform": "sms", "sender": FIRST, "senders": POOL, **fields}
        self.channel = Channel(name="orders", **options)
        self.transport = Asked(*answers)
        self.clock = ManualClock()
        self.storage = storage or MemoryStorage()
        self.messenger = Messenger(
            storage=self.storage, channels={self.channel: self.transport}, clock=self.clock
        )
        self.worker = Worker(self.messenger, threads=1)

    def senders(self) -> dict[str, str | None]:
        """Send to everyone, and return who writes to whom."""
        return {
            address: self.messenger.send("orders", a_request(to=address)).sender.address
            for address in PEOPLE
        }

    def stop(self, address: str) -> None:
        self.messenger.receive(
            IncomingMessage(
                source="sms",
                channel_id=self.channel.id,
                sender=address,
                body=TextBody(text="STOP"),
                at=MONDAY_MORNING,
                reference="in-1",
            )
        )


def other_than(sender: str) -> str:
    """Return a receiver whom another sender writes to."""
    pool = sender_pool(POOL)
    return next(address for address in PEOPLE if choose_sender(pool, address) != sender)


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "memory":
        yield MemoryStorage()
        return
    with SqliteStorage(tmp_path / "messages.db") as made:
        yield made


def test_a_receiver_keeps_its_sender(storage: Storage) -> None:
    engine = Engine(storage=storage)
    first = engine.senders()
    engine.worker.drain()

    assert Engine().senders() == first, "another process with another storage"
    assert engine.senders() == first
    assert len(set(first.values())) > 1
    assert {own.to: own.sender.value for own in engine.transport.sent if own.sender} == first


def test_a_plan_and_a_listing_show_the_sender() -> None:
    engine = Engine()
    request = a_request(to=PEOPLE[0])

    plan = engine.messenger.plan("orders", request)
    message = engine.messenger.send("orders", request)

    assert plan.envelope is not None
    assert plan.envelope.sender is not None
    assert plan.envelope.sender.value == message.sender.address
    query = MessageQuery(sender=message.sender.address)
    assert [listed.id for listed in engine.messenger.find(query).results] == [message.id]


def test_a_retry_and_a_look_up_have_the_sender_of_the_acceptance() -> None:
    engine = Engine(BUSY, LOST, when_in_doubt="resend")
    person = other_than(FIRST)
    message = engine.messenger.send("orders", a_request(to=person))

    # The pool changes meanwhile: what was accepted stays as it is.
    changed = Engine(storage=engine.storage, senders={FIRST: 1})
    changed.transport, changed.worker = engine.transport, engine.worker
    for _ in range(4):
        engine.worker.drain()
        engine.clock.advance(minutes=10)

    envelopes = [*engine.transport.attempts, *engine.transport.asked]
    assert len(envelopes) == 4
    assert {own.sender.value for own in envelopes if own.sender} == {message.sender.address}
    assert message.sender.address != FIRST


def test_a_smaller_pool_delivers_what_was_accepted_before() -> None:
    storage = MemoryStorage()
    before = Engine(storage=storage).senders()
    smaller = Engine(storage=storage, senders={FIRST: 1, SECOND: 1})

    smaller.worker.drain()
    after = smaller.senders()

    assert {own.to: own.sender.value for own in smaller.transport.sent if own.sender} == before
    moved = {address for address in PEOPLE if before[address] != after[address]}
    assert moved == {address for address in PEOPLE if before[address] == THIRD}


def test_the_spelling_of_an_address_does_not_matter() -> None:
    engine = Engine(platform="email", sender="news@a.example", senders=MAILS)
    for number in range(5):
        senders = {
            engine.messenger.send("orders", a_request(to=address)).sender.address
            for address in (f"jo{number}@b\u00fccher.example", f"Jo{number}@xn--bcher-kva.EXAMPLE")
        }
        assert len(senders) == 1


def test_the_sender_of_a_request_wins() -> None:
    engine = Engine()
    request = {
        "receiver": {"contacts": [{"identifierValue": other_than(FIRST)}]},
        "body": {"type": "text", "text": {"text": "hi"}},
        "sender": {"connector": {"identifierValue": FIRST}},
    }

    assert engine.messenger.send("orders", request).sender.address == FIRST


MAILS = {"news@a.example": 1, "news@b.example": 1}


def test_a_user_name_gets_the_domain_of_the_chosen_sender() -> None:
    engine = Engine(platform="email", sender="news@a.example", senders=MAILS)
    domains = set()
    for number in range(10):
        address = f"jo{number}@customer.example"
        request = {
            "receiver": {"contacts": [{"identifierValue": address}]},
            "body": {"type": "text", "text": {"text": "hi"}},
        }
        own = engine.messenger.send("orders", request).sender.address or ""
        request["sender"] = {"connector": {"identifierValue": "billing"}}
        named = engine.messenger.send("orders", request).sender.address

        domain = own.partition("@")[2]
        assert named == f"billing@{domain}"
        domains.add(domain)
    assert domains == {"a.example", "b.example"}


def test_a_mail_to_several_has_the_sender_of_its_first_receiver() -> None:
    engine = Engine(platform="email", sender="news@a.example", senders=MAILS)
    for number in range(5):
        contacts = [
            ReceiverContact(identifier_value=f"{name}{number}@customer.example")
            for name in ("jo", "al", "bo")
        ]
        request = SendMessage(receiver=Receiver(contacts=tuple(contacts)), body=text("hi"))
        alone = SendMessage(receiver=to(f"jo{number}@customer.example"), body=text("hi"))

        together = engine.messenger.send("orders", request).sender.address
        assert together == engine.messenger.send("orders", alone).sender.address


def test_a_complete_address_of_any_domain_of_the_pool_is_accepted() -> None:
    engine = Engine(platform="email", sender="news@a.example", senders=MAILS)
    request = {
        "receiver": {"contacts": [{"identifierValue": "jo@customer.example"}]},
        "body": {"type": "text", "text": {"text": "hi"}},
        "sender": {"connector": {"identifierValue": "sales@b.example"}},
    }

    assert engine.messenger.send("orders", request).sender.address == "sales@b.example"


@pytest.mark.parametrize("sender", ["news@a.example", "News@B.example", "sales@b.example"])
def test_a_notification_is_sent_from_the_address_that_it_names(sender: str) -> None:
    engine = Engine(platform="email", sender="news@a.example", senders=MAILS)

    assert sender_channel(sender, [engine.channel]) == (engine.channel, sender)


def test_stop_holds_for_the_whole_pool_and_for_later_pools() -> None:
    person = other_than(FIRST)
    engine = Engine()
    waiting = engine.messenger.send("orders", a_request(to=person))

    engine.stop(person)

    assert engine.messenger.get(waiting.id).status is Status.SKIPPED
    for pool in (POOL, {SECOND: 1, THIRD: 2}, {THIRD: 1}, None):
        later = Engine(storage=engine.storage, senders=pool)
        assert later.messenger.send("orders", a_request(to=person)).status is Status.SKIPPED
        request = a_request(to=PEOPLE[PEOPLE.index(person) - 1])
        assert later.messenger.send("orders", request).status is not Status.SKIPPED


def test_the_answer_to_stop_comes_from_the_sender_of_the_receiver() -> None:
    person = other_than(FIRST)
    engine = Engine()

    engine.stop(person)
    engine.worker.drain()

    (answer,) = engine.transport.sent
    assert answer.sender is not None
    assert answer.sender.value == choose_sender(sender_pool(POOL), person)


def test_a_block_of_one_sender_holds_for_the_pool() -> None:
    engine, person = Engine(), other_than(SECOND)
    identifier = Identifier(identifier_key="phonenumber", identifier_value=person)
    engine.messenger.suppressions.suppress(identifier, SuppressionScope.SENDER, sender=SECOND)

    assert engine.messenger.send("orders", a_request(to=person)).status is Status.SKIPPED


def test_a_configuration_has_pools_and_their_numbers_are_those_of_the_channel() -> None:
    config = load_config(
        {
            "channels": {
                "orders": {
                    "platform": "sms",
                    "sender": FIRST,
                    "senders": {FIRST: 3, SECOND: 1},
                    "transport": "console:",
                }
            },
            "webhooks": {"twilio": {"type": "twilio", "auth_token": "t"}},
        }
    )

    (parser,) = config.make_webhooks()
    channel = config.channels["orders"]
    assert channel.senders == sender_pool({FIRST: 3, SECOND: 1})
    assert parser.channels == {  # type: ignore[attr-defined]
        FIRST.lstrip("+"): channel.id,
        SECOND.lstrip("+"): channel.id,
    }
