"""Requests built in code, which may hold values of any type, go through the same reading."""

from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging_core.errors import InvalidMessageError
from messaging_core.models import (
    Annotations,
    CarouselBody,
    EmailFrom,
    GifBody,
    GifMetadata,
    LinkAction,
    LocationRequestAction,
    Meta,
    NumberParameter,
    Receiver,
    ReceiverContact,
    ReceiverType,
    SectionBody,
    SendMessage,
    TemplateReference,
    TextBody,
    TextMetadata,
    text,
    to,
)
from messaging_core.wire import dump, dump_send_message, encode, parse_send_message
from messaging_core.wire.parsing import json_values
from messaging_core.wire.parsing.faults import StopReading, ViolationCollector
from messaging_core.wire.parsing.limits import REQUEST_LIMITS, WireLimits

RECEIVER = to("+31600000001")


class Word(StrEnum):
    HI = "hi"


class Number(Enum):
    ONE = 1


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=20),
    st.dates(),
    st.datetimes(),
    st.uuids(),
    st.decimals(),
    st.binary(max_size=3),
    st.sampled_from([Word.HI, Number.ONE, MappingProxyType({"a": 1})]),
)
VALUES = st.recursive(
    SCALARS,
    lambda items: st.one_of(
        st.lists(items, max_size=3),
        st.tuples(items),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), items, max_size=3),
        st.dictionaries(st.text(max_size=3), items, max_size=3).map(OrderedDict),
    ),
    max_leaves=8,
)


def round_trip(**fields: Any) -> SendMessage:
    return parse_send_message(dump_send_message(SendMessage(**{"receiver": RECEIVER} | fields)))


def faults(**fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidMessageError) as caught:
        round_trip(**fields)
    return [(violation.path, violation.code) for violation in caught.value.violations]


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"receiver": None}, "/receiver", "wire.null"),
        ({"receiver": "+31600000001"}, "/receiver", "wire.type"),
        ({"receiver": Receiver(contacts="+31")}, "/receiver/contacts", "wire.type"),
        ({"receiver": Receiver(contacts=(None,))}, "/receiver/contacts/0", "wire.null"),
        (
            {"receiver": Receiver(contacts=[ReceiverContact(id=UUID(int=1))])},
            "/receiver/contacts/0/id",
            "wire.type",
        ),
        ({"body": "hi"}, "/body", "wire.type"),
        ({"body": b"hi"}, "/body", "wire.type"),
        ({"body": TextBody}, "/body", "wire.type"),
        ({"body": object()}, "/body", "wire.type"),
        ({"body": TextBody(text=5)}, "/body/text/text", "wire.type"),
        ({"body": TextBody(text=None)}, "/body/text/text", "wire.null"),
        ({"body": TextBody(text=b"hi")}, "/body/text/text", "wire.type"),
        (
            {"body": TextBody(text=datetime(2025, 1, 31, tzinfo=UTC))},
            "/body/text/text",
            "wire.type",
        ),
        ({"body": TextBody(text=UUID(int=1))}, "/body/text/text", "wire.type"),
        ({"body": TextBody(text=text("hi"))}, "/body/text/text", "wire.type"),
        ({"body": TextBody(text="\ud800")}, "/body/text/text", "wire.encoding"),
        ({"body": TextBody(text="hi", actions=5)}, "/body/text/actions", "wire.type"),
        ({"body": TextBody(text="hi", actions=["x"])}, "/body/text/actions/0", "wire.type"),
        ({"body": TextBody(text="hi", metadata=[])}, "/body/text/metadata", "wire.type"),
        ({"body": LinkAction(text="a", url="b")}, "/body/type", "wire.enum"),
        (
            {"body": GifBody(media_url="x", metadata=GifMetadata(extra=5))},
            "/body/gif/metadata/extra",
            "wire.type",
        ),
        ({"tags": "vip"}, "/tags", "wire.type"),
        ({"tags": {"vip"}}, "/tags", "wire.type"),
        ({"tags": ("vip", 5)}, "/tags/1", "wire.type"),
        ({"tags": None}, "/tags", "wire.null"),
        ({"cap_frequency": 1}, "/capFrequency", "wire.type"),
        ({"cap_frequency": 0}, "/capFrequency", "wire.type"),
        ({"cap_frequency": ""}, "/capFrequency", "wire.type"),
        ({"validity": "60"}, "/validity", "wire.type"),
        ({"validity": True}, "/validity", "wire.type"),
        ({"validity": 60.0}, "/validity", "wire.type"),
        ({"validity": timedelta(seconds=60)}, "/validity", "wire.type"),
        ({"validity": 2**64}, "/validity", "wire.range"),
        ({"validity": -(2**63) - 1}, "/validity", "wire.range"),
        ({"scheduled_for": "tomorrow"}, "/scheduledFor", "wire.datetime"),
        ({"scheduled_for": datetime(2025, 1, 31, 9)}, "/scheduledFor", "wire.datetime"),  # noqa: DTZ001 - the fault
        ({"scheduled_for": date(2025, 1, 31)}, "/scheduledFor", "wire.type"),
        ({"scheduled_for": 1738314000}, "/scheduledFor", "wire.type"),
        (
            {"scheduled_for": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))},
            "/scheduledFor",
            "wire.datetime",
        ),
        ({"meta": Meta(navigator_id="x")}, "/meta/navigatorId", "wire.uuid"),
        ({"meta": Meta(navigator_id=5)}, "/meta/navigatorId", "wire.type"),
        ({"meta": Meta(extra_information=[])}, "/meta/extraInformation", "wire.type"),
        ({"meta": Meta(extra_information={1: "x"})}, "/meta/extraInformation", "wire.type"),
        ({"meta": EmailFrom(username="x")}, "/meta/username", "wire.unknown_key"),
    ],
)
def test_wrong_types_are_reported_where_they_stand(
    fields: dict[str, Any], path: str, code: str
) -> None:
    assert (path, code) in faults(**fields)


