"""What is written is read back as it was, for every model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID, uuid4

import attrs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import MessageQuery, Status, models
from messaging_core.errors import InvalidDocumentError
from messaging_core.models import (
    DEFAULT_WORKSPACE,
    Message,
    NewMessage,
    Page,
    Retry,
    SendMessage,
)
from messaging_core.ports.storage import Storage
from messaging_core.wire import (
    canonical_bytes,
    dump,
    dump_message,
    dump_page,
    dump_send_message,
    dump_stored,
    encode,
    encode_stored,
    load,
    load_message,
    load_page,
    parse_send_message,
)
from messaging_core.wire.stored.message import Stored, StoredMessages, page_json, store

INTEGERS = st.integers(-(2**63), 2**64 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)
LEAVES: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=12),
    bool: st.booleans(),
    int: INTEGERS,
    float: FLOATS,
    UUID: st.uuids(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    Any: JSON,
    NoneType: st.none(),
}

# What transports declare and answer, send rules and what holds them: alternatives without a `type`,
# sets, or spans of time, that never leave the process.
NOT_ON_THE_WIRE = {
    *("Capabilities", "Count", "Counts", "Deferred", "Envelope", "PerRecipient", "Plan"),
    *("Escalation", "PlatformRules", "SenderPool"),
    *("Rollup", "RollupQuery", "Rollups", "UncountedEvents"),
    *("Health", "NewFile", "Operation"),
    *("FrequencyCap", "QuietHours", "QuietWindow", "ReceiverFacts", "Ruling", "SendRules"),
}
CLASSES = [
    kind
    for name in models.__all__
    if attrs.has(kind := getattr(models, name)) and kind is not Page and name not in NOT_ON_THE_WIRE
]


@cache
def instances(cls: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Build instances of an attrs class, made of whatever its fields may hold."""
    hints = get_type_hints(cls)
    fields = {
        field.name: rest_of(cls) if field.metadata.get("open") else values(hints[field.name], depth)
        for field in attrs.fields(cls)
        if field.metadata.get("wire", "") is not None
    }
    return st.builds(cls, **fields)


def rest_of(cls: type) -> st.SearchStrategy[Any]:
    declared = declared_keys(cls)
    keys = st.text(max_size=6).filter(lambda key: key not in declared)
    return st.none() | st.dictionaries(keys, JSON, min_size=1, max_size=2)


def declared_keys(cls: type) -> set[str]:
    return {field.metadata.get("wire") or camel(field.name) for field in attrs.fields(cls)}


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


def values(hint: Any, depth: int) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in LEAVES:
        return LEAVES[hint]
    if origin in {Union, UnionType}:
        return st.one_of(
            [
                st.deferred(lambda argument=argument: values(argument, depth))
                for argument in arguments
            ]
        )
    if origin is tuple:
        return several(arguments[0], depth).map(tuple)
    if origin is Mapping:
        return mappings(arguments[1], depth)
    return st.sampled_from(hint) if issubclass(hint, Enum) else instances(hint, depth)


def mappings(item: Any, depth: int) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.text(max_size=6), values(item, depth), max_size=3)


def several(item: Any, depth: int) -> st.SearchStrategy[list[Any]]:
    if item == models.Body:  # a section holds bodies, and so sections
        return st.just([]) if depth else st.lists(values(item, 1), max_size=2)
    return st.lists(st.deferred(lambda: values(item, depth)), max_size=2)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_model_is_read_back_as_it_was_written(cls: type) -> None:
    @settings(max_examples=25)
    @given(instances(cls))
    def check(value: Any) -> None:
        assert load(cls, encode_stored(value)) == value
        assert load(cls, dump_stored(value)) == value
        assert dump(load(cls, encode(value))) == dump(value)

    check()


@given(instances(SendMessage))
def test_a_request_is_read_back_as_it_was_written(request: SendMessage) -> None:
    assert parse_send_message(encode(request)) == request
    assert parse_send_message(encode(request).decode()) == request
    assert parse_send_message(dump_send_message(request)) == request


def as_shown(message: Message) -> Message:
    """Return a message as JSON has it, which does not say whether a failure is tried again."""
    if message.failure is None:
        return message
    return attrs.evolve(message, failure=attrs.evolve(message.failure, retry=Retry.PERMANENT))


