"""Values are measured as the JSON they mean, and no further than needed."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from messaging_core.models.common.violation import Violation
from messaging_core.wire import DOCUMENT_LIMITS, REQUEST_LIMITS, WireLimits
from messaging_core.wire.parsing import json_values
from messaging_core.wire.parsing.faults import StopReading, ViolationCollector

NUMBER_LIMITS = [-(2**63), 2**64 - 1]


def copied(data: Mapping[str, Any], limits: WireLimits = REQUEST_LIMITS) -> list[Violation]:
    faults = ViolationCollector(limits)
    try:
        json_values.copy(data, limits, faults)
    except StopReading:
        assert faults
    return list(faults)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": "é"},
        {"a": [[], {}, ()], "b": ""},
        {"a": {"b": {"c": [1, None, True, "x"]}}},
        {"": [["x" * 50] * 3]},
    ],
    ids=str,
)
def test_values_are_measured_as_the_json_they_stand_for(values: dict[str, Any]) -> None:
    size = len(orjson.dumps(values))
    fits, too_small = WireLimits(max_bytes=size), WireLimits(max_bytes=size - 1)

    assert copied(values, fits) == []
    assert copied(values, too_small) == [
        Violation("", "wire.size", f"the document is larger than {size - 1} bytes")
    ]
    assert json_values.parse(values, too_small) is None


@pytest.mark.parametrize("leaf", [["x" * 1_000], []], ids=["texts", "empty"])
def test_lists_that_multiply_are_measured_in_time(leaf: list[Any]) -> None:
    many: list[Any] = leaf
    for _ in range(28):
        many = [many, many, many]

    assert json_values.parse({"many": many}, REQUEST_LIMITS) is None
    assert [violation.code for violation in copied({"many": many})] == ["wire.size"]


@pytest.mark.parametrize("size", [0, 9])
def test_a_size_that_is_surely_too_large_is_named(size: int) -> None:
    (violation,) = copied({"receiver": "xx"}, WireLimits(max_bytes=size))

    assert violation.message == f"the document is larger than {size} bytes"


def test_what_may_fit_is_read_on_to_find_a_wrong_type() -> None:
    data = {"receiver": object()}  # one key of eight letters

    assert [violation.code for violation in copied(data, WireLimits(max_bytes=9))] == ["wire.type"]
    assert [violation.code for violation in copied(data, WireLimits(max_bytes=8))] == [
        "wire.type",
        "wire.size",
    ]


@pytest.mark.parametrize(
    ("number", "codes"),
    [
        *[(number, []) for number in NUMBER_LIMITS],
        (NUMBER_LIMITS[0] - 1, ["wire.range"]),
        (NUMBER_LIMITS[1] + 1, ["wire.range"]),
    ],
)
def test_an_integer_has_64_bits(number: int, codes: list[str]) -> None:
    assert [violation.code for violation in copied({"n": number}, DOCUMENT_LIMITS)] == codes
