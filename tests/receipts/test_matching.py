"""Which receipts are believed: those that fit, of messages that went, or may have gone."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.transports.composition.circuit_breaker import CircuitBreaker
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.round_robin import RoundRobin
from messaging_core import (
    Channel,
    Message,
    Messenger,
    Status,
    Worker,
)
from messaging_core.decisions.status.evidence import late_acceptance
from messaging_core.errors import InvalidRequestError, StorageBusyError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE, WhenInDoubt
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.content.body import TextBody
from messaging_core.models.delivery.delivery import Resolution
from messaging_core.models.delivery.interaction import Conversion, InteractionType
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    InteractionReceipt,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.policy.send_rules import QuietHours, QuietWindow, SendRules
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.transport import Handoff, Transport
from messaging_core.receipts.status import StatusResolver
from messaging_core.testing import (
    MONDAY_MORNING as NOW,
)
from messaging_core.testing import (
    BeforeHandoff,
    ManualClock,
    RecordingTransport,
    a_channel,
    a_failure,
    a_request,
)

ORDERS = a_channel("orders")
OTHER = a_channel("other")
MAIL = a_channel("mail", "email")
ACCEPTED = Accepted(references=("r-1",))
BUSY = Deferred(failure=a_failure(retry=Retry.TRANSIENT))
LOST = Unknown(failure=a_failure(FailureCode.IN_DOUBT, retry=Retry.AMBIGUOUS))
ADDRESS = {"sms": "+31612345678", "email": "a@x.example", "push": "token@app"}


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    if request.param == "memory":
        yield MemoryStorage()
    else:
        with SqliteStorage(":memory:") as opened:
            yield opened


class Provider(RecordingTransport):
    """A provider whose receipts overtake what it does."""

    def __init__(self, *answers: Any, name: str = "acme", references: tuple[str, ...] = ()) -> None:
        super().__init__(answers)
        self.name = name
        self.before: Callable[[Envelope], object] = lambda _: None
        self.after: Callable[[Envelope], object] = lambda _: None
        self.references = references

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        self.before(envelope)
        references = self.references

        class Knowing(Handoff):
            def __call__(self, *, references: Any = references) -> None:
                handoff(references=references)

        outcome = super().send(envelope, Knowing())
        self.after(envelope)
        return outcome


class Engine:
    """A messenger with one worker."""

    def __init__(
        self, storage: Storage, channels: dict[Channel, Transport], **options: Any
    ) -> None:
        self.clock = ManualClock()
        self.messenger = Messenger(storage=storage, channels=channels, clock=self.clock)
        self.worker = Worker(self.messenger, threads=1, random=lambda: 0.5, **options)

    def send(self, channel: Channel = ORDERS, **fields: Any) -> Message:
        return self.messenger.send(channel, a_request(to=ADDRESS[channel.platform], **fields))

    def status(self, message: Message) -> Status:
        return self.messenger.get(message.id).status


def a_report(status: ReceiptStatus = ReceiptStatus.DELIVERED, **fields: Any) -> StatusReceipt:
    return StatusReceipt(**{"source": "acme", "at": NOW, "status": status, **fields})


def a_bounce(**fields: Any) -> StatusReceipt:
    failure = a_failure(FailureCode.UNKNOWN_RECEIVER, retry=Retry.PERMANENT)
    return a_report(ReceiptStatus.FAILED, failure=failure, **fields)


EARLY: list[Callable[[Envelope], Any]] = [
    lambda envelope: a_report(message_id=envelope.message_id),
    lambda envelope: a_report(ReceiptStatus.SENT, message_id=envelope.message_id),
    lambda envelope: a_bounce(message_id=envelope.message_id),
    lambda envelope: a_report(message_id=envelope.message_id, reference="elsewhere"),
    lambda envelope: InteractionReceipt(
        source="acme",
        at=NOW,
        type=InteractionType.REPORTED_AS_SPAM,
        message_id=envelope.message_id,
    ),
]


@pytest.mark.parametrize("report", EARLY)
def test_before_the_hand_over_a_receipt_changes_nothing_now_or_later(
    storage: Storage, report: Callable[[Envelope], Any]
) -> None:
    provider = Provider(ACCEPTED)
    engine = Engine(storage, {MAIL: provider})
    seen: list[Any] = []
    provider.before = lambda envelope: seen.append(
        engine.messenger.receive(report(envelope)).unmatched
    )
    message = engine.send(MAIL)

    engine.worker.drain()
    engine.worker.run_once()

    assert (seen, len(provider.sent)) == ([1], 1)
    assert engine.status(message) is Status.SENT
    assert engine.messenger.interactions(message.id) == []
    assert engine.send(MAIL).status is Status.ACCEPTED  # and no address was suppressed


def test_an_attempt_that_never_came_to_the_hand_over_is_no_hand_over(storage: Storage) -> None:
    provider = Provider(BeforeHandoff(ConnectionRefusedError()), ACCEPTED)
    engine = Engine(storage, {ORDERS: provider})
    message = engine.send()
    engine.worker.drain()

    early = engine.messenger.receive(a_report(message_id=message.id))
    waiting = engine.status(message)
    engine.clock.advance(hours=1)
    engine.worker.drain()

    assert (early.unmatched, waiting) == (1, Status.PROCESSING)
    assert len(provider.sent) == 1
    assert engine.status(message) is Status.SENT


def test_between_two_attempts_a_receipt_ends_what_went_and_was_refused(storage: Storage) -> None:
    provider = Provider(BUSY, ACCEPTED)
    engine = Engine(storage, {ORDERS: provider})
    message = engine.send()
    engine.worker.drain()

    applied = engine.messenger.receive(a_report(message_id=message.id)).applied
    engine.clock.advance(hours=1)
    engine.worker.drain()

    assert applied == 1
    assert len(provider.sent) == 1
    assert engine.status(message) is Status.DELIVERED


@pytest.mark.parametrize("fields", [{}, {"reference": "r-1"}, {"reference": "elsewhere"}])
@pytest.mark.parametrize("answer", [ACCEPTED, LOST])
@pytest.mark.parametrize("durable_handoff", [True, False])
def test_after_the_hand_over_a_receipt_counts_whether_it_was_marked_or_not(
    storage: Storage, answer: Outcome, fields: dict[str, Any], *, durable_handoff: bool
) -> None:
    provider = Provider(answer, ACCEPTED)
    engine = Engine(storage, {ORDERS: provider}, durable_handoff=durable_handoff)
    provider.after = lambda envelope: engine.messenger.receive(
        a_report(message_id=envelope.message_id, **fields)
    )
    message = engine.send()

    engine.worker.drain()
    engine.clock.advance(hours=1)
    engine.worker.drain()

    assert len(provider.sent) == 1
    assert engine.status(message) is Status.DELIVERED


@pytest.mark.parametrize("end", ["cancel", "refuse"])
def test_of_what_is_over_and_never_went_no_receipt_is_believed(storage: Storage, end: str) -> None:
    engine = Engine(storage, {MAIL: Provider(ACCEPTED)})
    message = engine.send(MAIL)
    if end == "cancel":
        assert engine.messenger.cancel(message.id)
    else:
        engine.messenger.receive(
            IncomingMessage(
                source="acme",
                at=NOW,
                channel_id=MAIL.id,
                sender="b@x.example",
                body=TextBody(text="Hi"),
                reference="in-1",
            )
        )
    before = engine.status(message)
    target = {"message_id": message.id} if end == "cancel" else {"reference": "in-1"}

    assert engine.messenger.receive(a_bounce(**target)).unmatched == 1
    assert engine.status(message) is before
    assert engine.send(MAIL).status is Status.ACCEPTED


def test_our_id_has_to_fit_channel_and_source_where_they_are_given(storage: Storage) -> None:
    channels: dict[Channel, Transport] = {
        ORDERS: Provider(ACCEPTED),
        OTHER: Provider(ACCEPTED, name="else"),
    }
    engine = Engine(storage, channels)
    message = engine.send()
    engine.worker.drain()

    reception = engine.messenger.receive(
        [
            a_report(message_id=message.id, channel_id=OTHER.id),
            a_report(message_id=message.id, source="else"),
            a_report(message_id=message.id, source="else", reference="r-1"),
        ]
    )
    before = engine.status(message)
    fitting = engine.messenger.receive(
        a_report(message_id=message.id, channel_id=ORDERS.id, source="a webhook of the host's")
    )

    assert (reception.unmatched, before) == (3, Status.SENT)
    assert (fitting.applied, engine.status(message)) == (1, Status.DELIVERED)


def test_a_source_tells_which_of_two_providers_a_reference_is_of(storage: Storage) -> None:
    channels: dict[Channel, Transport] = {
        ORDERS: Provider(ACCEPTED),
        OTHER: Provider(ACCEPTED, name="else"),
    }
    engine = Engine(storage, channels)
    messages = [engine.send(ORDERS), engine.send(OTHER)]
    engine.worker.drain()

    unclear = engine.messenger.receive(a_report(reference="r-1", source="webhook"))
    engine.messenger.receive(a_report(reference="r-1", source="else"))

    assert unclear.unmatched == 1
    assert list(map(engine.status, messages)) == [Status.SENT, Status.DELIVERED]


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: Failover(inner, Provider(name="spare")),
        lambda inner: RoundRobin(inner, Provider(ACCEPTED, name="spare")),
        CircuitBreaker,
        lambda inner: Failover(CircuitBreaker(inner), name="all"),
    ],
)
def test_a_transport_reports_for_the_channel_whatever_stands_before_it(
    storage: Storage, around: Callable[[Transport], Transport]
) -> None:
    channels: dict[Channel, Transport] = {
        ORDERS: around(Provider(ACCEPTED)),
        OTHER: Provider(ACCEPTED, name="else"),
    }
    engine = Engine(storage, channels)
    message = engine.send()
    engine.worker.drain()

    assert engine.messenger.receive(a_report(message_id=message.id, source="else")).unmatched == 1
    assert engine.messenger.receive(a_report(message_id=message.id, source="acme")).applied == 1


@pytest.mark.parametrize("written", ["id@shop", "<id@shop>", " <id@shop>\r\n"])
@pytest.mark.parametrize("known_as", ["id@shop", "<id@shop>"])
def test_a_reference_that_is_known_beforehand_ends_a_doubt(
    storage: Storage, written: str, known_as: str
) -> None:
    parking = evolve(MAIL, when_in_doubt=WhenInDoubt.PARK)
    provider = Provider(LOST, references=(known_as,))
    engine = Engine(storage, {parking: provider})
    message = engine.send(parking)
    engine.worker.drain()
    doubted = engine.messenger.get(message.id)

    applied = engine.messenger.receive(a_report(reference=written)).applied
    engine.clock.advance(days=1)
    engine.worker.drain()

    assert (doubted.status, doubted.details) == (Status.PROCESSING, "in_doubt")
    assert (applied, len(provider.sent)) == (1, 1)
    assert engine.status(message) is Status.DELIVERED
    assert engine.messenger.doubts().reported == 1


@pytest.mark.parametrize("answered", ["id@shop", "<id@shop>"])
@pytest.mark.parametrize("reported", ["id@shop", "<id@shop>"])
def test_brackets_around_a_reference_mean_nothing(
    storage: Storage, answered: str, reported: str
) -> None:
    engine = Engine(storage, {MAIL: Provider(Accepted(references=(answered,)))})
    early = engine.messenger.receive(a_report(reference=reported))
    message = engine.send(MAIL)

    engine.worker.drain()

    assert early.unmatched == 1
    assert engine.status(message) is Status.DELIVERED


@pytest.mark.parametrize("is_gone", [False, True])
def test_only_email_bounces_after_a_delivery_whatever_the_address_looks_like(
    storage: Storage, *, is_gone: bool
) -> None:
    later = NOW + timedelta(seconds=5)
    ends = []
    for platform in ("push", "email"):
        channel = a_channel(f"to-{platform}", platform)
        engine = Engine(storage, {channel: Provider(ACCEPTED)})
        message = engine.send(channel)
        engine.worker.drain()
        if is_gone:  # the host does not have the channel any more
            engine = Engine(storage, {ORDERS: Provider(name="sms")})
        engine.messenger.receive(a_report(message_id=message.id))
        engine.messenger.receive(a_bounce(message_id=message.id, at=later))
        ends.append(engine.status(message))

    assert ends == [Status.DELIVERED, Status.DELIVERY_FAILED]


def test_a_message_that_was_rejected_outright_stays_so(storage: Storage) -> None:
    refused = Rejected(failure=a_failure(FailureCode.REFUSED, retry=Retry.PERMANENT))
    engine = Engine(storage, {ORDERS: Provider(refused)})
    message = engine.send()
    engine.worker.drain()

    engine.messenger.receive(a_report(message_id=message.id))

    assert engine.status(message) is Status.SENDING_FAILED


class Counting(MemoryStorage):
    """A storage that counts its transactions, and fails some of them."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.fault: Exception | None = None

    def begin(self, connection: Any = None, *, read_only: bool = False) -> Any:
        self.begun += not read_only
        if self.fault and self.begun > 1:
            raise self.fault
        return super().begin(connection, read_only=read_only)


