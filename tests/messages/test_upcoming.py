"""When scheduled messages go, and until when a channel is quiet."""

from datetime import UTC, datetime, time, timedelta

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, Messenger
from messaging_core.errors import InvalidQueryError, UnknownChannelError
from messaging_core.models import (
    ContactIdentifier,
    MessageQuery,
    NewContact,
    QuietHours,
    QuietWindow,
    Receiver,
    ReceiverContact,
    SendRules,
)
from messaging_core.testing import ManualClock, RecordingTransport, a_channel, a_request

TEXTS = a_channel("texts")
NEWS = a_channel("news", message_type="promotional")
NIGHT = QuietHours(windows=(QuietWindow(start=time(21), end=time(8)),), fallback_zone="Asia/Tokyo")


def make_messenger(rules: SendRules | None = None) -> Messenger:
    return Messenger(
        storage=MemoryStorage(),
        channels=dict.fromkeys((TEXTS, NEWS), RecordingTransport()),
        clock=ManualClock(datetime(2026, 1, 5, 9, tzinfo=UTC)),
        send_rules=rules,
    )


def zones(messenger: Messenger) -> list[tuple[str, str]]:
    return [(own.zone, own.zone_from) for own in messenger.upcoming().messages]


def test_each_message_has_its_time_and_the_zone_of_its_receiver() -> None:
    messenger = make_messenger(SendRules(quiet_hours=NIGHT))
    at = messenger.clock.now() + timedelta(hours=2)
    number = ContactIdentifier(key="phonenumber", value="+31687654321")
    contact = NewContact(id="ada", identifiers=(number,), time_zone="America/New_York")
    messenger.contacts.create(contact)
    ada = Receiver(contacts=(ReceiverContact(id="ada"),))

    messenger.send(TEXTS, a_request(scheduled_for=at, to="+31612345678"))
    messenger.send(TEXTS, a_request(scheduled_for=at, receiver=ada))
    messenger.send(TEXTS, a_request(scheduled_for=at, to="+88213300655"))  # a satellite
    messenger.send(TEXTS, a_request())

    assert zones(messenger)[1:] == [
        ("Asia/Tokyo", "fallback"),
        ("America/New_York", "contact"),
        ("Europe/Amsterdam", "number"),
    ]
    assert {own.due_at for own in messenger.upcoming().messages[1:]} == {at}


def test_there_may_be_more_than_are_looked_at() -> None:
    messenger = make_messenger()
    at = messenger.clock.now() + timedelta(hours=2)
    for _ in range(2):
        messenger.send(TEXTS, a_request(scheduled_for=at))

    first = messenger.upcoming(MessageQuery(limit=1))

    assert (len(first.messages), first.is_complete) == (1, False)
    assert messenger.upcoming().is_complete
    with pytest.raises(InvalidQueryError):
        messenger.upcoming(MessageQuery(limit=0))


@pytest.mark.parametrize(
    ("channel", "hour", "until"),
    [
        (NEWS, 13, datetime(2026, 1, 5, 23, tzinfo=UTC)),  # 22:00 in Tokyo
        (NEWS, 11, None),
        (TEXTS, 13, None),  # quiet hours bind promotional messages
    ],
)
def test_a_channel_is_quiet_in_the_zone_of_those_whose_zone_is_unknown(
    channel: Channel, hour: int, until: datetime | None
) -> None:
    messenger = make_messenger(SendRules(quiet_hours=NIGHT))
    assert isinstance(messenger.clock, ManualClock)
    messenger.clock.set(datetime(2026, 1, 5, hour, tzinfo=UTC))

    assert messenger.quiet_until(channel) == until


def test_a_channel_that_is_always_quiet_or_never() -> None:
    windows = (QuietWindow(start=time(0), end=time(12)), QuietWindow(start=time(12), end=time(0)))
    always = make_messenger(SendRules(quiet_hours=QuietHours(windows=windows)))

    assert always.quiet_until(NEWS) == always.clock.now() + timedelta(days=35)
    assert make_messenger().quiet_until(NEWS) is None
    with pytest.raises(UnknownChannelError):
        always.quiet_until("nowhere")
