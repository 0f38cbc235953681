"""STOP and START: which was written last, and by whom."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from uuid import uuid4

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, SendMessage, text, to
from messaging_core.models import IncomingMessage, MessageQuery, Reception, Status
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import ManualClock, RecordingTransport

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NUMBER = "+447700900123"
OFFERS = Channel(name="offers", platform="sms", sender="+31600000001", message_type="promotional")
BARE = Channel(name="bare", platform="sms")
CHAT = Channel(name="chat", platform="whatsapp", identifier_key="phonenumber")


class Host:
    """A messenger, and the people who write to it."""

    def __init__(self, storage: Storage) -> None:
        self.clock = ManualClock(NOON)
        transport = RecordingTransport()
        self.messenger = Messenger(
            storage=storage,
            channels=dict.fromkeys((OFFERS, BARE, CHAT), transport),
            clock=self.clock,
        )

    def hears(
        self, words: str, at: datetime = NOON, *, sender: str = NUMBER, channel: Channel = OFFERS
    ) -> Reception:
        return self.messenger.receive(
            IncomingMessage(
                source="provider",
                at=at,
                channel_id=channel.id,
                sender=sender,
                body=text(words),
                reference=str(uuid4()),
            )
        )

    def status(self, receiver: str = NUMBER, channel: Channel = OFFERS) -> Status:
        request = SendMessage(receiver=to(receiver), body=text("Sale"))
        return self.messenger.send(channel, request).status

    @property
    def answers(self) -> int:
        messages = self.messenger.find(MessageQuery(limit=100)).results
        return sum(message.origin is not None for message in messages)


@pytest.fixture(params=["memory", "sqlite"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    if request.param == "memory":
        yield Host(MemoryStorage())
    else:
        with SqliteStorage(tmp_path / "messages.db") as storage:
            yield Host(storage)


@pytest.mark.parametrize(
    "written",
    [
        ("STOP", "START", "STOP"),
        ("STOP", "START", "STOP", "START"),
        ("START", "STOP"),
        ("STOP", "START"),
        ("STOP", "STOP", "START", "STOP"),
    ],
)
def test_the_word_that_was_written_last_counts_in_whatever_order_they_come_in(
    written: tuple[str, ...],
) -> None:
    told = list(enumerate(written))
    expected = Status.SKIPPED if written[-1] == "STOP" else Status.ACCEPTED

    for order in permutations(told):
        host = Host(MemoryStorage())
        for place, word in order:
            host.hears(word, NOON - 10 * MINUTE + place * MINUTE)

        assert host.status() is expected, order


def test_an_old_start_that_comes_late_lifts_nothing_and_is_not_answered(host: Host) -> None:
    host.hears("STOP", NOON)

    host.hears("START", NOON - MINUTE)
    host.hears("START", NOON - MINUTE)

    assert host.status() is Status.SKIPPED
    assert host.answers == 1


def test_an_old_stop_that_comes_late_blocks_nothing(host: Host) -> None:
    host.hears("STOP", NOON - 3 * MINUTE)
    host.hears("START", NOON - MINUTE)
    waiting = host.messenger.send(
        OFFERS,
        SendMessage(receiver=to(NUMBER), body=text("Sale"), scheduled_for=NOON + 60 * MINUTE),
    )

    host.hears("STOP", NOON - 2 * MINUTE)

    assert host.status() is Status.ACCEPTED
    assert host.messenger.get(waiting.id).status is Status.SCHEDULED
    assert host.answers == 2


def test_a_start_must_be_newer_than_the_latest_stop(host: Host) -> None:
    host.hears("STOP", NOON - 3 * MINUTE)
    host.hears("STOP", NOON - MINUTE)

    host.hears("START", NOON - 2 * MINUTE)
    assert host.status() is Status.SKIPPED

    host.hears("START", NOON)
    assert host.status() is Status.ACCEPTED


def test_of_two_words_at_one_instant_the_one_that_comes_in_last_counts(host: Host) -> None:
    for word, status in (("STOP", Status.SKIPPED), ("START", Status.ACCEPTED)) * 2:
        host.hears(word)

        assert host.status() is status


def test_a_clock_of_the_provider_that_is_ahead_does_not_outlast_the_next_word(host: Host) -> None:
    host.hears("STOP", NOON + 600 * MINUTE)
    host.clock.advance(MINUTE)

    host.hears("START", NOON + MINUTE)

    assert host.status() is Status.ACCEPTED


@pytest.mark.parametrize(
    ("reported", "receiver"),
    [
        ("447700900123", NUMBER),
        ("00447700900123", NUMBER),
        ("+44 7700 900123", NUMBER),
        ("\u202a+44\u00a07700 900123\u202c", NUMBER),
        ("0612345678", "+31612345678"),  # national, where the channel's number is Dutch
        ("5215512345678", "+525512345678"),
        ("+5215512345678", "+525512345678"),
        ("+541123456789", "+5491123456789"),
        ("5491123456789", "+541123456789"),
        ("551187654321", "+5511987654321"),
        ("+5511987654321", "+5511987654321"),
        ("22961234567", "+2290161234567"),
    ],
)
def test_a_person_is_the_same_in_every_spelling_of_the_number(
    host: Host, reported: str, receiver: str
) -> None:
    sent = host.messenger.send(
        OFFERS,
        SendMessage(receiver=to(receiver), body=text("Sale"), scheduled_for=NOON + 60 * MINUTE),
    )

    (incoming,) = host.hears("STOP", NOON - MINUTE, sender=reported).incoming

    assert incoming.sender.contact is not None
    assert incoming.sender.contact.id == sent.receiver.contacts[0].id
    assert host.messenger.get(sent.id).status is Status.SKIPPED
    assert host.status(receiver) is Status.SKIPPED
    host.hears("START", sender=receiver)
    assert host.status(receiver) is Status.ACCEPTED


@pytest.mark.parametrize(
    "sender", ["", "07700900123", "12", "+", "+12", "+999123456789", "ada@x.example", "0" * 200]
)
def test_a_sender_that_is_no_number_fails_and_is_not_lost(host: Host, sender: str) -> None:
    for words in ("STOP", "Hello?"):
        reception = host.hears(words, sender=sender)

        assert (reception.failed, reception.applied, reception.incoming) == (1, 0, ())
    assert host.messenger.inbox.process_pending() == 0


@pytest.mark.parametrize("sender", ["12345", "MyBank"])
def test_a_short_code_may_write_and_cannot_opt_out(host: Host, sender: str) -> None:
    (incoming,) = host.hears("Your code is 1234", sender=sender).incoming

    assert incoming.sender.contact is not None
    assert incoming.sender.contact.identifier_value == sender
    assert host.hears("STOP", sender=sender).failed == 1


def test_digits_that_may_be_two_numbers_are_no_one_s() -> None:
    # 361 is an area code of Texas, and 36 1 is Budapest.
    texas = Channel(name="texas", platform="sms", sender="+13615550100")
    messenger = Messenger(storage=MemoryStorage(), channels={texas: RecordingTransport()})

    reception = messenger.receive(
        IncomingMessage(
            source="p", at=NOON, channel_id=texas.id, sender="3615551234", body=text("STOP")
        )
    )

    assert reception.failed == 1


def test_stop_holds_on_a_channel_without_a_sender(host: Host) -> None:
    host.hears("STOP", NOON - MINUTE, channel=BARE)

    assert host.status(channel=BARE) is Status.SKIPPED
    assert host.status(channel=OFFERS) is Status.ACCEPTED
    host.hears("START", channel=BARE)
    assert host.status(channel=BARE) is Status.ACCEPTED


def test_every_platform_with_phone_numbers_knows_its_people_by_them(host: Host) -> None:
    (incoming,) = host.hears("Hi", sender="447700900123", channel=CHAT).incoming

    assert incoming.sender.contact is not None
    assert incoming.sender.contact.identifier_value == NUMBER