@given(instances(Message))
def test_a_message_is_read_back_as_it_was_written(message: Message) -> None:
    assert load_message(encode(message)) == as_shown(message)
    assert load_message(dump_message(message)) == as_shown(message)


@given(st.lists(instances(Message), max_size=2), st.none() | st.text())
def test_a_page_is_read_back_as_it_was_written(messages: list[Message], token: str | None) -> None:
    page = Page(results=tuple(messages), next_page_token=token)
    shown = Page(results=tuple(map(as_shown, messages)), next_page_token=token)

    assert load_page(encode(page)) == shown
    assert load_page(dump_page(page)) == shown


def accepted_before(message: Message) -> NewMessage:
    """Return a message to add, which waits for nothing.

    Failure codes are columns of 64 bits, and the rules make tags unique.
    """
    failure = message.failure and attrs.evolve(message.failure, code=message.failure.code >> 1)
    tags = tuple(dict.fromkeys(message.tags))
    settled = attrs.evolve(message, status=Status.SENDING_FAILED, failure=failure, tags=tags)
    return NewMessage(workspace=DEFAULT_WORKSPACE, platform="sms", message=settled)


@contextmanager
def memory(_: Path) -> Iterator[Storage]:
    yield MemoryStorage()


@contextmanager
def sqlite(folder: Path) -> Iterator[Storage]:
    with SqliteStorage(folder / f"{uuid4()}.db") as storage:
        yield storage


@pytest.mark.parametrize("kind", [memory, sqlite])
def test_the_json_of_a_storage_is_what_is_dumped(kind: Any, tmp_path: Path) -> None:
    @given(st.lists(instances(Message), max_size=3, unique_by=lambda message: message.id))
    @settings(max_examples=25, deadline=None)
    def check(messages: list[Message]) -> None:
        query = MessageQuery(limit=2)
        with kind(tmp_path) as storage, storage.begin() as tx:
            tx.messages.add([accepted_before(message) for message in messages])

            assert orjson.loads(page_json(tx.messages.find(query))) == orjson.loads(
                orjson.dumps(dump_page(tx.messages.find(query)))
            )
            for message in messages:
                document = tx.messages.get_json(DEFAULT_WORKSPACE, message.id)
                copy = tx.messages.get(DEFAULT_WORKSPACE, message.id)
                assert orjson.loads(document) == orjson.loads(encode(copy))

    check()


@given(st.lists(instances(Message), max_size=3), st.none() | st.text())
def test_the_json_of_any_page_is_what_is_dumped(messages: list[Message], token: str | None) -> None:
    stored = Page(
        results=StoredMessages(dict(enumerate(map(store, messages)))), next_page_token=token
    )
    decoded = Page(results=messages, next_page_token=token)

    for page in (stored, decoded):
        assert orjson.loads(page_json(page)) == orjson.loads(orjson.dumps(dump_page(page)))


@pytest.mark.parametrize("damaged", [b"", b"{}", b"[1]", b'{"id":"0', None])
def test_the_json_of_a_damaged_document_is_an_error(damaged: Any) -> None:
    for stored in (Stored(damaged, '{"status":"sent"}'), Stored(b'{"id":"0"}', damaged)):
        with pytest.raises(InvalidDocumentError, match="no JSON object"):
            stored.json()


@given(instances(SendMessage))
def test_what_is_dumped_is_json_and_nothing_else(request: SendMessage) -> None:
    dumped = dump_send_message(request)

    assert orjson.loads(encode(request)) == dumped


@given(instances(SendMessage))
def test_the_same_request_has_the_same_canonical_bytes(request: SendMessage) -> None:
    again = parse_send_message(encode(request))

    assert canonical_bytes(again) == canonical_bytes(request)


def test_canonical_bytes_do_not_depend_on_how_the_request_was_written() -> None:
    first = parse_send_message(
        b'{"receiver":{"contacts":[{"id":"1"}]},"meta":{"extraInformation":{"a":1,"b":[2]}},'
        b'"scheduledFor":"2025-01-31T10:00:00+01:00","shortLinks":null}'
    )
    other = parse_send_message(
        b'{"scheduledFor":"2025-01-31T09:00:00.000Z","tags":[],'
        b'"meta":{"extraInformation":{"b":[2.0],"a":1.0}},"receiver":{"contacts":[{"id":"1"}]}}'
    )

    assert canonical_bytes(first) == canonical_bytes(other)


