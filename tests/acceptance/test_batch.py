"""What a host may rely on when it sends, looks up and cancels whole batches."""

import asyncio
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import evolve
from hypothesis import event, given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import (
    Batch,
    IdempotencyConflictError,
    InvalidMessageError,
    Message,
    MessageQuery,
    Messenger,
    Status,
    StorageError,
    UnknownBatchError,
    UnknownChannelError,
    UnknownMessageError,
    Verdict,
    Violation,
    Worker,
)
from messaging_core.aio import AsyncMessenger
from messaging_core.decisions.acceptance.rejection import (
    MAX_CONTACTS,
    MAX_PATH,
    failure_code,
    rejected,
)
from messaging_core.models import FailureSource, Origin
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.content.body import Image, ImageBody
from messaging_core.models.delivery.outcome import Deferred, Unknown
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.people.contact import Receiver, ReceiverContact
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.ports.transport import Handoff
from messaging_core.rules.content.tags import TAG_LIMIT
from messaging_core.rules.requests.message import MAX_BATCH
from messaging_core.testing import (
    MONDAY_MORNING as NOW,
)
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_failure,
    a_message,
    a_request,
)
from messaging_core.wire import dump_message, load_message

ORDERS = a_channel("orders")
MAIL = a_channel("mail", "email")
ELSEWHERE = a_channel("orders", workspace=UUID(int=7))
CLOSED = a_channel("closed", active=False)
CHANNELS = (ORDERS, MAIL, ELSEWHERE, CLOSED)

PHONE = {"contacts": [{"identifierValue": "+31612345678"}]}
TEXT = {"type": "text", "text": {"text": "hi"}}
TWO = {"contacts": [{"identifierValue": f"+3161234567{n}"} for n in (8, 9)]}
PICTURE = {"type": "image", "image": {"images": [{"mediaUrl": "https://x.example/a.png"}]}}
BROKEN: dict[str, Any] = {"receiver": {"contacts": [{"identifierValue": "0612"}]}, "body": TEXT}
ITSELF: dict[str, Any] = {"receiver": PHONE}
ITSELF["body"] = ITSELF
UNREADABLE = [
    b"",
    "{",
    b"\xff",
    "[]",
    "7",
    "null",
    "[" * 1000,
    '{"receiver": ' + " " * 204_800 + "{}}",
    '{"tags": [' + '"",' * 100 + '""], "nonsense": {"a":1,"a":1}}',
    {},
    {1: 2},
    {"\ud800": 1},
    {"line\nbreak": 1},
    {"body": {"type": "text", "text": {"text": "\ud800"}}},
    {"receiver": {"contacts": math.nan}},
    {"receiver": "unknown", "meta": {"nonsense": 1}},
    ITSELF,
    None,
    7,
    a_request(validity="soon"),
    a_request(tags=None),
    a_request("\ud800"),
]


class Engine:
    """A messenger and everything around it."""

    def __init__(self, storage: Storage, transport: RecordingTransport | None = None) -> None:
        self.storage = storage
        self.clock = ManualClock()
        self.transport = transport or RecordingTransport()
        self.messenger = Messenger(
            storage=storage, channels=dict.fromkeys(CHANNELS, self.transport), clock=self.clock
        )
        self.worker = Worker(self.messenger, threads=1, random=lambda: 0.5)

    def send(self, *requests: Any, **options: Any) -> Batch:
        return self.messenger.send_batch("orders", requests, **options)

    def refused(self, request: Any, channel: str = "orders") -> Message:
        (message,) = self.messenger.send_batch(channel, [request]).messages
        assert message.status is Status.REJECTED
        return message

    def walk(self, **query: Any) -> list[Message]:
        """Return a listing in the order of acceptance, a few a page."""
        current_query = MessageQuery(**{"limit": 7, "reverse": True, **query})
        messages = []
        while True:
            page = self.messenger.find(current_query)
            messages += page.results
            if page.next_page_token is None:
                return messages
            current_query = evolve(current_query, page_token=page.next_page_token)


