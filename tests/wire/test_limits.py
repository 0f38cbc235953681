"""Each limit at its value and one beyond, whichever way a document comes in."""

import linecache
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from attrs import Factory, define

from messaging_core.errors import InvalidDocumentError, InvalidMessageError
from messaging_core.models.common.page import MAX_LIMIT
from messaging_core.models.content.body import LocationBody, TextBody, TextMetadata
from messaging_core.models.content.meta import Meta
from messaging_core.models.messages.compose import to
from messaging_core.models.messages.request import SendMessage
from messaging_core.testing import a_message
from messaging_core.wire import (
    DOCUMENT_LIMITS,
    REQUEST_LIMITS,
    WireLimits,
    canonical_bytes,
    converter,
    dump,
    dump_message,
    dump_send_message,
    load,
    load_message,
    parse_send_message,
)
from messaging_core.wire.stored.suppression_key import SCAN

FORMS = [orjson.dumps, dict, MappingProxyType]
NUMBER_LIMITS = [-(2**63), 2**64 - 1]


class Word(StrEnum):
    HI = "hi"


@define
class Node:
    """Holds itself under the shortest key, and under keys that may be empty."""

    n: "Node | None" = None
    m: "dict[str, Node]" = Factory(dict)
    a_name_so_long_that_nobody_will_ever_write_it_without_a_slip: int = 0


def faults(data: Any, kind: type[Any] = Node, **limits: Any) -> list[tuple[str, str]]:
    try:
        load(kind, data, limits=WireLimits(**limits))
    except InvalidDocumentError as error:
        return [(violation.path, violation.code) for violation in error.violations]
    return []


def test_the_limits_are_those_that_are_documented() -> None:
    assert WireLimits(max_bytes=204_800, max_depth=32, max_violations=100) == REQUEST_LIMITS
    assert WireLimits(max_bytes=None, max_depth=64, max_violations=100) == DOCUMENT_LIMITS
    assert SCAN == MAX_LIMIT


@pytest.mark.parametrize(
    "limits", [{"max_bytes": 0}, {"max_depth": 1}, {"max_depth": 200}, {"max_violations": 1}]
)
def test_the_least_and_the_largest_limits_are_accepted(limits: dict[str, int]) -> None:
    assert WireLimits(**limits)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("level", ["n", "m", "mn"])
@pytest.mark.parametrize("max_depth", [1, 2, 3, 10, 32])
def test_depth_is_counted_in_levels_however_short_the_keys(
    form: Any, level: str, max_depth: int
) -> None:
    def nested(levels: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while levels > 1:
            if level != "n" and levels > 2:  # an object of keys, and one of fields in it
                data, levels = {"m": {"": data}}, levels - 2
            else:
                data, levels = {"n": data}, levels - 1
        return data

    assert faults(form(nested(max_depth)), max_depth=max_depth) == []
    assert [code for _, code in faults(form(nested(max_depth + 1)), max_depth=max_depth)] == [
        "wire.depth"
    ]


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (1.0, b"1"),
        (-0.0, b"0"),
        (1.5, b"1.5"),
        (float(NUMBER_LIMITS[0]), b"-9223372036854775808"),
        (float(NUMBER_LIMITS[0]) * 2, b"-1.8446744073709552e+19"),
        (float(2**64 - 2048), b"18446744073709549568"),
        (float(2**64), b"1.8446744073709552e+19"),
        (NUMBER_LIMITS[1], b"18446744073709551615"),
        (True, b"true"),
    ],
)
def test_a_whole_number_is_canonical_without_its_fraction(number: float, written: bytes) -> None:
    request = SendMessage(receiver=to("+31600000001"), meta=Meta(extra_information={"n": number}))

    assert b'{"n":%s}' % written in canonical_bytes(request)


def test_values_of_any_mapping_are_read_as_they_are() -> None:
    data = {
        "receiver": MappingProxyType({"contacts": [MappingProxyType({"id": "1"})]}),
        "capFrequency": True,
        "body": None,
        "validity": 60,
        "meta": MappingProxyType({"extraInformation": {"a": 1.5, "b": False, "c": "é"}}),
    }
    request = parse_send_message(MappingProxyType(data))

    assert request.receiver.contacts[0].id == "1"
    assert (request.cap_frequency, request.body, request.validity) == (True, None, 60)
    assert request.meta == Meta(extra_information={"a": 1.5, "b": False, "c": "é"})
    assert request.cap_frequency is True