@pytest.mark.parametrize(
    "value",
    [
        {"at": datetime(2025, 1, 31, tzinfo=UTC)},
        {"id": UUID(int=1)},
        {"price": Decimal(1)},
        {"bytes": b"x"},
        {"set": {1}},
        {"number": Number.ONE},
        {"nan": float("nan")},
        {"infinite": float("-inf")},
        {"deep": [{"nan": (float("nan"),)}]},
    ],
)
def test_free_form_objects_hold_nothing_but_json(value: dict[str, Any]) -> None:
    ((path, code),) = faults(meta=Meta(extra_information=value))

    assert path.startswith(f"/meta/extraInformation/{next(iter(value))}")
    assert code == "wire.type"


def test_a_wrong_type_is_reported_once_with_what_belongs_there() -> None:
    with pytest.raises(InvalidMessageError) as caught:
        round_trip(scheduled_for=date(2025, 1, 31), validity=float("nan"))

    assert [violation.message for violation in caught.value.violations] == [
        "expected a date-time string, found date",
        "expected an integer, found a number",
    ]


def test_a_number_that_json_cannot_say_is_reported() -> None:
    parameter = NumberParameter(key="k", value=float("inf"))

    assert faults(template=TemplateReference(parameters=(parameter,))) == [
        ("/template/parameters/0/value", "wire.type")
    ]


def test_what_is_nearly_right_is_taken_for_what_it_means() -> None:
    request = round_trip(
        receiver=Receiver(contacts=[ReceiverContact(identifier_value="a@x.example", type="cc")]),
        body=TextBody(text=Word.HI, metadata=TextMetadata(headers=MappingProxyType({"X": "1"}))),
        tags=["vip"],
        meta=Meta(
            extra_information=MappingProxyType({"a": OrderedDict(b=(1, Word.HI))}),
            navigator_id=str(UUID(int=1)),
        ),
        scheduled_for="2025-01-31T10:00:00+01:00",
    )

    assert request == SendMessage(
        receiver=Receiver(
            contacts=(ReceiverContact(identifier_value="a@x.example", type=ReceiverType.CC),)
        ),
        body=TextBody(text="hi", metadata=TextMetadata(headers={"X": "1"})),
        tags=("vip",),
        meta=Meta(extra_information={"a": {"b": [1, "hi"]}}, navigator_id=UUID(int=1)),
        scheduled_for=datetime(2025, 1, 31, 9, tzinfo=UTC),
    )
    assert type(request.body.text) is str  # type: ignore[union-attr]