class ForgetfulStorage(Storage):
    """Lists two messages a page, and can lose messages."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.lost = False

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        with self.storage.begin(connection, read_only=read_only) as tx:
            messages: Any = tx.messages
            find, get = messages.find, messages.get
            messages.find = lambda query: find(evolve(query, limit=2))
            messages.get = lambda *which: None if self.lost else get(*which)
            yield tx


class FailingStorage(Storage):
    """Fails when everything is written, just before it would be durable."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.contact_ids: list[str] = []

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        with self.storage.begin(connection, read_only=read_only) as tx:
            yield tx
            contacts = [
                contact
                for message in tx.messages.find(MessageQuery()).results
                for contact in message.receiver.contacts
            ]
            self.contact_ids += [contact.id for contact in contacts if contact.id]
            raise StorageError("the disk is full")


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    if request.param == "memory":
        yield MemoryStorage()
    else:
        with SqliteStorage(":memory:", scan_budget=3) as sqlite:
            yield sqlite


@pytest.fixture
def engine(storage: Storage) -> Engine:
    return Engine(storage)


def lines_of(violations: Sequence[Violation]) -> str:
    return "\n".join(str(violation) for violation in violations)


class TestSendBatch:
    def test_messages_come_in_the_order_of_the_requests(self, engine: Engine) -> None:
        later = a_request("later", scheduled_for=NOW + timedelta(hours=1))

        batch = engine.send(a_request("a"), BROKEN, later, "{", a_request("b"))

        assert [message.status for message in batch.messages] == [
            Status.ACCEPTED,
            Status.REJECTED,
            Status.SCHEDULED,
            Status.REJECTED,
            Status.ACCEPTED,
        ]
        assert engine.walk() == list(batch.messages)

    def test_a_batch_and_its_messages_have_time_ordered_ids(self, engine: Engine) -> None:
        batch = engine.send(a_request(), BROKEN)

        ids = [batch.id, *(message.id for message in batch.messages)]
        assert ids == sorted(set(ids))
        assert {message_id.version for message_id in ids} == {7}

    @pytest.mark.parametrize("number", [1, MAX_BATCH])
    def test_a_batch_has_one_to_a_hundred_requests(self, engine: Engine, number: int) -> None:
        batch = engine.messenger.send_batch("orders", (a_request(str(n)) for n in range(number)))

        assert len(batch.messages) == number
        assert engine.walk(batch_id=batch.id) == list(batch.messages)

    @pytest.mark.parametrize(
        ("number", "code"), [(0, "batch.empty"), (MAX_BATCH + 1, "batch.too_large")]
    )
    def test_any_other_number_writes_nothing(self, engine: Engine, number: int, code: str) -> None:
        with pytest.raises(InvalidMessageError) as raised:
            engine.send(*[a_request()] * number, idempotency_key="k")

        assert [violation.code for violation in raised.value.violations] == [code]
        assert engine.walk() == []
        assert engine.send(a_request(), idempotency_key="k")

    def test_one_request_is_no_list_of_them(self, engine: Engine) -> None:
        for request in ({"receiver": PHONE, "body": TEXT}, "{}", b"{}", a_request()):
            with pytest.raises(TypeError):
                engine.messenger.send_batch("orders", request)  # type: ignore[arg-type]

        assert engine.walk() == []

    def test_an_unknown_channel_writes_nothing(self, engine: Engine) -> None:
        with pytest.raises(UnknownChannelError):
            engine.messenger.send_batch("unknown", [a_request()])

    def test_valid_requests_are_delivered_and_others_never(self, engine: Engine) -> None:
        batch = engine.send(a_request("a"), BROKEN, a_request("b"))
        with engine.storage.begin(read_only=True) as tx:
            deliveries = [
                tx.outbox.delivery(DEFAULT_WORKSPACE, message.id) for message in batch.messages
            ]

        engine.worker.drain()

        assert [delivery is not None for delivery in deliveries] == [True, False, True]
        assert [envelope.content.text for envelope in engine.transport.sent] == ["a", "b"]  # type: ignore[union-attr]
        assert [message.status for message in engine.walk()] == [
            Status.SENT,
            Status.REJECTED,
            Status.SENT,
        ]

    def test_every_message_names_its_batch(self, engine: Engine) -> None:
        batch = engine.send(a_request(), BROKEN)

        origin = Origin(type="batch", id=str(batch.id))
        assert [message.origin for message in engine.walk()] == [origin, origin]

    def test_messages_are_kept_as_they_were_answered(self, engine: Engine) -> None:
        request = a_request("hi", tags=("VIP",), reference="r", to="+31600000007")

        batch = engine.send(request, evolve(request, validity=-1), *UNREADABLE)

        assert [engine.messenger.get(message.id) for message in batch.messages] == list(
            batch.messages
        )
        assert [load_message(dump_message(message)) for message in batch.messages] == list(
            batch.messages
        )

    def test_a_storage_that_fails_leaves_nothing(self, engine: Engine) -> None:
        failing = FailingStorage(engine.storage)

        with pytest.raises(StorageError):
            Engine(failing).send(a_request(), BROKEN, "{", idempotency_key="k")

        assert failing.contact_ids
        assert engine.walk() == []
        with engine.storage.begin(read_only=True) as tx:
            contacts = [
                tx.contacts.get(DEFAULT_WORKSPACE, contact_id) for contact_id in failing.contact_ids
            ]
            assert (
                tx.messages.by_keys(DEFAULT_WORKSPACE, ["k"], since=NOW - timedelta(days=1)) == {}
            )
            assert tx.outbox.next_due() is None
        assert contacts == [None] * len(contacts)

    def test_everything_is_written_in_one_transaction(self, engine: Engine) -> None:
        begun, begin = [], engine.storage.begin

        def watched(connection: Any = None, *, read_only: bool = False) -> Any:
            begun.append(read_only)
            return begin(connection, read_only=read_only)

        engine.storage.begin = watched  # type: ignore[method-assign]
        engine.send(*[a_request(), BROKEN, "{"] * 30)

        assert begun == [False]


