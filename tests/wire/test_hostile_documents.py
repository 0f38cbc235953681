"""Whatever comes in, nothing but violations ever comes out."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging_core.errors import InvalidDocumentError, InvalidMessageError
from messaging_core.models import SendMessage, Violation
from messaging_core.wire import (
    canonical_bytes,
    dump_send_message,
    encode,
    load_message,
    parse_send_message,
)
from messaging_core.wire.parsing.faults import pointer

MANY = settings(max_examples=5 * settings().max_examples)
"""Ten thousand of each kind in the nightly run."""

CONTACT = {"identifierKey": "phonenumber", "identifierValue": "+31600000001", "type": "to"}
LINK = {"type": "link", "link": {"text": "Go", "url": "https://x.example"}}
BODIES: list[dict[str, Any]] = [
    {
        "type": "text",
        "text": {
            "text": 'say "hi"',
            "actions": [LINK, {"type": "locationRequest"}],
            "attachments": [{"filename": "a", "mediaUrl": "https://x.example/a", "inline": True}],
            "metadata": {"subject": "s", "headers": {"X": "1"}, "line": {"emoji": {"items": []}}},
        },
    },
    {"type": "html", "html": {"html": "<p>", "metadata": {"emailFrom": {"username": "u"}}}},
    {"type": "image", "image": {"images": [{"mediaUrl": "u"}], "metadata": {"x": {"y": [1]}}}},
    {"type": "location", "location": {"coordinates": {"latitude": 52, "longitude": 4.9}}},
    {"type": "carousel", "carousel": {"items": [{"title": "t", "actions": [LINK]}]}},
    {"type": "section", "section": {"items": [{"type": "text", "text": {"text": "é"}}]}},
    {"type": "authentication", "authentication": {"otp": {"disclaimer": True}}},
]
REQUESTS: list[dict[str, Any]] = [
    {
        "receiver": {"contacts": [CONTACT, {"id": "1", "identifiers": [{}]}]},
        "body": body,
        "tags": ["a", "b"],
        "validity": 60,
        "scheduledFor": "2025-01-31T09:00:00.000Z",
        "capFrequency": True,
        "meta": {
            "extraInformation": {"useCase": "marketing", "n": [1.5, None, {}]},
            "flow": {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "name": None},
            "order": {"products": [{"quantity": 1, "price": {"amount": 1}}]},
        },
        "template": {
            "parameters": [
                {"type": "number", "key": "n", "value": 1},
                {"type": "lineItemList", "key": "l", "value": {"lineItems": [{"amount": 1}]}},
            ],
            "variables": {"default": "x"},
        },
    }
    for body in BODIES
]
KEYS = ["", "type", "text", "html", "a/b", "~", "receiver", "contacts", "Body", "value", "extra"]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(KEYS)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)
ODD = st.recursive(
    SCALARS
    | st.binary(max_size=3)
    | st.characters(categories=["Cs"])
    | st.sampled_from(
        [object(), object, datetime(2025, 1, 31, tzinfo=UTC), UUID(int=1), Decimal(1), {1}, 1j]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(SCALARS | st.sampled_from([*KEYS, (1,), b""]), inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner).map(MappingProxyType)
    ),
    max_leaves=4,
)


def check(data: Any) -> None:
    """Read a request; it is either sound, or there are violations that say what is wrong."""
    request, violations = read(data)
    if request is not None:
        assert parse_send_message(dump_send_message(request)) == request
        assert parse_send_message(encode(request)) == request
        assert canonical_bytes(request)
    else:
        assert 1 <= len(violations) <= 100
    for violation in violations:
        assert violation.code.startswith("wire.")
        assert violation.path == "" or violation.path.startswith("/")
        assert violation.message.encode()


def read(data: Any) -> tuple[SendMessage | None, tuple[Violation, ...]]:
    try:
        return parse_send_message(data), ()
    except InvalidMessageError as error:
        return None, error.violations


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every object and array with every key and index that it has."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(inner):
        yield value, key
        if isinstance(item, dict | list):
            yield from places(item)


def mutate(draw: st.DrawFn, request: dict[str, Any], other: st.SearchStrategy[Any]) -> None:
    """Drop, rename, replace or move one value somewhere in a request."""
    spots = list(places(request))
    if not spots:
        return
    holder, key = draw(st.sampled_from(spots))
    match draw(st.sampled_from(["drop", "replace", "rename", "copy"])):
        case "drop":
            del holder[key]
        case "replace":
            holder[key] = draw(other)
        case "rename" if isinstance(holder, dict):
            holder[draw(st.sampled_from(KEYS))] = holder.pop(key)
        case _:
            source, name = draw(st.sampled_from(spots))
            holder[key] = replica(source[name]) if has(source, name) else None


def has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def replica(value: Any) -> Any:
    """Copy objects and arrays; `deepcopy` chokes on odd values."""
    if isinstance(value, dict):
        return {key: replica(item) for key, item in value.items()}
    return [replica(item) for item in value] if isinstance(value, list) else value


@st.composite
def damaged(draw: st.DrawFn, other: st.SearchStrategy[Any]) -> dict[str, Any]:
    request = replica(draw(st.sampled_from(REQUESTS)))
    for _ in range(draw(st.integers(1, 4))):
        mutate(draw, request, other)
    return request


@st.composite
def damaged_text(draw: st.DrawFn) -> bytes:
    """Damage the text of a request, and so keys that stand twice, broken strings and the like."""
    raw = json.dumps(draw(damaged(JSON)), ensure_ascii=draw(st.booleans())).encode()
    for _ in range(draw(st.integers(0, 3))):
        start, end = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
        piece = draw(
            st.binary(max_size=4)
            | st.sampled_from([b'"text":', b'"a":1,', b"\\u0022", b'\\"', b'"', b"{", b"]", b","])
            | st.just(raw[start:end][:200])
        )
        raw = raw[:start] + piece + raw[draw(st.sampled_from([start, end])) :]
    return raw


def as_json(value: Any) -> bytes | None:
    try:
        return orjson.dumps(value)
    except TypeError:  # beyond 64 bits
        return None


@given(JSON)
def test_arbitrary_json_gives_violations_or_a_request(value: Any) -> None:
    check(value)
    raw = as_json(value)
    if raw is not None:
        check(raw)


@MANY
@given(damaged(JSON))
def test_damaged_requests_give_violations_or_a_request(value: dict[str, Any]) -> None:
    check(value)
    raw = as_json(value)
    if raw is not None:
        check(raw)


@MANY
@given(damaged_text() | st.binary(max_size=64))
def test_damaged_text_gives_violations_or_a_request(raw: bytes) -> None:
    check(raw)


@MANY
@given(damaged(ODD) | ODD)
def test_values_of_any_type_give_violations_or_a_request(value: Any) -> None:
    check(value)


@given(JSON | st.binary(max_size=64))
def test_documents_of_ours_give_violations_and_nothing_else(value: Any) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        load_message(value)

    assert caught.value.violations


@pytest.mark.parametrize("form", [dict, orjson.dumps])
def test_a_very_long_key_is_not_repeated_in_every_path(form: Callable[[Any], Any]) -> None:
    # Copied for each value below it, the key would make the work grow with the square.
    headers = {"k" * 50_000: {"a": [[1], [1]]}, "x": 1}
    content = {"text": "x", "metadata": {"headers": headers}}
    request = {"receiver": {"contacts": []}, "body": {"type": "text", "text": content}}

    with pytest.raises(InvalidMessageError) as caught:
        parse_send_message(form(request))

    paths = [violation.path for violation in caught.value.violations]
    assert paths == [
        f"/body/text/metadata/headers/{'k' * 100}…",
        "/body/text/metadata/headers/x",
    ]


def test_a_key_of_100_characters_stands_in_a_path_and_one_of_101_is_cut() -> None:
    assert pointer("", "k" * 100) == f"/{'k' * 100}"
    assert pointer("", "k" * 101) == f"/{'k' * 100}…"
    assert pointer("", f"{'/' * 101}") == f"/{'~1' * 100}…"
