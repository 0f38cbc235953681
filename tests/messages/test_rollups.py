"""Roll-ups count what events say: each event once, in its own five minutes."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, Messenger, SendMessage, Worker, text, to
from messaging_core.decisions.status.rollups import MAX_NEW_TAGS
from messaging_core.errors import InvalidQueryError, UnknownChannelError
from messaging_core.messages.rollups import RollupCounter
from messaging_core.models import (
    Campaign,
    Conversion,
    Envelope,
    Event,
    EventKind,
    FailureCode,
    IncomingMessage,
    InteractionMetadata,
    InteractionReceipt,
    InteractionType,
    Reason,
    Rejected,
    Retry,
    Rollup,
    RollupBy,
    RollupOutcome,
    Rollups,
    Status,
)
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.rollups import FIVE_MINUTES, LONGER, ONE_DAY, duration_class
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.testing import RecordingTransport, a_message, a_new_message, an_event
from messaging_core.testing.builders import a_failure, a_receipt
from messaging_core.testing.clock import MONDAY_MORNING, ManualClock

AT = MONDAY_MORNING
DAY = AT.replace(hour=0, minute=0)
HOUR = timedelta(hours=1)
SMS = Channel(name="sms", platform="sms", sender="Shop")
OTHER = Channel(name="other", platform="sms", sender="Shop")
EVERYTHING = (RollupBy.OUTCOME, RollupBy.DETAIL, RollupBy.CHANNEL)


class CrashError(Exception):
    """What ends a process in a test."""


class Shop:
    """A messenger, its transport and its clock."""

    def __init__(self, storage: Storage | None = None) -> None:
        self.clock = ManualClock()
        self.transport = RecordingTransport(self._answer)
        self.answers: list[Rejected] = []
        self.messenger = Messenger(
            storage=storage or MemoryStorage(),
            channels={SMS: self.transport, OTHER: RecordingTransport()},
            clock=self.clock,
        )
        self.worker = Worker(self.messenger)

    def _answer(self, _: Envelope) -> Rejected | None:
        return self.answers.pop() if self.answers else None

    def send(self, number: int = 1, *, channel: str = "sms", **fields: Any) -> UUID:
        request = SendMessage(receiver=to(f"+3161234567{number}"), body=text("Hi"), **fields)
        return self.messenger.send(channel, request).id

    def numbers(self, **query: Any) -> dict[RollupOutcome, int]:
        return dict(self.rollups(**query).numbers())

    def rollups(self, **query: Any) -> Rollups:
        return self.messenger.rollups(**{"since": DAY, "until": DAY + ONE_DAY, **query})


@pytest.fixture
def shop() -> Shop:
    return Shop()


class TestWhatIsCounted:
    def test_a_message_counts_once_for_each_outcome_that_it_reaches(self, shop: Shop) -> None:
        shop.send()
        shop.send(2)
        shop.worker.drain()
        (first, _) = shop.messenger.find().results
        for _ in range(2):
            shop.messenger.receive(a_receipt(reference=first.references[0], key=uuid4().hex))
        shop.worker.drain()

        assert shop.numbers() == {
            RollupOutcome.ADMITTED: 2,
            RollupOutcome.SETTLED: 2,
            RollupOutcome.SENT: 2,
            RollupOutcome.DELIVERED: 1,
        }

    def test_failures_and_skips_have_their_codes(self, shop: Shop) -> None:
        failure = a_failure(FailureCode.REFUSED, retry=Retry.PERMANENT)
        shop.answers.append(Rejected(failure=failure))
        shop.send()
        shop.worker.drain()
        count_events_of(shop, skipped("other.reason", "holdout.skipped"), rejected(14003))

        rows = shop.rollups(by=(RollupBy.OUTCOME, RollupBy.DETAIL)).rollups

        details = {(row.outcome, row.detail) for row in rows}
        assert (RollupOutcome.SENDING_FAILED, "15002") in details
        assert (RollupOutcome.SKIPPED, "holdout.skipped") in details
        assert (RollupOutcome.REJECTED, "14003") in details

    def test_clicks_count_once_for_each_message_and_machines_apart(self, shop: Shop) -> None:
        message_id = shop.send()
        shop.worker.drain()
        for prefetched in (True, False, False):
            shop.messenger.receive(
                InteractionReceipt(
                    source="recording",
                    at=AT,
                    type=InteractionType.CLICKED,
                    message_id=message_id,
                    channel_id=SMS.id,
                    key=uuid4().hex,
                    metadata=InteractionMetadata(prefetched=prefetched),
                )
            )
        for status in ("not_converted", "converted"):
            shop.messenger.report_conversion(message_id, Conversion(type="url", status=status))
        shop.worker.drain()

        rows = shop.rollups(by=(RollupBy.OUTCOME, RollupBy.DETAIL)).rollups

        by_detail = {(row.outcome, row.detail): row.number for row in rows}
        assert by_detail[RollupOutcome.INTERACTED, "clicked"] == 1
        assert by_detail[RollupOutcome.PREFETCHED, "clicked"] == 1
        assert by_detail[RollupOutcome.INTERACTED, "conversion"] == 1
        assert by_detail[RollupOutcome.INTERACTED, "conversion.not_converted"] == 1

    def test_an_event_counts_in_its_own_five_minutes_however_late_it_is_counted(
        self, shop: Shop
    ) -> None:
        shop.send()
        shop.clock.advance(hours=2)
        shop.worker.drain()

        rows = shop.rollups().rollups

        starts = {row.outcome: row.start for row in rows}
        assert starts[RollupOutcome.ADMITTED] == AT
        assert starts[RollupOutcome.SENT] == AT + 2 * HOUR

    def test_a_wait_that_was_ordered_is_no_delay(self, shop: Shop) -> None:
        shop.send(scheduled_for=AT + HOUR)
        shop.clock.advance(HOUR + timedelta(seconds=2))
        shop.worker.drain()

        rollups = shop.rollups(step=ONE_DAY, by=(RollupBy.OUTCOME, RollupBy.DETAIL))

        (sent,) = [row for row in rollups.rollups if row.outcome is RollupOutcome.SENT]
        assert (sent.detail, sent.longest) == ("2.5", timedelta(seconds=2))
        assert rollups.sent_within(0.95) == {DAY: timedelta(seconds=2.5)}

    def test_incoming_messages_count_as_received_and_nothing_else(self, shop: Shop) -> None:
        shop.messenger.receive(
            IncomingMessage(
                source="recording",
                at=AT,
                channel_id=SMS.id,
                sender="+31612345678",
                body=text("hello"),
            )
        )
        shop.worker.drain()

        assert shop.numbers() == {RollupOutcome.RECEIVED: 1}

    def test_the_age_of_the_oldest_overdue_message_is_sampled(self, shop: Shop) -> None:
        shop.send()
        shop.clock.advance(minutes=7)
        shop.messenger.rollup_counter.run_once()
        shop.clock.advance(seconds=1)
        shop.messenger.rollup_counter.run_once()
        shop.clock.advance(minutes=1)
        shop.messenger.rollup_counter.run_once()

        (overdue,) = [row for row in shop.rollups().rollups if row.outcome == "overdue"]

        assert (overdue.start, overdue.number) == (AT + FIVE_MINUTES, 2)
        assert overdue.longest == timedelta(minutes=8, seconds=1)


class TestTags:
    def test_a_tag_has_the_messages_that_carry_it(self, shop: Shop) -> None:
        shop.send(tags=("Sale", "spring"))
        shop.send(2, tags=("sale",))
        shop.send(3)
        shop.worker.drain()

        counts = [shop.numbers(tag=tag).get(RollupOutcome.SENT) for tag in ("SALE", "spring", "x")]

        assert counts == [2, 1, None]
        assert shop.numbers()[RollupOutcome.SENT] == 3

    def test_a_limited_number_of_tags_is_new_on_a_day(self, shop: Shop) -> None:
        messages = [a_message(channel_id=SMS.id) for _ in range(MAX_NEW_TAGS // 10 + 1)]
        with shop.messenger.storage.begin() as tx:
            tx.messages.add([a_new_message(message) for message in messages])
            tx.timeline.append(
                [
                    an_event(message_id=message.id, tags=tuple(f"{number}-{n}" for n in range(10)))
                    for number, message in enumerate(messages)
                ]
            )
        shop.worker.drain()
        shop.clock.advance(ONE_DAY)
        shop.send(tags=("0-0", "new"))
        shop.worker.drain()

        with shop.messenger.storage.begin(read_only=True) as tx:
            tags = tx.rollups.list_tags(DEFAULT_WORKSPACE, after="", limit=2 * MAX_NEW_TAGS)
        assert len(tags) == MAX_NEW_TAGS + 1
        assert shop.numbers(tag="100-0") == {}
        assert shop.numbers(tag="0-0", until=DAY + 2 * ONE_DAY)[RollupOutcome.ADMITTED] == 2
        assert shop.numbers()[RollupOutcome.ADMITTED] == len(messages)


class TestCampaigns:
    def test_a_campaign_has_its_figures(self, shop: Shop) -> None:
        refused = Rejected(failure=a_failure(FailureCode.REFUSED, retry=Retry.PERMANENT))
        shop.answers.append(refused)
        ids = [shop.send(number, tags=("Sale",)) for number in range(4)]
        shop.send(5, tags=("sale",), scheduled_for=AT + HOUR)
        shop.worker.drain()
        sent = next(
            message.id for message in shop.messenger.find().results if message.status == "sent"
        )
        shop.messenger.report_conversion(sent, Conversion(type="url", status="converted"))
        shop.worker.drain()

        campaign = shop.messenger.campaign("SALE")

        assert len(ids) == 4
        assert campaign == Campaign(
            tag="sale",
            accepted=5,
            waiting=1,
            held_until=AT + HOUR,
            sent=3,
            failed={"15002": 1},
            converted=1,
            as_of=AT,
        )
        assert not campaign.is_done
        shop.clock.advance(HOUR)
        shop.worker.drain()
        assert shop.messenger.campaign("sale").is_done

    def test_an_unknown_tag_has_no_messages(self, shop: Shop) -> None:
        assert shop.messenger.campaign("x") == Campaign(tag="x", as_of=AT)
        with pytest.raises(InvalidQueryError):
            shop.messenger.campaign("")

    def test_messages_that_roll_ups_lack_are_counted(self, shop: Shop) -> None:
        older = a_message(channel_id=SMS.id, tags=("sale",), created_at=AT - HOUR)
        with shop.messenger.storage.begin() as tx:  # as an older version accepted it
            tx.messages.add([a_new_message(older, delivery=None)])
            tx.timeline.append([an_event(message_id=older.id, at=AT - HOUR)])
        shop.send(1, tags=("sale",))
        shop.worker.drain()

        campaign = shop.messenger.campaign("sale")

        assert not campaign.has_rollups
        assert (campaign.accepted, campaign.sent, campaign.waiting) == (2, 1, 1)

    def test_no_more_than_a_limit_is_counted(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("messaging_core.messages.campaigns.MOST_COUNTED", 2)
        for number in range(3):
            shop.send(number, tags=("sale",))

        campaign = shop.messenger.campaign("sale")

        assert (campaign.accepted, campaign.is_exact, campaign.is_done) == (2, False, False)


class TestRetention:
    def test_roll_ups_outlive_their_messages_by_their_own_age(self, shop: Shop) -> None:
        shop.send(tags=("sale",))
        shop.worker.drain()
        shop.clock.advance(ONE_DAY * 10)

        first = shop.messenger.purge(before=AT + ONE_DAY)
        assert (first.deleted, first.rollups) == (1, 0)
        assert shop.messenger.campaign("sale").sent == 1

        second = shop.messenger.purge(before=AT + ONE_DAY, rollups=ONE_DAY)
        assert (second.deleted, second.rollups) == (0, 18)
        assert shop.numbers() == {}

    def test_events_are_counted_before_their_messages_are_deleted(self, shop: Shop) -> None:
        shop.messenger.cancel(shop.send())

        shop.messenger.purge(before=AT + ONE_DAY)

        assert shop.numbers()[RollupOutcome.DELETED] == 1


class TestQueries:
    def test_roll_ups_are_told_apart_as_asked(self, shop: Shop) -> None:
        shop.send()
        shop.send(2, channel="other")
        shop.worker.drain()

        assert shop.numbers(channel="other")[RollupOutcome.SENT] == 1
        rows = shop.rollups(by=(RollupBy.CHANNEL,)).rollups
        assert {row.channel_id for row in rows} == {SMS.id, OTHER.id}
        (whole,) = shop.rollups(by=(), step=ONE_DAY).rollups
        assert whole == Rollup(number=6, start=DAY, longest=timedelta(0))

    def test_intervals_are_whole(self, shop: Shop) -> None:
        shop.clock.advance(minutes=9)

        rollups = shop.rollups(since=AT + timedelta(minutes=7), until=None, step=HOUR)

        assert (rollups.since, rollups.until) == (AT, AT + HOUR)

    def test_they_say_how_far_they_have_come(self, shop: Shop) -> None:
        assert shop.rollups().as_of == AT
        shop.send()
        shop.clock.advance(HOUR)
        assert shop.rollups().as_of == AT
        shop.worker.drain()
        assert shop.rollups().as_of == AT + HOUR

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ({"step": timedelta(minutes=7)}, "query.bad_step"),
            ({"step": 2 * ONE_DAY}, "query.bad_step"),
            ({"since": DAY + 2 * ONE_DAY}, "query.start_after_end"),
            ({"since": DAY - 8 * ONE_DAY}, "query.range_too_long"),
            ({"since": DAY - 40 * ONE_DAY, "step": HOUR}, "query.range_too_long"),
            ({"since": DAY - 3000 * ONE_DAY, "step": ONE_DAY}, "query.range_too_long"),
            ({"tag": ""}, "query.bad_tag"),
        ],
    )
    def test_what_is_not_answered_says_why(
        self, shop: Shop, query: dict[str, Any], code: str
    ) -> None:
        with pytest.raises(InvalidQueryError) as caught:
            shop.rollups(**query)

        assert [violation.code for violation in caught.value.violations] == [code]

    def test_an_unknown_channel_is_refused(self, shop: Shop) -> None:
        with pytest.raises(UnknownChannelError):
            shop.rollups(channel="?")

    def test_a_share_beyond_the_histogram_has_no_bound(self) -> None:
        assert [duration_class(timedelta(seconds=s)) for s in (0, 0.1, 0.11, 90_000)] == [
            "0.1",
            "0.1",
            "0.25",
            LONGER,
        ]
        rows = [
            Rollup(number=number, start=DAY, outcome=RollupOutcome.SENT, detail=detail)
            for number, detail in ((90, "1"), (10, LONGER))
        ]
        rollups = Rollups(rollups=tuple(rows), since=DAY, until=DAY, step=ONE_DAY, as_of=DAY)
        assert rollups.sent_within(0.9) == {DAY: timedelta(seconds=1)}
        assert rollups.sent_within(0.91) == {DAY: None}


def skipped(*codes: str) -> Event:
    reasons = tuple(Reason(code=code, message="") for code in codes)
    return an_event(status=Status.SKIPPED, reasons=reasons)


def rejected(code: int) -> Event:
    return an_event(status=Status.REJECTED, failure=a_failure(code))


def count_events_of(shop: Shop, *events: Event) -> None:
    """Count events, each of a message of its own."""
    for event in events:
        store_events(shop.messenger.storage, [a_message(channel_id=SMS.id).id], [event])
    shop.messenger.rollup_counter.run_once()


def store_events(storage: Storage, message_ids: list[UUID], events: list[Event]) -> None:
    with storage.begin() as tx:
        tx.messages.add(
            [
                a_new_message(evolve(a_message(channel_id=SMS.id), id=message_id))
                for message_id in message_ids
                if tx.messages.get(DEFAULT_WORKSPACE, message_id) is None
            ]
        )
        ids = message_ids * len(events) if len(message_ids) == 1 else message_ids
        tx.timeline.append(
            [evolve(event, message_id=its) for event, its in zip(events, ids, strict=True)]
        )


class CrashingStorage(Storage):
    """Ends a transaction that writes with a crash, before or after its commit, when told to."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.crashes: list[str] = []

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        crash = self.crashes.pop() if self.crashes and not read_only else ""
        with self._storage.begin(connection, read_only=read_only) as tx:
            yield tx
            if crash == "before":
                raise CrashError
        if crash == "after":
            raise CrashError