class TestRejected:
    @pytest.mark.parametrize(
        ("request_", "first", "code"),
        [
            ({"receiver": TWO, "body": TEXT}, "receiver.too_many", 11001),
            ({"receiver": PHONE, "body": PICTURE}, "body.mms_not_supported", 11001),
            (BROKEN, "receiver.not_e164", 11003),
            ({"receiver": {"contacts": []}, "body": TEXT}, "receiver.empty", 11003),
            ({"receiver": {"contacts": [{"id": "x"}]}, "body": TEXT},
             "receiver.unknown_contact", 11003),
            (a_request(""), "text.empty", 11004),
            (a_request(ImageBody(images=(Image(media_url="a.png"),))), "body.mms_not_supported",
             11001),
            ({"receiver": PHONE, "template": {"name": "x"}}, "template.unknown", 11004),
            ({"receiver": PHONE, "body": TEXT,
              "sender": {"connector": {"identifierValue": "x" * 99}}}, "sender.invalid", 11005),
            (a_request(tags=("!",)), "tags.bad_character", 11002),
            (a_request(validity=-1), "validity.negative", 11002),
            (a_request(scheduled_for=NOW + timedelta(days=36)), "schedule.too_far", 11002),
            ({"receiver": PHONE}, "message.no_content", 11002),
            ({"receiver": PHONE, "body": TEXT, "nonsense": 1}, "wire.unknown_key", 11002),
            ("{", "wire.json", 11002),
        ],
    )  # fmt: skip
    def test_the_first_violation_gives_the_failure(
        self, engine: Engine, request_: Any, first: str, code: int
    ) -> None:
        message = engine.refused(request_)

        assert message.failure is not None
        assert (message.failure.code, message.details) == (code, first)
        assert message.failure.source == FailureSource(name="pre-processing", code=first)
        assert message.failure.description

    @pytest.mark.parametrize(
        ("path", "code", "number"),
        [
            ("", "channel.inactive", 11001),
            ("/shortLinks", "links.only_on_sms", 11001),
            ("/body/file", "attachment.unsupported_on_platform", 11001),
            ("/body/text/attachments/0", "attachment.empty", 11004),
            ("/body/image/images/0/mediaUrl", "uri.not_http", 11004),
            ("/body/html/metadata/emailFrom/username", "sender.bad_user_name", 11005),
            ("/sender/connector/annotations/name", "text.too_long", 11005),
            ("/receiver/contacts/0/id", "text.too_long", 11003),
            ("/body/text", "wire.type", 11002),
            ("/reference", "text.too_long", 11002),
        ],
    )
    def test_the_field_decides_where_the_rule_does_not(
        self, path: str, code: str, number: int
    ) -> None:
        assert failure_code(Violation(path, code, "m")) == number

    def test_an_inactive_channel_rejects_everything(self, engine: Engine) -> None:
        message = engine.refused(a_request(), "closed")

        assert message.failure is not None
        assert (message.failure.code, message.details) == (11001, "channel.inactive")

    def test_all_violations_are_kept(self, engine: Engine) -> None:
        request = a_request("", to="0612", tags=("!",), validity=-1)
        plan = engine.messenger.plan("orders", request)

        message = engine.refused(request)

        assert len(plan.violations) == 4
        assert message.reason == lines_of(plan.violations)

    def test_neither_address_nor_content_is_in_the_failure(self, engine: Engine) -> None:
        message = engine.refused(a_request("", to="0612345678", tags=("secret!",)))

        assert "0612345678" not in str(message.failure)
        assert "secret" not in f"{message.failure}{message.reason}"

    def test_a_violation_is_one_line_whatever_the_keys_are(self, engine: Engine) -> None:
        key = "a\n/body: fine [x.y]\x00\ud800" + "k" * 10_000

        message = engine.refused({"receiver": PHONE, "body": TEXT, key: 1, "\n": 2})

        assert message.reason is not None
        first, *others = message.reason.split("\n")
        assert first.startswith(r"/a\n~1body: fine [x.y]\x00\ud800k")
        assert len(first) < MAX_PATH + 100
        assert others

    def test_what_can_be_read_is_kept(self, engine: Engine) -> None:
        request = {
            "receiver": PHONE,
            "body": {"type": "text", "text": {"text": 7}},
            "reference": "r",
            "tags": ["VIP"],
            "validity": "soon",
            "nonsense": 1,
        }

        message = engine.refused(request)

        (contact,) = message.receiver.contacts
        assert (contact.id, contact.identifier_value) == (None, "+31612345678")
        assert message.sender.connector is not None
        assert message.sender.connector.identifier_value == ORDERS.sender
        assert (message.body, message.reference, message.tags) == (None, "r", ("vip",))

    def test_a_request_that_only_breaks_rules_is_kept_as_it_is(self, engine: Engine) -> None:
        request = a_request("hi", validity=-1, reference="r", tags=("a",))

        message = engine.refused(request)

        assert (message.body, message.reference, message.tags) == (request.body, "r", ("a",))

    def test_of_a_request_that_is_too_large_as_a_whole_nothing_is_kept(
        self, engine: Engine
    ) -> None:
        request = a_request("x" * 150_000, reference="x" * 150_000)

        message = engine.refused(request)

        assert (message.details, message.body, message.reference) == ("wire.size", None, None)

    def test_no_more_contacts_and_tags_are_kept_than_a_message_may_have(
        self, engine: Engine
    ) -> None:
        numbers = [f"+316{n:08}" for n in range(MAX_CONTACTS + 1)]
        request = a_request("hi", to=numbers, tags=[str(n) for n in range(TAG_LIMIT + 1)])

        message = engine.refused(request)

        values = [contact.identifier_value for contact in message.receiver.contacts]
        assert values == numbers[:MAX_CONTACTS]
        assert message.tags == tuple(map(str, range(TAG_LIMIT)))

    @pytest.mark.parametrize("request_", UNREADABLE)
    def test_what_cannot_be_read_is_kept_without_content(
        self, engine: Engine, request_: Any
    ) -> None:
        message = engine.refused(request_)

        assert message.body is None or isinstance(request_, type(a_request()))
        assert message.failure is not None
        assert message.failure.code == 11002
        assert engine.messenger.get(message.id) == message
        assert engine.walk() == [message]

    def test_a_refused_request_creates_no_contact(self, engine: Engine) -> None:
        refused, sent = engine.send(a_request(validity=-1), a_request()).messages

        assert refused.receiver.contacts[0].id is None
        with engine.storage.begin(read_only=True) as tx:
            contact = tx.contacts.get(DEFAULT_WORKSPACE, str(sent.receiver.contacts[0].id))
        assert contact is not None

    def test_a_known_contact_stays_known(self, engine: Engine) -> None:
        (first,) = engine.send(a_request()).messages
        receiver = Receiver(contacts=(ReceiverContact(id=first.receiver.contacts[0].id),))

        message = engine.refused(a_request(receiver=receiver, validity=-1))

        assert message.receiver.contacts[0].id == first.receiver.contacts[0].id
        assert message.receiver.contacts[0].identifier_value == "+31612345678"

    def test_it_is_found_like_any_other(self, engine: Engine) -> None:
        batch = engine.send(a_request(), BROKEN, "{", a_request("", reference="r"))
        _, broken, unreadable, empty = batch.messages

        assert engine.walk(status=Status.REJECTED) == [broken, unreadable, empty]
        assert engine.walk(failure_code=11003) == [broken]
        assert engine.walk(failure_source_code="wire.json") == [unreadable]
        assert engine.walk(failure_source_name="pre-processing", reference="r") == [empty]
        assert engine.walk(batch_id=batch.id, receiver="0612") == [broken]

    def test_it_cannot_be_cancelled(self, engine: Engine) -> None:
        message = engine.refused(BROKEN)

        assert not engine.messenger.cancel(message.id)
        assert engine.messenger.get(message.id) == message


