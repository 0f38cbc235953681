"""The hour that comes twice in autumn is two hours, in every place that takes an instant."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import MessageQuery, Messenger, Worker
from messaging_core.models import Conversion, SendMessage, StatusReceipt
from messaging_core.models.common.instants import in_utc
from messaging_core.ports.storage.transaction import Storage
from messaging_core.rules.policy.frequency import next_free
from messaging_core.rules.policy.schedule import check_schedule, due_time, is_later
from messaging_core.rules.policy.validity import expires_at
from messaging_core.rules.requests.query import check_query
from messaging_core.testing import ManualClock, RecordingTransport, a_channel, a_request
from messaging_core.wire import dump, load
from messaging_core.wire.codec.scalars import write_datetime

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
FIRST = datetime(2026, 10, 25, 2, 30, tzinfo=AMSTERDAM)
SECOND = FIRST.replace(fold=1)
FIRST_UTC = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
SECOND_UTC = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
BOTH = [(FIRST, FIRST_UTC), (SECOND, SECOND_UTC)]
ORDERS = a_channel()

NAIVE = FIRST.replace(tzinfo=None)

instants = st.datetimes(NAIVE - timedelta(days=2000), NAIVE, timezones=st.just(UTC))
zones = st.sampled_from(["Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "UTC"])


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    if request.param == "memory":
        yield MemoryStorage()
    else:
        with SqliteStorage(":memory:") as storage:
            yield storage


class Host:
    """A messenger at an instant before, between or after the two."""

    def __init__(self, storage: Storage, now: datetime) -> None:
        self.clock = ManualClock(now)
        self.provider = RecordingTransport()
        self.messenger = Messenger(
            storage=storage, channels={ORDERS: self.provider}, clock=self.clock
        )
        self.worker = Worker(self.messenger, threads=1)


@pytest.mark.parametrize("order", [BOTH, BOTH[::-1]], ids=["first first", "second first"])
def test_a_message_goes_in_the_hour_that_it_was_scheduled_for(
    storage: Storage, order: list[tuple[datetime, datetime]]
) -> None:
    host = Host(storage, FIRST_UTC - 12 * HOUR)

    for at, utc in order:
        message = host.messenger.send(ORDERS, a_request(scheduled_for=at))
        assert message.scheduled_for == host.messenger.get(message.id).scheduled_for == utc

    host.clock.set(FIRST_UTC)
    host.worker.drain()
    assert len(host.provider.sent) == 1
    host.clock.set(SECOND_UTC)
    host.worker.drain()
    assert len(host.provider.sent) == 2


@pytest.mark.parametrize(("at", "utc"), BOTH)
def test_a_message_is_moved_to_the_hour_that_was_named(
    storage: Storage, at: datetime, utc: datetime
) -> None:
    host = Host(storage, FIRST_UTC - 12 * HOUR)
    message = host.messenger.send(ORDERS, a_request(scheduled_for=FIRST_UTC - HOUR))

    assert host.messenger.reschedule(message.id, at).scheduled_for == utc


def test_a_listing_keeps_the_two_hours_apart(storage: Storage) -> None:
    host = Host(storage, FIRST_UTC + HOUR / 2)
    host.messenger.send(ORDERS, a_request())

    def count(**filters: datetime) -> int:
        return len(host.messenger.find(MessageQuery(**filters)).results)

    assert (count(end_at=SECOND), count(end_at=FIRST)) == (1, 0)
    assert (count(start_at=SECOND), count(start_at=FIRST)) == (0, 1)
    assert count(start_at=FIRST, end_at=SECOND) == 1


def test_a_period_from_the_second_to_the_first_is_no_period() -> None:
    (violation,) = check_query(MessageQuery(start_at=SECOND, end_at=FIRST))

    assert violation.code == "query.start_after_end"
    assert check_query(MessageQuery(start_at=FIRST, end_at=SECOND)) == []


def test_a_purge_deletes_what_is_older_than_the_hour_that_was_named(storage: Storage) -> None:
    host = Host(storage, FIRST_UTC + HOUR / 2)
    host.messenger.send(ORDERS, a_request())
    host.worker.drain()

    assert host.messenger.purge(before=FIRST).deleted == 0
    assert host.messenger.purge(before=SECOND).deleted == 1


@pytest.mark.parametrize(("at", "utc"), BOTH)
def test_a_conversion_is_recorded_in_its_hour(
    storage: Storage, at: datetime, utc: datetime
) -> None:
    host = Host(storage, SECOND_UTC + HOUR)
    message = host.messenger.send(ORDERS, a_request())

    conversion = Conversion(type="url", status="converted", timestamp=at)
    host.messenger.report_conversion(message.id, conversion)

    (interaction,) = host.messenger.interactions(message.id)
    assert interaction.created_at == utc


def test_models_of_the_two_hours_are_different() -> None:
    assert SendMessage(receiver=a_request().receiver, scheduled_for=FIRST) != SendMessage(
        receiver=a_request().receiver, scheduled_for=SECOND
    )
    first, second = (StatusReceipt(source="p", at=at) for at, _ in BOTH)
    assert first != second
    assert first == StatusReceipt(source="p", at=FIRST_UTC)
    assert first.at < second.at


def test_a_receipt_is_written_and_read_in_its_hour() -> None:
    for at, utc in BOTH:
        receipt = StatusReceipt(source="p", at=at)

        assert load(StatusReceipt, dump(receipt)).at == utc


def test_the_rules_of_schedules_and_validity_see_two_hours() -> None:
    soon = timedelta(minutes=9)

    assert is_later(SECOND, FIRST)
    assert not is_later(FIRST, SECOND)
    assert not is_later(SECOND, (SECOND_UTC - soon).astimezone(AMSTERDAM))
    assert in_utc(due_time(SECOND, FIRST)) == SECOND_UTC
    assert check_schedule(SECOND, (SECOND_UTC - timedelta(days=35)).astimezone(AMSTERDAM)) == []
    assert expires_at(FIRST, SECOND, HOUR) == SECOND_UTC + HOUR
    assert expires_at(SECOND, FIRST, HOUR) == SECOND_UTC + HOUR
    assert next_free([SECOND, FIRST], 1, HOUR, FIRST) == SECOND_UTC + HOUR


@given(zone=zones, instant=instants)
def test_an_instant_is_written_as_itself_whatever_was_written_before(
    zone: str, instant: datetime
) -> None:
    local = instant.astimezone(ZoneInfo(zone))

    write_datetime(local.replace(fold=1 - local.fold))

    assert write_datetime(local) == write_datetime(instant)
    assert in_utc(local) == instant


@pytest.mark.parametrize(
    "instant", [NAIVE, datetime.max.replace(tzinfo=ZoneInfo("America/New_York"))]
)
def test_what_cannot_be_told_in_utc_is_left_as_it_is(instant: datetime) -> None:
    assert in_utc(instant) is instant