EVENTS = st.builds(
    an_event,
    st.sampled_from(sorted(set(EventKind) - {EventKind.ADMITTED, EventKind.RECEIVED})),
    status=st.sampled_from(Status),
    at=st.integers(-90_000, 90_000).map(lambda seconds: AT + timedelta(seconds=seconds)),
    outcome=st.sampled_from(["clicked", "opened", None]),
    detail=st.sampled_from(["prefetched", None]),
    failure=st.none() | st.sampled_from([12004, 15001]).map(a_failure),
    tags=st.sampled_from([(), ("a",), ("a", "b")]),
)
HISTORIES = st.lists(st.tuples(st.integers(1, 4).map(lambda n: UUID(int=n)), EVENTS), max_size=25)


class TestModel:
    @given(
        histories=st.lists(HISTORIES, max_size=4),
        page=st.integers(1, 7),
        crashes=st.lists(st.sampled_from(["", "", "before", "after"]), max_size=8),
    )
    def test_roll_ups_are_what_counting_the_events_gives(
        self, histories: list[list[tuple[UUID, Event]]], page: int, crashes: list[str]
    ) -> None:
        storage = CrashingStorage(MemoryStorage())
        clock = ManualClock()
        counters = [RollupCounter(storage, clock, page=page) for _ in range(2)]
        events: list[Event] = []
        for number, history in enumerate(histories):
            batch = []
            for message_id, event in history:
                batch.append(as_first([*events, *batch], evolve(event, message_id=message_id)))
            storage.crashes = []
            store_events(storage, [message_id for message_id, _ in history], batch)
            events += batch
            storage.crashes = crashes[2 * number : 2 * number + 2]
            for counter in counters:
                count_until_crash(counter)
        storage.crashes = []
        counters[0].run()

        assert stored(storage, "") == counted_by_hand(events, tag=None)
        for tag in ("a", "b"):
            assert stored(storage, tag) == counted_by_hand(events, tag=tag)

    def test_a_counter_that_was_overtaken_counts_nothing(self) -> None:
        storage = MemoryStorage()
        first, second = (RollupCounter(storage, ManualClock()) for _ in range(2))
        store_events(storage, [UUID(int=1)], [an_event()])
        slow = Overtaken(storage, second)

        RollupCounter(slow, ManualClock()).run()
        first.run()

        assert slow.was_overtaken
        assert sum(stored(storage, "").values()) == 1