class TestListing:
    def test_a_batch_is_found_through_pages_among_others(self, engine: Engine) -> None:
        first = engine.send(*[a_request(), BROKEN] * 20)
        second = engine.send(*[a_request("b")] * 20)
        engine.messenger.send_many("orders", [a_request()] * 20)

        assert engine.walk(batch_id=first.id) == list(first.messages)
        assert engine.walk(batch_id=second.id) == list(second.messages)
        assert engine.walk(batch_id=uuid4()) == []
        assert engine.walk(batch_id=first.id, workspace=ELSEWHERE.workspace) == []


class TestIdempotency:
    def test_the_same_requests_give_the_first_batch_as_it_is_now(self, engine: Engine) -> None:
        requests = [a_request("a"), BROKEN, "{", {"receiver": PHONE, "body": TEXT}]
        first = engine.send(*requests, idempotency_key="k")
        engine.clock.advance(hours=1)
        engine.worker.drain()

        again = engine.send(*requests, idempotency_key="k")

        assert again.id == first.id
        assert [message.id for message in again.messages] == [
            message.id for message in first.messages
        ]
        assert [message.status for message in again.messages] == [
            Status.SENT,
            Status.REJECTED,
            Status.REJECTED,
            Status.SENT,
        ]
        assert len(engine.walk()) == 4

    def test_a_batch_comes_back_whole_however_short_the_pages_are(self, storage: Storage) -> None:
        engine = Engine(ForgetfulStorage(storage))
        first = engine.send(*[a_request(), BROKEN, "{"] * 2, idempotency_key="k")

        again = engine.send(*[a_request(), BROKEN, "{"] * 2, idempotency_key="k")

        assert again == first
        assert engine.messenger.cancel_batch(first.id) == 2

    def test_a_batch_whose_first_message_is_gone_is_an_error(self, storage: Storage) -> None:
        forgetful = ForgetfulStorage(storage)
        engine = Engine(forgetful)
        engine.send(a_request(), idempotency_key="k")
        forgetful.lost = True

        with pytest.raises(InvalidMessageError) as raised:
            engine.send(a_request(), idempotency_key="k")

        assert [violation.code for violation in raised.value.violations] == ["idempotency.gone"]

    def test_the_form_of_the_requests_does_not_matter(self, engine: Engine) -> None:
        first = engine.send(a_request("hi"), idempotency_key="k")

        assert engine.send({"body": TEXT, "receiver": PHONE}, idempotency_key="k") == first

    def test_a_request_that_is_wrong_by_now_still_gives_the_first_batch(
        self, engine: Engine
    ) -> None:
        request = a_request(scheduled_for=NOW + timedelta(days=35))
        first = engine.send(request, idempotency_key="k")
        engine.clock.set(NOW - timedelta(days=1))

        assert engine.send(request, idempotency_key="k") == first

    @pytest.mark.parametrize(
        "other",
        [
            [a_request("a")],
            [a_request("b"), a_request("a"), "{"],
            [a_request("a"), a_request("b"), "no"],
            [a_request("a"), a_request("b"), "{", "{"],
            [a_request("a"), a_request("b"), {"receiver": PHONE}],
        ],
    )
    def test_other_requests_are_a_conflict_that_writes_nothing(
        self, engine: Engine, other: list[Any]
    ) -> None:
        first = engine.send(a_request("a"), a_request("b"), "{", idempotency_key="k")

        with pytest.raises(IdempotencyConflictError) as raised:
            engine.send(*other, idempotency_key="k")

        assert (raised.value.key, raised.value.message_id) == ("k", first.messages[0].id)
        assert len(engine.walk()) == 3

    def test_one_message_and_a_batch_of_one_are_not_the_same(self, engine: Engine) -> None:
        engine.messenger.send("orders", a_request(), idempotency_key="one")
        engine.send(a_request(), idempotency_key="batch")

        with pytest.raises(IdempotencyConflictError):
            engine.send(a_request(), idempotency_key="one")
        with pytest.raises(IdempotencyConflictError):
            engine.messenger.send("orders", a_request(), idempotency_key="batch")

    def test_a_key_belongs_to_its_workspace_and_channel(self, engine: Engine) -> None:
        first = engine.send("{", idempotency_key="k")

        other = engine.messenger.send_batch(ELSEWHERE, ["{"], idempotency_key="k")

        assert other.id != first.id
        with pytest.raises(IdempotencyConflictError):
            engine.messenger.send_batch("mail", ["{"], idempotency_key="k")

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "\ud800"])
    def test_a_key_is_printable_and_short(self, engine: Engine, key: str) -> None:
        with pytest.raises(InvalidMessageError) as raised:
            engine.send(a_request(), idempotency_key=key)

        assert [violation.code for violation in raised.value.violations] == [
            "idempotency.invalid_key"
        ]
        assert engine.walk() == []

    def test_a_batch_of_nothing_but_wrong_requests_has_its_key(self, engine: Engine) -> None:
        first = engine.send(*UNREADABLE, idempotency_key="k")

        assert engine.send(*UNREADABLE, idempotency_key="k") == first
        assert {message.status for message in first.messages} == {Status.REJECTED}

    def test_many_at_once_with_one_key_make_one_batch(self, engine: Engine) -> None:
        def send(_: int) -> UUID:
            return engine.send(a_request(), BROKEN, idempotency_key="k").id

        with ThreadPoolExecutor(8) as pool:
            ids = set(pool.map(send, range(32)))

        assert len(ids) == 1
        assert len(engine.walk()) == 2