def test_json_values_may_stand_for_models() -> None:
    request = round_trip(body={"type": "text", "text": {"text": "hi"}})

    assert request.body == TextBody(text="hi")


def test_an_action_without_choices_is_written_with_its_object() -> None:
    body = TextBody(text="hi", actions=(LocationRequestAction(),))

    assert dump(body) == {
        "type": "text",
        "text": {"text": "hi", "actions": [{"type": "locationRequest", "locationRequest": {}}]},
    }


def test_declared_keys_win_over_undeclared_ones() -> None:
    annotations = Annotations(name="Ada", extra={"name": "Bob", "note": 1})

    assert dump(annotations) == {"name": "Ada", "note": 1}


def test_a_request_that_contains_itself_is_refused() -> None:
    section = SectionBody()
    object.__setattr__(section, "items", (section,))

    with pytest.raises(InvalidMessageError) as caught:
        dump_send_message(SendMessage(receiver=RECEIVER, body=section))

    assert [violation.code for violation in caught.value.violations] == ["wire.depth"]


def test_a_mapping_that_contains_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["loop"] = loop

    ((path, code),) = faults(meta=Meta(extra_information=loop))

    assert path.startswith("/meta/extraInformation/loop/loop")
    assert code == "wire.depth"


def test_lists_that_multiply_are_refused_in_time() -> None:
    many: list[Any] = ["x" * 1_000]
    for _ in range(25):
        many = [many, many, many]

    assert faults(meta=Meta(extra_information={"many": many})) == [("", "wire.size")]


def test_a_card_of_the_wrong_class_is_written_as_what_it_is() -> None:
    body = CarouselBody(items=(LinkAction(text="a", url="b"),))  # type: ignore[arg-type]

    assert ("/body/carousel/items/0/link", "wire.unknown_key") in faults(body=body)


def test_what_is_no_model_is_passed_on() -> None:
    assert dump({"a": 1}) == {"a": 1}
    assert encode(None) == b"null"


@given(values=st.dictionaries(st.text(max_size=3), VALUES, max_size=3), size=st.integers(0, 60))
@example(values={"": UUID(int=1)}, size=1)  # its JSON is too large, and JSON has no such value
@example(values={"": float("nan")}, size=1)
@example(values={"": "€"}, size=8)
@example(values={"": "€"}, size=7)
def test_values_are_read_through_their_json_only_where_a_copy_gives_the_same(
    values: dict[str, Any], size: int
) -> None:
    limits = WireLimits(max_bytes=size)
    faults = ViolationCollector(limits)

    tree = json_values.parse(values, limits)

    try:
        copy = json_values.copy(values, limits, faults)
    except StopReading:
        copy = None
    if tree is not None:
        assert list(faults) == []
        assert encode(tree) == encode(copy)


@pytest.mark.parametrize(
    ("value", "path", "code"),
    [
        (UUID(int=1), "/receiver", "wire.type"),
        (float("nan"), "/receiver", "wire.type"),
        ("x" * 20, "", "wire.size"),
    ],
)
def test_a_wrong_type_is_reported_as_such_also_where_its_text_would_be_too_long(
    value: Any, path: str, code: str
) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        parse_send_message({"receiver": value}, limits=WireLimits(max_bytes=12))

    assert [(fault.path, fault.code) for fault in caught.value.violations] == [(path, code)]


def test_plain_values_are_read_through_their_json_and_share_nothing() -> None:
    values = {"text": "hi", "list": [1, 2.5, None, True, {"inner": "ü"}]}

    tree = json_values.parse(values, REQUEST_LIMITS)

    assert tree == values
    assert tree is not values
    assert tree["list"] is not values["list"]