class Overtaken(CrashingStorage):
    """Lets another counter go first, between reading and writing."""

    def __init__(self, storage: Storage, other: RollupCounter) -> None:
        super().__init__(storage)
        self._other = other
        self.was_overtaken = False

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        if not read_only and not self.was_overtaken:
            self.was_overtaken = True
            self._other.run()
        with super().begin(connection, read_only=read_only) as tx:
            yield tx


def as_first(events: list[Event], event: Event) -> Event:
    """Return an event as it is, or as an admission where it is the first of its message."""
    if any(earlier.message_id == event.message_id for earlier in events):
        return event
    is_incoming = event.message_id == UUID(int=4)
    return evolve(event, kind=EventKind.RECEIVED if is_incoming else EventKind.ADMITTED)


def count_until_crash(counter: RollupCounter) -> None:
    try:
        counter.run()
    except CrashError:
        return


Sums = Counter[tuple[datetime, RollupOutcome]]


def stored(storage: Storage, tag: str) -> Sums:
    """Return the sums of five minutes; half hours and days must have the same totals."""
    messenger = Messenger(storage=storage, channels={SMS: RecordingTransport()})
    since, until = DAY - 2 * ONE_DAY, DAY + 3 * ONE_DAY
    fine, *coarse = (
        messenger.rollups(since=since, until=until, tag=tag or None, step=step)
        for step in (FIVE_MINUTES, timedelta(minutes=30), ONE_DAY)
    )
    assert all(rollups.numbers() == fine.numbers() for rollups in coarse)
    return Counter({(row.start, row.outcome): row.number for row in fine.rollups})