class TestCancelBatch:
    def test_everything_that_waits_is_withdrawn(self, engine: Engine) -> None:
        later = a_request("later", scheduled_for=NOW + timedelta(hours=1))
        other = engine.send(a_request("other"))
        batch = engine.send(a_request("a"), BROKEN, later, a_request("b"))
        engine.messenger.cancel(batch.messages[3].id)

        assert engine.messenger.cancel_batch(batch.id) == 2

        assert [message.status for message in engine.walk(batch_id=batch.id)] == [
            Status.DELETED,
            Status.REJECTED,
            Status.DELETED,
            Status.DELETED,
        ]
        engine.clock.advance(days=1)
        engine.worker.drain()
        assert [envelope.message_id for envelope in engine.transport.sent] in (
            [],
            [other.messages[0].id],
        )

    def test_a_hundred_are_withdrawn_at_once(self, engine: Engine) -> None:
        batch = engine.send(*[a_request()] * MAX_BATCH)

        assert [engine.messenger.cancel_batch(batch.id) for _ in range(2)] == [MAX_BATCH, 0]

    def test_what_is_being_handed_over_is_too_late(self, storage: Storage) -> None:
        class TooLate(RecordingTransport):
            def _hand_over(self, envelope: Envelope, handoff: Handoff) -> None:
                super()._hand_over(envelope, handoff)
                numbers.append(engine.messenger.cancel_batch(batch.id))

        engine = Engine(storage, TooLate())
        later = a_request(scheduled_for=NOW + timedelta(hours=1))
        batch = engine.send(a_request(), BROKEN, later)
        numbers: list[int] = []

        engine.worker.drain()

        assert numbers == [1]
        assert [message.status for message in engine.walk()] == [
            Status.SENT,
            Status.REJECTED,
            Status.DELETED,
        ]

    def test_between_two_tries_a_message_is_withdrawn_unless_a_provider_may_have_it(
        self, engine: Engine
    ) -> None:
        batch = engine.send(a_request("a"), a_request("b"))
        engine.transport._answer = lambda _: Deferred(failure=a_failure())
        engine.worker.run_once()

        assert engine.messenger.cancel_batch(batch.id) == 2

    def test_what_is_in_doubt_or_sent_is_too_late(self, engine: Engine) -> None:
        later = a_request(scheduled_for=NOW + timedelta(hours=1))
        batch = engine.send(a_request("a"), a_request("b"), later)
        engine.transport._answer = lambda envelope: (
            Unknown(failure=a_failure()) if envelope.content.text == "a" else None
        )
        engine.worker.run_once()

        assert engine.messenger.cancel_batch(batch.id) == 1
        assert [message.status for message in engine.walk()] == [
            Status.PROCESSING,
            Status.SENT,
            Status.DELETED,
        ]

    def test_a_batch_of_nothing_but_wrong_requests_has_nothing_to_withdraw(
        self, engine: Engine
    ) -> None:
        assert engine.messenger.cancel_batch(engine.send(BROKEN, "{").id) == 0

    def test_an_unknown_batch_is_an_error(self, engine: Engine) -> None:
        batch = engine.messenger.send_batch(ELSEWHERE, [a_request()])

        for batch_id in (uuid4(), batch.id, batch.messages[0].id):
            with pytest.raises(UnknownBatchError) as raised:
                engine.messenger.cancel_batch(batch_id)
            assert raised.value.batch_id == batch_id
        assert engine.messenger.cancel_batch(batch.id, workspace=ELSEWHERE.workspace) == 1