def test_canonical_bytes_tell_requests_apart() -> None:
    first = parse_send_message(b'{"receiver":{"contacts":[{"id":"1"}]}}')
    other = parse_send_message(b'{"receiver":{"contacts":[{"id":"2"}]}}')

    assert canonical_bytes(first) != canonical_bytes(other)


def test_fields_equal_to_their_default_are_left_out() -> None:
    request = parse_send_message(
        b'{"receiver":{"contacts":[{"id":"1","identifiers":[]}]},"capFrequency":false,"body":null}'
    )

    assert dump_send_message(request) == {"receiver": {"contacts": [{"id": "1"}]}}


@pytest.mark.parametrize(
    ("instant", "written"),
    [
        (datetime(2025, 1, 31, 9, tzinfo=UTC), "2025-01-31T09:00:00.000Z"),
        (datetime(2025, 1, 31, 9, 0, 0, 120_000, tzinfo=UTC), "2025-01-31T09:00:00.120Z"),
        (datetime(2025, 1, 31, 9, 0, 0, 123_456, tzinfo=UTC), "2025-01-31T09:00:00.123456Z"),
        (
            datetime(2025, 1, 31, 11, tzinfo=timezone(timedelta(hours=2))),
            "2025-01-31T09:00:00.000Z",
        ),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_instants_are_written_in_utc_with_milliseconds(instant: datetime, written: str) -> None:
    request = SendMessage(receiver=models.to("+31600000001"), scheduled_for=instant)

    assert dump_send_message(request)["scheduledFor"] == written


@given(st.datetimes(timezones=st.timezones()))
def test_instants_survive_whatever_their_zone(instant: datetime) -> None:
    try:
        instant.astimezone(UTC)
    except OverflowError:
        return
    request = SendMessage(receiver=models.to("+31600000001"), scheduled_for=instant)

    again = parse_send_message(dump_send_message(request)).scheduled_for

    # Aware datetimes of one zone compare by the clock on the wall, so compare in UTC.
    assert again is not None
    assert again.astimezone(UTC) == instant.astimezone(UTC)


def test_the_direction_of_a_message_is_always_written() -> None:
    instant = datetime(2025, 1, 31, tzinfo=UTC)
    message = Message(
        id=UUID(int=1),
        channel_id=UUID(int=2),
        sender=models.MessageSender(),
        receiver=models.MessageReceiver(),
        status=models.Status.ACCEPTED,
        last_status_at=instant,
        created_at=instant,
        updated_at=instant,
    )

    assert dump_message(message)["direction"] == "outgoing"


def test_an_empty_page_says_so() -> None:
    assert dump_page(Page()) == {"results": []}
    assert load_page(b"{}") == Page()


def test_what_a_failure_calls_for_is_kept_and_not_shown() -> None:
    failure = models.Failure(code=models.FailureCode.THROTTLED, retry=models.Retry.THROTTLED)

    assert dump(failure) == {"code": 15003}
    assert load(models.Failure, encode_stored(failure)) == failure
    assert type(dump(failure)["code"]) is int


def test_keys_stand_in_the_order_of_the_fields() -> None:
    request = SendMessage(receiver=models.to("+31600000001"), reference="r", body=models.text("hi"))

    assert list(dump_send_message(request)) == ["receiver", "body", "reference"]


def test_undeclared_keys_of_an_open_object_are_kept() -> None:
    body = {"type": "gif", "gif": {"mediaUrl": "https://x.example", "metadata": {"loop": [1]}}}
    data = {"receiver": {"contacts": []}, "body": body}

    request = parse_send_message(data)

    assert dump_send_message(request) == data


def test_values_read_from_a_mapping_are_not_shared_with_it() -> None:
    information = {"useCase": "marketing"}
    request = parse_send_message(
        {"receiver": {"contacts": []}, "meta": {"extraInformation": information}}
    )

    information["useCase"] = "changed"

    assert request.meta is not None
    assert request.meta.extra_information == {"useCase": "marketing"}