@pytest.mark.parametrize("data", [[], [{}], 1, True, {1}])
def test_what_a_request_may_be_given_as_is_named(data: Any) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        parse_send_message(data)

    (violation,) = caught.value.violations
    assert violation.message.startswith("expected JSON text or an object, found ")


@pytest.mark.parametrize("surplus", [4, 5])
def test_a_key_of_64_characters_gets_a_suggestion_and_one_of_65_gets_none(surplus: int) -> None:
    name = "aNameSoLongThatNobodyWillEverWriteItWithoutASlip"
    key = name.ljust(60 + surplus, "x")

    with pytest.raises(InvalidDocumentError) as caught:
        load(Node, {key: 1})

    (violation,) = caught.value.violations
    assert (f"did you mean {name!r}?" in violation.message) is (surplus == 4)


class NoOffset(tzinfo):
    """A zone that knows no offset, which makes an instant as good as naive."""

    def utcoffset(self, _: datetime | None) -> None:
        return None

    def dst(self, _: datetime | None) -> None:
        return None


@pytest.mark.parametrize(
    ("instant", "written"),
    [
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))), "0001-01-01T00:00:00+05:00"),
        (
            datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5))),
            "9999-12-31T23:00:00-05:00",
        ),
        (datetime(2025, 1, 31, 9, tzinfo=NoOffset()), "2025-01-31T09:00:00"),
        (datetime(2025, 1, 31, 9), "2025-01-31T09:00:00"),  # noqa: DTZ001 - what is passed on
        (datetime(2025, 1, 31, 9, 0, 0, 999, tzinfo=UTC), "2025-01-31T09:00:00.000999Z"),
        (datetime(2025, 1, 31, 9, 0, 0, 1000, tzinfo=UTC), "2025-01-31T09:00:00.001Z"),
    ],
)
def test_an_instant_that_has_no_utc_is_written_as_it_is(instant: datetime, written: str) -> None:
    request = SendMessage(receiver=to("+31600000001"), scheduled_for=instant)

    assert dump_send_message(request)["scheduledFor"] == written


def test_subclasses_of_json_types_are_written_as_those_types() -> None:
    headers = MappingProxyType({"X": Word.HI})
    request = SendMessage(
        receiver=to("+31600000001"),
        tags=[Word.HI],  # type: ignore[arg-type]
        body=TextBody(text=Word.HI, metadata=TextMetadata(headers=headers)),
        meta=Meta(extra_information=MappingProxyType({"a": 1})),
    )

    written = dump_send_message(request)

    content = written["body"]["text"]
    for value, kind in (
        (written["tags"][0], str),
        (content["text"], str),
        (content["metadata"]["headers"], dict),
        (content["metadata"]["headers"]["X"], str),
        (written["meta"]["extraInformation"], dict),
    ):
        assert type(value) is kind


def test_a_number_that_another_system_leaves_out_is_zero_only_in_its_documents() -> None:
    body = {"type": "location", "location": {"coordinates": {"longitude": 4.5}}}
    message = {**dump_message(a_message()), "body": body}

    coordinates = load_message(message).body.coordinates  # type: ignore[union-attr]
    assert (coordinates.latitude, coordinates.longitude) == (0, 4.5)
    with pytest.raises(InvalidMessageError, match=r"wire\.missing"):
        parse_send_message({"receiver": {"contacts": []}, "body": body})
    with pytest.raises(InvalidDocumentError, match=r"wire\.missing"):
        load(LocationBody, body)
    with pytest.raises(InvalidDocumentError, match=r"wire\.missing"):
        converter().structure(body, LocationBody)


def test_the_generated_functions_have_a_source_for_debuggers() -> None:
    assert dump(Node()) == {}
    assert load(Node, {}) == Node()

    for function in ("read", "write"):
        lines = linecache.getlines(f"<{function} {__name__}.Node>")
        assert lines[0].startswith(f"def {function}(")
        assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