class TestHostTransactions:
    def test_a_rolled_back_batch_never_was(self) -> None:
        with SqliteStorage(":memory:") as storage:
            engine = Engine(storage)
            connection = storage._connection
            connection.execute("BEGIN")

            batch = engine.send(a_request(), BROKEN, idempotency_key="k", connection=connection)
            again = engine.send(a_request(), BROKEN, idempotency_key="k", connection=connection)
            connection.execute("ROLLBACK")

            assert again == batch
            engine.worker.drain()
            assert engine.transport.attempts == []
            with pytest.raises(UnknownMessageError):
                engine.messenger.get(batch.messages[1].id)
            assert engine.send(a_request(), idempotency_key="k").id != batch.id

    def test_a_cancellation_that_was_rolled_back_never_was(self) -> None:
        with SqliteStorage(":memory:") as storage:
            engine = Engine(storage)
            batch = engine.send(a_request(), a_request())
            storage._connection.execute("BEGIN")

            number = engine.messenger.cancel_batch(batch.id, connection=storage._connection)
            storage._connection.execute("ROLLBACK")

            assert number == 2
            assert engine.walk() == list(batch.messages)


class TestAsync:
    def test_a_batch_is_sent_and_cancelled(self, engine: Engine) -> None:
        messenger = AsyncMessenger(engine.messenger)

        async def run() -> tuple[Batch, Batch, int]:
            requests = [a_request(), BROKEN]
            first = await messenger.send_batch("orders", requests, idempotency_key="k")
            again = await messenger.send_batch("orders", requests, idempotency_key="k")
            return first, again, await messenger.cancel_batch(first.id)

        first, again, number = asyncio.run(run())

        assert first == again
        assert number == 1

    def test_an_unknown_batch_is_an_error(self, engine: Engine) -> None:
        messenger = AsyncMessenger(engine.messenger)

        with pytest.raises(UnknownBatchError):
            asyncio.run(messenger.cancel_batch(uuid4(), workspace=ELSEWHERE.workspace))


