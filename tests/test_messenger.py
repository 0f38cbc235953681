"""What a host may rely on when it sends, plans, looks up, lists, cancels and moves messages."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.throttled import Throttled
from messaging_core import (
    Channel,
    ConfigurationError,
    IdempotencyConflictError,
    InvalidMessageError,
    Message,
    MessageQuery,
    MessageType,
    Messenger,
    Rejection,
    StateError,
    Status,
    UnknownChannelError,
    UnknownMessageError,
    Worker,
)
from messaging_core.acceptance.bulk import CHUNK
from messaging_core.errors import InvalidQueryError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.delivery import Delivery
from messaging_core.models.delivery.outcome import Deferred, Outcome, Unknown
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.people.contact import Receiver, ReceiverContact
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.transport import Handoff
from messaging_core.testing import (
    MONDAY_MORNING as NOW,
)
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_failure,
    a_request,
)

MILLISECOND = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)
ORDERS = a_channel("orders")
CODES = a_channel("codes", message_type=MessageType.TWO_FACTOR)
MAIL = a_channel("mail", "email")
ELSEWHERE = a_channel("orders", workspace=UUID(int=7))
CLOSED = a_channel("closed", active=False)
BROKEN = {"receiver": {"contacts": [{"identifierValue": "0612"}]}, "tags": ["!"], "nonsense": 1}


class Engine:
    """A messenger and everything around it."""

    def __init__(self, storage: Storage | None = None) -> None:
        self.storage = storage or MemoryStorage()
        self.clock = ManualClock()
        self.transport = RecordingTransport()
        channels = [ORDERS, CODES, MAIL, ELSEWHERE, CLOSED]
        self.messenger = Messenger(
            storage=self.storage,
            channels=dict.fromkeys(channels, self.transport),
            clock=self.clock,
        )
        self.worker = Worker(self.messenger, threads=1, random=lambda: 0.5)

    def delivery(self, message: Message, workspace: UUID = DEFAULT_WORKSPACE) -> Delivery:
        with self.storage.begin(read_only=True) as tx:
            delivery = tx.outbox.delivery(workspace, message.id)
        assert delivery is not None
        return delivery


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def sqlite() -> Iterator[SqliteStorage]:
    with SqliteStorage(":memory:") as storage:
        yield storage


def rows_of(storage: SqliteStorage) -> dict[str, list[tuple[object, ...]]]:
    """Return everything there is, table by table."""
    execute = storage._connection.execute
    tables = execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {name: execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables}  # noqa: S608


class TestChannels:
    def test_a_channel_is_named_by_itself_its_id_or_its_name(self, engine: Engine) -> None:
        for reference in (ORDERS, ORDERS.id, str(ORDERS.id), "orders"):
            assert engine.messenger.channel(reference) == ORDERS

    def test_a_query_names_a_channel_as_send_does(self) -> None:
        orders, news = a_channel("orders"), a_channel("news")
        transports = {channel: RecordingTransport() for channel in (orders, news)}
        messenger = Messenger(storage=MemoryStorage(), channels=transports, clock=ManualClock())
        message = messenger.send("orders", a_request())
        messenger.send("news", a_request())

        for channel in (orders, orders.id, str(orders.id), "orders", ["orders"]):
            (item,) = messenger.find(MessageQuery(channel_id=channel)).results
            assert item.id == message.id
        assert messenger.find(MessageQuery(channel_id=UUID(int=7))).results == ()
        with pytest.raises(
            UnknownChannelError, match="no channel 'order'; there are: news, orders"
        ):
            messenger.find(MessageQuery(channel_id="order"))

    def test_a_channel_with_an_id_of_its_own_is_found_by_its_name(self) -> None:
        channel = a_channel("numbered", id=uuid4())
        messenger = Messenger(
            storage=MemoryStorage(), channels={channel: RecordingTransport()}, clock=ManualClock()
        )

        assert messenger.channel("numbered") == channel

    def test_a_channel_of_another_workspace_is_not_found_by_its_name(self, engine: Engine) -> None:
        assert engine.messenger.channel("orders") == ORDERS
        assert engine.messenger.channel(ELSEWHERE.id) == ELSEWHERE

    @pytest.mark.parametrize(
        "reference", ["unknown", str(UUID(int=7)), UUID(int=7), a_channel("unknown")]
    )
    def test_an_unknown_channel_is_an_error_that_names_the_known(
        self, engine: Engine, reference: Channel | UUID | str
    ) -> None:
        with pytest.raises(UnknownChannelError) as raised:
            engine.messenger.send(reference, a_request())

        assert "orders" in raised.value.names

    def test_a_wrong_channel_is_a_configuration_error(self) -> None:
        with pytest.raises(ConfigurationError, match="platform"):
            Messenger(storage=MemoryStorage(), channels={a_channel(platform="SMS"): None})  # type: ignore[dict-item]

    def test_two_channels_of_one_name_are_a_configuration_error(self) -> None:
        for other in (a_channel("orders", sender="+31600000002"), a_channel("orders", id=uuid4())):
            with pytest.raises(ConfigurationError, match="orders"):
                Messenger(
                    storage=MemoryStorage(),
                    channels=dict.fromkeys([ORDERS, other], RecordingTransport()),
                )


class TestSend:
    def test_a_message_is_kept_as_it_was_answered(self, engine: Engine) -> None:
        message = engine.messenger.send("orders", a_request("hi", reference="r"))

        assert engine.messenger.get(message.id) == message
        assert (message.status, message.created_at) == (Status.ACCEPTED, NOW)

    def test_json_is_taken_in_every_form(self, engine: Engine) -> None:
        text = (
            '{"receiver": {"contacts": [{"identifierValue": "+31612345678"}]},'
            ' "body": {"type": "text", "text": {"text": "hi"}}}'
        )

        messages = [engine.messenger.send("orders", form) for form in (text, text.encode())]

        assert messages[0].body == messages[1].body == a_request("hi").body

    @pytest.mark.parametrize(
        "request_",
        [
            BROKEN,
            "{",
            b"\xff",
            "[]",
            a_request("hi", to=[]),
            a_request("", to="0612", tags=("!",)),
            a_request(scheduled_for=NOW + timedelta(days=36)),
            a_request(scheduled_for=NOW.replace(tzinfo=None)),
            a_request("\ud800"),
            a_request(receiver=Receiver(contacts=(ReceiverContact(id="unknown"),))),
            a_request(receiver=Receiver(contacts=(ReceiverContact(id="\ud800"),))),
            a_request(validity="soon"),
            a_request(tags=None),
        ],
    )
    def test_a_wrong_request_writes_nothing(self, sqlite: SqliteStorage, request_: object) -> None:
        engine = Engine(sqlite)
        before = rows_of(sqlite)

        with pytest.raises(InvalidMessageError) as raised:
            engine.messenger.send("orders", request_, idempotency_key="k")  # type: ignore[arg-type]

        assert raised.value.violations
        assert rows_of(sqlite) == before

    def test_an_inactive_channel_accepts_nothing(self, engine: Engine) -> None:
        with pytest.raises(InvalidMessageError) as raised:
            engine.messenger.send("closed", a_request())

        assert [violation.code for violation in raised.value.violations] == ["channel.inactive"]

    def test_all_violations_come_at_once(self, engine: Engine) -> None:
        request = a_request("", to="0612", tags=("!",), validity=-1)

        with pytest.raises(InvalidMessageError) as raised:
            engine.messenger.send("orders", request)

        assert {violation.path.split("/")[1] for violation in raised.value.violations} == {
            "receiver",
            "body",
            "tags",
            "validity",
        }

    @pytest.mark.parametrize(
        ("ahead", "status"),
        [
            (-MINUTE, Status.ACCEPTED),
            (10 * MINUTE - MILLISECOND, Status.ACCEPTED),
            (10 * MINUTE, Status.SCHEDULED),
            (timedelta(days=35), Status.SCHEDULED),
        ],
    )
    def test_a_message_waits_from_ten_minutes_to_thirty_five_days(
        self, engine: Engine, ahead: timedelta, status: Status
    ) -> None:
        message = engine.messenger.send("orders", a_request(scheduled_for=NOW + ahead))

        assert message.status is status
        due_at = NOW + ahead if status is Status.SCHEDULED else NOW
        assert engine.delivery(message).due_at == due_at

    def test_thirty_five_days_and_a_millisecond_are_too_far(self, engine: Engine) -> None:
        at = NOW + timedelta(days=35) + MILLISECOND

        with pytest.raises(InvalidMessageError) as raised:
            engine.messenger.send("orders", a_request(scheduled_for=at))

        assert [violation.code for violation in raised.value.violations] == ["schedule.too_far"]

    def test_the_same_receiver_is_one_contact(self, engine: Engine) -> None:
        first, second = (engine.messenger.send("orders", a_request()) for _ in range(2))
        other = engine.messenger.send("orders", a_request(to="+31600000007"))

        assert first.receiver == second.receiver
        assert other.receiver.contacts[0].id != first.receiver.contacts[0].id

    def test_a_contact_may_be_named_by_its_id_alone(self, engine: Engine) -> None:
        first = engine.messenger.send("orders", a_request(to="+31600000007"))
        (contact,) = first.receiver.contacts
        receiver = Receiver(contacts=(ReceiverContact(id=contact.id),))

        second = engine.messenger.send("orders", a_request(receiver=receiver))
        engine.worker.drain()

        assert second.receiver.contacts[0].id == contact.id
        assert [envelope.to for envelope in engine.transport.sent] == ["+31600000007"] * 2

    def test_a_contact_that_the_platform_cannot_reach_is_refused(self, engine: Engine) -> None:
        first = engine.messenger.send("orders", a_request())
        receiver = Receiver(contacts=(ReceiverContact(id=first.receiver.contacts[0].id),))

        with pytest.raises(InvalidMessageError) as raised:
            engine.messenger.send("mail", a_request(receiver=receiver))

        assert [violation.code for violation in raised.value.violations] == ["receiver.unreachable"]

    def test_an_unknown_contact_is_refused(self, engine: Engine) -> None:
        receiver = Receiver(contacts=(ReceiverContact(id="unknown"),))

        with pytest.raises(InvalidMessageError) as raised:
            engine.messenger.send("orders", a_request(receiver=receiver))

        (violation,) = raised.value.violations
        assert (violation.path, violation.code) == (
            "/receiver/contacts/0/id",
            "receiver.unknown_contact",
        )

    def test_a_contact_belongs_to_its_workspace(self, engine: Engine) -> None:
        first = engine.messenger.send("orders", a_request())
        receiver = Receiver(contacts=(ReceiverContact(id=first.receiver.contacts[0].id),))

        with pytest.raises(InvalidMessageError):
            engine.messenger.send(ELSEWHERE, a_request(receiver=receiver))


class TestIdempotency:
    def test_the_same_request_gives_the_first_message(self, engine: Engine) -> None:
        first = engine.messenger.send("orders", a_request("hi"), idempotency_key="k")
        engine.clock.advance(hours=23)

        second = engine.messenger.send("orders", a_request("hi"), idempotency_key="k")

        assert second == first
        assert len(engine.messenger.find().results) == 1

    def test_the_first_message_is_shown_as_it_is_now(self, engine: Engine) -> None:
        engine.messenger.send("orders", a_request(), idempotency_key="k")
        engine.worker.drain()

        again = engine.messenger.send("orders", a_request(), idempotency_key="k")

        assert again.status is Status.SENT

    def test_the_form_of_a_request_does_not_matter(self, engine: Engine) -> None:
        first = engine.messenger.send("orders", a_request("hi"), idempotency_key="k")
        form = {
            "body": {"text": {"text": "hi"}, "type": "text"},
            "receiver": {"contacts": [{"identifierValue": "+31612345678"}]},
        }

        second = engine.messenger.send("orders", form, idempotency_key="k")

        assert second == first

    def test_another_request_is_a_conflict_that_writes_nothing(self, sqlite: SqliteStorage) -> None:
        engine = Engine(sqlite)
        first = engine.messenger.send("orders", a_request("hi"), idempotency_key="k")
        before = rows_of(sqlite)

        with pytest.raises(IdempotencyConflictError) as raised:
            engine.messenger.send("orders", a_request("ho"), idempotency_key="k")

        assert (raised.value.key, raised.value.message_id) == ("k", first.id)
        assert rows_of(sqlite) == before

    def test_another_channel_is_a_conflict_too(self, engine: Engine) -> None:
        engine.messenger.send("orders", a_request(), idempotency_key="k")

        with pytest.raises(IdempotencyConflictError):
            engine.messenger.send("codes", a_request(), idempotency_key="k")

    def test_a_key_belongs_to_its_workspace(self, engine: Engine) -> None:
        first = engine.messenger.send("orders", a_request(), idempotency_key="k")

        second = engine.messenger.send(ELSEWHERE, a_request("ho"), idempotency_key="k")

        assert second.id != first.id

    def test_a_request_that_is_wrong_by_now_still_gives_the_first_message(
        self, engine: Engine
    ) -> None:
        request = a_request(scheduled_for=NOW + timedelta(days=35))
        first = engine.messenger.send("orders", request, idempotency_key="k")
        engine.clock.set(NOW - timedelta(days=1))

        second = engine.messenger.send("orders", request, idempotency_key="k")

        assert second == first

    def test_a_key_that_was_refused_is_free(self, engine: Engine) -> None:
        with pytest.raises(InvalidMessageError):
            engine.messenger.send("orders", a_request(tags=("!",)), idempotency_key="k")

        message = engine.messenger.send("orders", a_request(), idempotency_key="k")

        assert message.status is Status.ACCEPTED

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "\x00", "\ud800"])
    def test_a_key_is_printable_and_short(self, engine: Engine, key: str) -> None:
        with pytest.raises(InvalidMessageError) as raised:
            engine.messenger.send("orders", a_request(), idempotency_key=key)

        assert [violation.code for violation in raised.value.violations] == [
            "idempotency.invalid_key"
        ]

    @pytest.mark.parametrize("storage", [MemoryStorage, lambda: SqliteStorage(":memory:")])
    def test_many_at_once_with_one_key_make_one_message(self, storage: type[MemoryStorage]) -> None:
        engine = Engine(storage())

        def send(_: int) -> UUID:
            return engine.messenger.send("orders", a_request(), idempotency_key="k").id

        with ThreadPoolExecutor(8) as pool:
            ids = set(pool.map(send, range(32)))

        assert len(ids) == len(engine.messenger.find().results) == 1
        getattr(engine.storage, "close", lambda: None)()

    def test_a_repetition_in_one_batch_gives_one_message(self, engine: Engine) -> None:
        first, second, third = engine.messenger.send_many(
            "orders",
            [a_request("hi"), a_request("hi"), a_request("ho")],
            idempotency_keys=["k", "k", "k"],
        )

        assert isinstance(first, Message)
        assert second == first
        assert isinstance(third, Rejection)
        assert [violation.code for violation in third.violations] == ["idempotency.conflict"]


class TestSendMany:
    @pytest.mark.parametrize("keys", [["k"], ["k", "l", "m"]])
    def test_as_many_keys_as_requests_or_nothing_is_kept(
        self, engine: Engine, keys: list[str]
    ) -> None:
        with pytest.raises(ValueError, match="as many keys as there are requests"):
            engine.messenger.send_many(
                "orders", [a_request("a"), a_request("b")], idempotency_keys=keys
            )

        assert len(engine.messenger.find().results) == 0

    def test_every_request_gets_its_answer_in_order(self, engine: Engine) -> None:
        requests = [a_request("a"), BROKEN, a_request("b"), a_request(tags=("!",))]

        answers = engine.messenger.send_many("orders", requests)

        assert [type(answer) for answer in answers] == [Message, Rejection, Message, Rejection]
        rejections = [answer for answer in answers if isinstance(answer, Rejection)]
        assert [rejection.index for rejection in rejections] == [1, 3]
        assert all(rejection.violations for rejection in rejections)

    def test_messages_are_listed_in_the_order_of_the_requests(self, engine: Engine) -> None:
        answers = engine.messenger.send_many("orders", [a_request(str(n)) for n in range(5)])

        listed = engine.messenger.find(MessageQuery(reverse=True)).results

        assert list(listed) == answers

    @pytest.mark.parametrize("number", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1])
    def test_any_number_may_come_from_a_generator(self, engine: Engine, number: int) -> None:
        requests = (BROKEN if n % 100 == 99 else a_request("hi") for n in range(number))

        answers = engine.messenger.send_many("orders", requests)

        assert len(answers) == number
        refused = [answer.index for answer in answers if isinstance(answer, Rejection)]
        assert refused == list(range(99, number, 100))
        with engine.storage.begin(read_only=True) as tx:
            page = tx.messages.find(MessageQuery(limit=1000))
        assert len(page.results) == min(number - len(refused), 1000)

    def test_nothing_but_wrong_requests_writes_nothing(self, sqlite: SqliteStorage) -> None:
        engine = Engine(sqlite)
        before = rows_of(sqlite)

        answers = engine.messenger.send_many("orders", [BROKEN] * 3)

        assert [type(answer) for answer in answers] == [Rejection] * 3
        assert rows_of(sqlite) == before


class TestCancel:
    def test_a_message_that_waits_is_never_sent(self, engine: Engine) -> None:
        message = engine.messenger.send("orders", a_request())
        engine.clock.advance(seconds=1)

        assert engine.messenger.cancel(message.id)

        engine.worker.drain()
        assert engine.transport.attempts == []
        state = engine.messenger.get(message.id)
        assert (state.status, state.last_status_at) == (Status.DELETED, engine.clock.now())

    def test_a_second_time_it_is_too_late(self, engine: Engine) -> None:
        message = engine.messenger.send("orders", a_request())

        assert [engine.messenger.cancel(message.id) for _ in range(2)] == [True, False]

    def test_a_sent_message_is_too_late(self, engine: Engine) -> None:
        message = engine.messenger.send("orders", a_request())
        engine.worker.drain()

        assert not engine.messenger.cancel(message.id)
        assert engine.messenger.get(message.id).status is Status.SENT

    def test_a_message_that_is_being_handed_over_is_too_late(self, engine: Engine) -> None:
        message = engine.messenger.send("orders", a_request())
        answers = []

        class TooLate(RecordingTransport):
            def _hand_over(self, envelope: Envelope, handoff: Handoff) -> None:
                super()._hand_over(envelope, handoff)
                answers.append(engine.messenger.cancel(message.id))

        messenger = Messenger(
            storage=engine.messenger.storage, channels={ORDERS: TooLate()}, clock=engine.clock
        )

        Worker(messenger).drain()

        assert answers == [False]
        assert engine.messenger.get(message.id).status is Status.SENT

    def test_a_message_that_is_claimed_is_withdrawn_up_to_the_point_of_no_return(
        self, engine: Engine
    ) -> None:
        message = engine.messenger.send("orders", a_request())
        answers = []

        class Late(RecordingTransport):
            def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
                answers.append(engine.messenger.cancel(message.id))
                return super().send(envelope, handoff)

        transport = Late()
        messenger = Messenger(
            storage=engine.messenger.storage, channels={ORDERS: transport}, clock=engine.clock
        )

        Worker(messenger).drain()

        assert answers == [True]
        assert engine.messenger.get(message.id).status is Status.DELETED
        assert transport.sent == []

    def test_a_message_between_two_tries_is_withdrawn(self, engine: Engine) -> None:
        message = engine.messenger.send("orders", a_request())
        engine.transport._answer = lambda _: Deferred(failure=a_failure())
        engine.worker.run_once()

        assert engine.messenger.cancel(message.id)

        engine.clock.advance(days=1)
        engine.worker.drain()
        assert len(engine.transport.attempts) == 1

    def test_a_message_that_a_provider_may_have_is_too_late(self, engine: Engine) -> None:
        message = engine.messenger.send("orders", a_request())
        engine.transport._answer = lambda _: Unknown(failure=a_failure())
        engine.worker.run_once()

        assert not engine.messenger.cancel(message.id)

    def test_an_unknown_message_is_an_error(self, engine: Engine) -> None:
        message = engine.messenger.send(ELSEWHERE, a_request())

        for message_id in (uuid4(), message.id):
            with pytest.raises(UnknownMessageError):
                engine.messenger.cancel(message_id)
        assert engine.messenger.cancel(message.id, workspace=ELSEWHERE.workspace)


class TestReschedule:
    def test_a_message_moves_and_keeps_its_own_validity(self, engine: Engine) -> None:
        message = engine.messenger.send("orders", a_request(validity=60))
        at = NOW + timedelta(hours=2)

        moved = engine.messenger.reschedule(message.id, at)

        assert (moved.status, moved.scheduled_for) == (Status.SCHEDULED, at)
        assert engine.messenger.get(message.id) == moved
        delivery = engine.delivery(message)
        assert (delivery.due_at, delivery.expires_at) == (at, at + MINUTE)

    def test_a_wall_clock_time_is_kept_in_utc(self, engine: Engine) -> None:
        message = engine.messenger.send("orders", a_request())
        amsterdam = ZoneInfo("Europe/Amsterdam")
        at = datetime(2026, 1, 6, 9, tzinfo=amsterdam)

        moved = engine.messenger.reschedule(message.id, at)

        assert moved.scheduled_for == at
        assert moved.scheduled_for.tzinfo is UTC
        assert engine.delivery(message).due_at.tzinfo is UTC

    def test_a_message_without_a_validity_gets_that_of_its_channel(self, engine: Engine) -> None:
        at = NOW + timedelta(hours=2)
        message = engine.messenger.send("codes", a_request())

        engine.messenger.reschedule(message.id, at)

        assert engine.delivery(message).expires_at == at + 10 * MINUTE

    @pytest.mark.parametrize(
        ("ahead", "status"),
        [(10 * MINUTE, Status.SCHEDULED), (10 * MINUTE - MILLISECOND, Status.ACCEPTED)],
    )
    def test_the_rules_of_scheduling_hold(
        self, engine: Engine, ahead: timedelta, status: Status
    ) -> None:
        message = engine.messenger.send("orders", a_request(scheduled_for=NOW + 60 * MINUTE))

        moved = engine.messenger.reschedule(message.id, NOW + ahead)

        assert moved.status is status
        assert moved.scheduled_for == (NOW + ahead if status is Status.SCHEDULED else NOW)

    @pytest.mark.parametrize(
        "at", [NOW + timedelta(days=35) + MILLISECOND, NOW.replace(tzinfo=None)]
    )
    def test_a_time_that_is_not_allowed_changes_nothing(self, engine: Engine, at: object) -> None:
        message = engine.messenger.send("orders", a_request())

        with pytest.raises(InvalidMessageError):
            engine.messenger.reschedule(message.id, at)  # type: ignore[arg-type]

        assert engine.messenger.get(message.id) == message

    def test_a_message_that_was_taken_up_cannot_be_moved(self, engine: Engine) -> None:
        message = engine.messenger.send("orders", a_request())
        engine.transport._answer = lambda _: Deferred(failure=a_failure())
        engine.worker.run_once()

        with pytest.raises(StateError):
            engine.messenger.reschedule(message.id, NOW + 60 * MINUTE)

    def test_a_finished_message_cannot_be_moved(self, engine: Engine) -> None:
        message = engine.messenger.send("orders", a_request())
        engine.worker.drain()

        with pytest.raises(StateError, match="sent"):
            engine.messenger.reschedule(message.id, NOW + 60 * MINUTE)

    def test_a_message_that_is_being_handed_over_cannot_be_moved(self, engine: Engine) -> None:
        message = engine.messenger.send("orders", a_request())
        with engine.storage.begin() as tx:
            tx.outbox.claim(now=NOW, lease=MINUTE, limit=1)

        with pytest.raises(StateError):
            engine.messenger.reschedule(message.id, NOW + 60 * MINUTE)

    def test_an_unknown_message_is_an_error(self, engine: Engine) -> None:
        with pytest.raises(UnknownMessageError):
            engine.messenger.reschedule(uuid4(), NOW + 60 * MINUTE)


class TestLookingUp:
    def test_a_message_belongs_to_its_workspace(self, engine: Engine) -> None:
        message = engine.messenger.send(ELSEWHERE, a_request())

        assert engine.messenger.get(message.id, workspace=ELSEWHERE.workspace) == message
        with pytest.raises(UnknownMessageError):
            engine.messenger.get(message.id)
        assert list(engine.messenger.find().results) == []

    def test_a_listing_is_walked_by_its_tokens(self, engine: Engine) -> None:
        sent = engine.messenger.send_many("orders", [a_request() for _ in range(5)])
        query = MessageQuery(limit=2, reverse=True)

        pages = [engine.messenger.find(query)]
        while pages[-1].next_page_token:
            query = evolve(query, page_token=pages[-1].next_page_token)
            pages.append(engine.messenger.find(query))

        assert [message for page in pages for message in page.results] == sent

    @pytest.mark.parametrize(
        "query",
        [
            MessageQuery(limit=0),
            MessageQuery(limit=1001),
            MessageQuery(limit=-1),
            MessageQuery(status="lost"),  # type: ignore[arg-type]
            MessageQuery(platform="!"),
            MessageQuery(start_at=NOW, end_at=NOW - MINUTE),
            MessageQuery(start_at=NOW.replace(tzinfo=None)),
            MessageQuery(page_token="x"),
            MessageQuery(page_token="x" * 8001),
            MessageQuery(reference=[str(n) for n in range(1001)]),
        ],
    )
    def test_a_wrong_listing_is_an_error(self, engine: Engine, query: MessageQuery) -> None:
        with pytest.raises(InvalidQueryError) as raised:
            engine.messenger.find(query)

        assert raised.value.violations

    def test_what_is_no_identifier_is_an_error_and_not_a_surprise(self, engine: Engine) -> None:
        with pytest.raises(InvalidQueryError):
            engine.messenger.find(MessageQuery(id="not-a-uuid"))  # type: ignore[arg-type]


class TestHostTransactions:
    def test_it_reads_what_the_host_has_not_committed(self, tmp_path: Path) -> None:
        with (
            SqliteStorage(tmp_path / "messages.db", busy_timeout=timedelta(seconds=0.1)) as storage,
            closing(sqlite3.connect(tmp_path / "messages.db")) as host,
        ):
            messenger = Engine(storage).messenger
            message = messenger.send("orders", a_request(), connection=host)

            own = messenger.get(message.id, connection=host)
            page = messenger.find(connection=host)
            host.rollback()

            assert (own, page.results) == (message, [message])
            assert messenger.find().results == []

    def test_a_host_that_only_reads_stops_no_writer(self, tmp_path: Path) -> None:
        with (
            SqliteStorage(tmp_path / "messages.db", busy_timeout=timedelta(seconds=0.1)) as storage,
            closing(sqlite3.connect(tmp_path / "messages.db")) as host,
        ):
            messenger = Engine(storage).messenger
            message = messenger.send("orders", a_request())

            assert messenger.get(message.id, connection=host) == message
            assert not host.in_transaction
            messenger.send("orders", a_request())

    def test_messages_in_memory_are_in_no_database_of_the_host(self) -> None:
        messenger = Engine(MemoryStorage()).messenger
        with pytest.raises(ConfigurationError, match="cannot join"):
            messenger.find(connection=object())

    def test_a_rolled_back_message_was_never_sent(self, sqlite: SqliteStorage) -> None:
        engine = Engine(sqlite)
        connection = sqlite._connection
        connection.execute("BEGIN")

        message = engine.messenger.send("orders", a_request(), connection=connection)
        engine.messenger.send_many("orders", [a_request()] * 3, connection=connection)
        connection.execute("ROLLBACK")

        engine.worker.drain()
        assert engine.transport.attempts == []
        with pytest.raises(UnknownMessageError):
            engine.messenger.get(message.id)


class Closable(RecordingTransport):
    def __init__(self) -> None:
        super().__init__()
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_closing_closes_each_transport_behind_others_once() -> None:
    shared, other = Closable(), Closable()
    channels = {
        a_channel("a"): Throttled(shared, 1),
        a_channel("b"): Failover(Throttled(shared, 1), RecordingTransport(), other),
    }

    Messenger(storage=MemoryStorage(), channels=channels).close()

    assert (shared.closed, other.closed) == (1, 1)
