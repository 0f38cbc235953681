"""The clock of this machine, which only this test freezes: all others inject one they move."""

from datetime import UTC, datetime, timedelta

from freezegun import freeze_time

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, Messenger, SendMessage, Worker, text, to
from messaging_core.models import Status
from messaging_core.ports.clock import SystemClock
from messaging_core.testing import RecordingTransport

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_the_system_clock_tells_the_time_of_the_machine_in_utc() -> None:
    with freeze_time("2026-03-02 12:00:00") as machine:
        before = SystemClock().now()
        machine.tick(timedelta(seconds=90))
        after = SystemClock().now()

    assert (before, before.tzinfo) == (NOON, UTC)
    assert after - before == timedelta(seconds=90)


def test_a_messenger_goes_by_the_clock_of_the_machine_unless_it_is_given_another() -> None:
    orders = Channel(name="orders", platform="sms", sender="Shop")
    request = SendMessage(
        receiver=to("+31612345678"),
        body=text("Hello"),
        scheduled_for=NOON + timedelta(hours=1),
    )

    with freeze_time(NOON) as machine:
        messenger = Messenger(storage=MemoryStorage(), channels={orders: RecordingTransport()})
        message = messenger.send(orders, request)
        early = Worker(messenger).drain()
        machine.tick(timedelta(hours=1))
        late = Worker(messenger).drain()

    assert (message.created_at, message.status) == (NOON, Status.SCHEDULED)
    assert (early.sent, late.sent) == (0, 1)