texts = st.text(max_size=30) | st.sampled_from(["", "hi", "\x00", "\ud800", "x" * 50_000])
addresses = st.sampled_from(["+31612345678", "0612", "ada@receiver.example", "", "\x00", "x" * 999])
contacts = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["unknown", ""]),
        "identifierKey": st.sampled_from(["phonenumber", "own", ""]),
        "identifierValue": addresses,
        "identifiers": st.lists(
            st.builds(
                lambda value: {"identifierKey": "emailaddress", "identifierValue": value},
                addresses,
            ),
            max_size=2,
        ),
        "platformAddress": addresses,
        "platformAddressSelector": texts,
        "type": st.sampled_from(["to", "bcc", "unknown"]),
    },
)
nonsense = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
fields: dict[str, Any] = {
    "body": st.builds(lambda text: {"type": "text", "text": {"text": text}}, texts),
    "template": st.builds(lambda name: {"name": name}, texts),
    "sender": st.builds(lambda value: {"connector": {"identifierValue": value}}, texts),
    "tags": st.lists(texts, max_size=12),
    "reference": texts,
    "meta": st.builds(
        lambda subject, extra: {"email": {"subject": subject}, "extraInformation": extra},
        texts,
        st.dictionaries(texts, nonsense, max_size=2),
    ),
    "shortLinks": st.builds(lambda domain: {"domain": domain}, texts),
    "replyTo": st.just({"id": "1", "type": "message"}),
    "scheduledFor": st.sampled_from(
        ["2025-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999-12:00", "0001-01-01T00:00:00+14:00"]
    ),
    "validity": st.integers(),
}
good = st.builds(
    lambda receiver, body: {"receiver": {"contacts": [receiver]}, "body": body},
    st.just({"identifierValue": "+31612345678"}),
    st.builds(lambda text: {"type": "text", "text": {"text": text}}, st.just("hi") | texts),
)
wrong = st.fixed_dictionaries(
    {},
    optional={
        "receiver": st.builds(lambda some: {"contacts": some}, st.lists(contacts, max_size=3)),
        **{name: values | nonsense for name, values in fields.items()},
        "nonsense": nonsense,
    },
)
ruled = st.builds(
    lambda request, more: {**request, **more},
    good,
    st.fixed_dictionaries({}, optional=fields),
)
any_requests = st.one_of(
    good, good, ruled, ruled, wrong, nonsense, st.binary(max_size=9), st.text(max_size=9)
).filter(lambda request: request is not None)  # `plan` then asks for keywords