def _delivered(engine: Engine, count: int) -> list[Message]:
    messages = engine.messenger.send_many(ORDERS, [a_request()] * count)
    engine.worker.drain()
    return list(messages)


def test_many_receipts_are_kept_and_applied_with_few_commits() -> None:
    storage = Counting()
    engine = Engine(storage, {ORDERS: RecordingTransport()})
    messages = _delivered(engine, 300)
    storage.begun = 0

    reception = engine.messenger.receive([a_report(message_id=message.id) for message in messages])

    assert (reception.applied, storage.begun) == (300, 3)
    assert {engine.status(message) for message in messages} == {Status.DELIVERED}


def test_one_receipt_that_fails_spoils_no_other(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine(storage, {ORDERS: RecordingTransport()})
    messages = _delivered(engine, 3)
    reports: list[Any] = [a_report(message_id=message.id) for message in messages]
    incoming = IncomingMessage(
        source="acme", at=NOW, channel_id=ORDERS.id, sender="+31612345679", body=TextBody(text="Hi")
    )
    ids = engine.messenger.context.ids
    object.__setattr__(engine.messenger.inbox.context, "ids", Broken())

    reception = engine.messenger.receive([*reports[:2], incoming, reports[2]])
    engine.worker.run_once()
    engine.worker.run_once()
    object.__setattr__(engine.messenger.inbox.context, "ids", ids)
    engine.clock.advance(seconds=5)
    engine.worker.run_once()

    assert (reception.applied, reception.failed) == (3, 1)
    assert {engine.status(message) for message in messages} == {Status.DELIVERED}
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert told == ["receipt 3 could not be applied: ZeroDivisionError"]
    assert len(engine.messenger.find().results) == 4


class Broken:
    """An id source of the host's that fails."""

    def new(self, _: Any) -> Any:
        raise ZeroDivisionError


def test_a_storage_that_is_busy_is_not_asked_for_each_receipt() -> None:
    storage = Counting()
    engine = Engine(storage, {ORDERS: RecordingTransport()})
    messages = _delivered(engine, 5)
    storage.begun, storage.fault = 0, StorageBusyError("busy")

    reception = engine.messenger.receive([a_report(message_id=message.id) for message in messages])
    tried = storage.begun
    storage.fault = None
    engine.worker.run_once()

    assert (reception.failed, tried) == (5, 2)
    assert {engine.status(message) for message in messages} == {Status.DELIVERED}


@pytest.mark.parametrize("state", ["kept", "unmatched"])
def test_a_receipt_that_cannot_be_read_is_put_aside_with_one_word_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    path = tmp_path / "a.db"
    with SqliteStorage(path) as storage:
        engine = Engine(storage, {ORDERS: Provider(ACCEPTED)})
        engine.messenger.receive([a_report(reference="r-1"), a_report(reference="other")])
        with sqlite3.connect(path) as connection:
            connection.execute(
                "UPDATE messaging_receipts SET document = '{\"at\": 1', state = ?"
                " WHERE position = 1",
                (state,),
            )
        message = engine.send()
        engine.worker.drain()
        engine.worker.run_once()
        engine.worker.run_once()

        told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
        assert told == ["receipt 1 cannot be read, and is put aside"]
        assert engine.status(message) is Status.SENT
        assert engine.messenger.receive(a_report(message_id=message.id)).applied == 1
        assert engine.messenger.get(message.id).status is Status.DELIVERED


class Unreadable(MemoryStorage):
    """A storage out of which comes something that no storage raises."""

    is_damaged = False

    def begin(self, connection: Any = None, *, read_only: bool = False) -> Any:
        if read_only and self.is_damaged:
            raise RecursionError("a person's own words")
        return super().begin(connection, read_only=read_only)


def test_whatever_goes_wrong_with_the_inbox_the_worker_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    storage = Unreadable()
    engine = Engine(storage, {ORDERS: Provider(ACCEPTED)})
    message = engine.send()
    storage.is_damaged = True

    engine.worker.run_once()
    storage.is_damaged = False

    assert engine.status(message) is Status.SENT
    inbox, rollups = [record.getMessage() for record in caplog.records]
    assert inbox == "the receipts that wait could not be read: RecursionError"
    assert rollups.startswith("counting events failed: RecursionError at ")


def test_nothing_is_kept_where_one_receipt_is_of_no_use(storage: Storage) -> None:
    engine = Engine(storage, {ORDERS: Provider(ACCEPTED)})
    message = engine.send()
    engine.worker.drain()
    good, bad = a_report(message_id=message.id), a_report(at=NOW.replace(tzinfo=None))

    with pytest.raises(InvalidRequestError, match="/1/at"):
        engine.messenger.receive([good, bad])

    assert engine.status(message) is Status.SENT
    assert engine.messenger.receive(good).repeated == 0


def test_a_conversion_with_a_naive_time_is_refused(storage: Storage) -> None:
    engine = Engine(storage, {ORDERS: Provider(ACCEPTED)})
    message = engine.send()
    conversion = Conversion(type="url", status="converted", timestamp=NOW.replace(tzinfo=None))

    with pytest.raises(InvalidRequestError, match="/timestamp"):
        engine.messenger.report_conversion(message.id, conversion)
    assert engine.messenger.interactions(message.id) == []


EVENING = datetime(2026, 1, 17, 19, 59, 50, tzinfo=UTC)  # ten seconds to nine in Amsterdam
OFFERS = Channel(name="offers", platform="sms", sender="+31600000001", message_type="promotional")
QUIET_AT_NINE = SendRules(
    quiet_hours=QuietHours(
        windows=(QuietWindow(start=time(21), end=time(8)),), fallback_zone="Europe/Amsterdam"
    )
)


def test_what_is_held_back_after_an_attempt_that_went_counts_as_sent_by_a_receipt(
    storage: Storage,
) -> None:
    clock, provider = ManualClock(EVENING), Provider(evolve(BUSY, retry_after=timedelta(minutes=1)))
    messenger = Messenger(
        storage=storage, channels={OFFERS: provider}, clock=clock, send_rules=QUIET_AT_NINE
    )
    worker = Worker(messenger, threads=1)
    message = messenger.send(OFFERS, a_request(to=ADDRESS["sms"], validity=172_800))
    worker.drain()
    clock.advance(minutes=2)
    worker.drain()
    held = messenger.get(message.id).status

    messenger.receive(a_report(ReceiptStatus.SENT, message_id=message.id))
    sent = messenger.get(message.id)

    assert held is Status.SCHEDULED
    assert (sent.status, sent.reason, sent.details) == (Status.SENT, None, None)
    assert worker.drain().total == 0


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (ReceiptStatus.DELIVERED, Status.DELIVERED),
        (ReceiptStatus.FAILED, Status.DELIVERY_FAILED),
    ],
)
def test_a_late_answer_with_more_parts_withdraws_no_delivery_until_they_are_reported(
    storage: Storage, second: ReceiptStatus, expected: Status
) -> None:
    engine = Engine(storage, {ORDERS: Provider(Accepted())})
    message = engine.send()
    engine.worker.drain()
    engine.messenger.receive(a_report(message_id=message.id, reference="part-1"))
    delivered = engine.messenger.get(message.id)

    with storage.begin() as tx:
        late = late_acceptance(("part-1", "part-2"))
        resolver = StatusResolver(tx, engine.messenger.channels.by_id)
        shown = resolver.apply(
            DEFAULT_WORKSPACE, delivered, None, late, at=NOW, how=Resolution.ANSWERED
        )
    status = engine.status(message)
    engine.messenger.receive(a_report(second, message_id=message.id, reference="part-2"))

    assert [delivered.status, shown.status, status] == [Status.DELIVERED] * 3
    assert engine.status(message) is expected


@pytest.mark.parametrize(
    ("smart_encoding", "expected"), [(True, Status.DELIVERED), (False, Status.SENT)]
)
def test_the_encoding_of_the_channel_decides_how_many_parts_a_report_must_cover(
    storage: Storage, *, smart_encoding: bool, expected: Status
) -> None:
    channel = evolve(ORDERS, smart_encoding=smart_encoding)
    engine = Engine(storage, {channel: Provider(Accepted())})
    message = engine.send(channel, body="\u2018" + "x" * 100 + "\u2019")
    engine.worker.drain()

    engine.messenger.receive(a_report(message_id=message.id, reference="part-1"))

    assert engine.status(message) is expected