def counted_by_hand(events: list[Event], *, tag: str | None) -> Sums:
    """Count by going through the events of each message on their own."""
    sums: Sums = Counter()
    for message_id in {event.message_id for event in events}:
        reached, tags, incoming = set(), (), False
        for event in [event for event in events if event.message_id == message_id]:
            incoming = incoming or event.kind is EventKind.RECEIVED
            if event.kind is EventKind.ADMITTED and not incoming:
                tags = event.tags
            for outcome, detail in meaning(event, incoming=incoming):
                if (outcome, detail) not in reached:
                    reached.add((outcome, detail))
                    if tag is None or tag in tags:
                        sums[floor(event.at), outcome] += 1
    return sums


def meaning(event: Event, *, incoming: bool) -> Iterator[tuple[RollupOutcome, str | None]]:
    if event.kind is EventKind.INTERACTED:
        machine = event.detail == "prefetched"
        yield RollupOutcome.PREFETCHED if machine else RollupOutcome.INTERACTED, event.outcome
    elif event.kind is EventKind.RECEIVED:
        yield RollupOutcome.RECEIVED, None
    elif not incoming:
        if event.kind is EventKind.ADMITTED:
            yield RollupOutcome.ADMITTED, None
        if event.status not in {Status.ACCEPTED, Status.SCHEDULED, Status.PROCESSING}:
            yield RollupOutcome.SETTLED, None
            yield RollupOutcome(event.status), None
        if event.status in {Status.DELIVERED, Status.DELIVERY_FAILED}:
            yield RollupOutcome.SENT, None


def floor(at: datetime) -> datetime:
    return at.replace(minute=at.minute - at.minute % 5, second=0, microsecond=0)