@given(st.lists(any_requests, min_size=1, max_size=8), st.sampled_from(CHANNELS), st.booleans())
def test_a_batch_is_what_the_plans_of_its_requests_say(
    requests: list[Any],
    channel: Any,
    durable: bool,  # noqa: FBT001 - which storage
) -> None:
    storage = SqliteStorage(":memory:") if durable else MemoryStorage()
    engine = Engine(storage)
    plans = [engine.messenger.plan(channel, request) for request in requests]

    batch = engine.messenger.send_batch(channel, requests, idempotency_key="k")

    assert batch == engine.messenger.send_batch(channel, requests, idempotency_key="k")
    assert engine.walk(workspace=channel.workspace, batch_id=batch.id) == list(batch.messages)
    for plan, message in zip(plans, batch.messages, strict=True):
        event(plan.verdict)
        with storage.begin(read_only=True) as tx:
            delivery = tx.outbox.delivery(channel.workspace, message.id)
        assert engine.messenger.get(message.id, workspace=channel.workspace) == message
        if plan.verdict is Verdict.INVALID:
            expected = rejected(a_message(), plan.violations)
            assert delivery is None
            assert (message.status, message.details, message.reason, message.failure) == (
                Status.REJECTED,
                expected.details,
                expected.reason,
                expected.failure,
            )
            continue
        assert delivery is not None
        assert (message.status, message.failure) == (plan.verdict, None)
        assert (delivery.due_at, delivery.expires_at) == (plan.due_at, plan.expires_at)
    engine.worker.drain()
    planned = [plan.envelope for plan in plans if plan.verdict is Verdict.ACCEPTED]
    assert [envelope.content for envelope in engine.transport.attempts] == [
        plan.content for plan in planned if plan
    ]
    if isinstance(storage, SqliteStorage):
        storage.close()
