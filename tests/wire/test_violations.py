"""Each fault of a request, the name it gets and the place it points to."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from messaging_core.errors import InvalidDocumentError, InvalidMessageError
from messaging_core.models.common.violation import Violation
from messaging_core.wire import WireLimits, load_message, parse_send_message

MINIMAL: dict[str, Any] = {
    "receiver": {"contacts": [{"identifierValue": "+31600000001"}]},
    "body": {"type": "text", "text": {"text": "hi"}},
}


def violations(data: Any, **limits: Any) -> tuple[Violation, ...]:
    """Return what is wrong with a request, the same for text and for values."""
    with pytest.raises(InvalidMessageError) as caught:
        parse_send_message(data, limits=WireLimits(**limits))
    return caught.value.violations


def found(data: Any, **limits: Any) -> list[tuple[str, str]]:
    return [(violation.path, violation.code) for violation in violations(data, **limits)]


def with_value(path: str, value: Any) -> dict[str, Any]:
    """Return the minimal request with one value set, and objects made on the way to it."""
    request: dict[str, Any] = deepcopy(MINIMAL)
    *way, last = path.strip("/").split("/")
    place: Any = request
    for key in way:
        place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
    place[int(last) if isinstance(place, list) else last] = value
    return request


def with_body(kind: str, **content: Any) -> dict[str, Any]:
    return MINIMAL | {"body": {"type": kind, kind: content}}


def with_parameter(**parameter: Any) -> dict[str, Any]:
    return {"receiver": {"contacts": []}, "template": {"parameters": [parameter]}}


DUPLICATES_IN_FREE_FORM = (
    b'{"receiver":{"contacts":[]},"meta":{"extraInformation":{"a/b":1,"a/b":2,"a/b":3,'
    b'"\\u0022":{"c":1,"c":1}}}}'
)
CARD = "/body/text/actions/0"
ONE_FAULT = [
    # unknown keys of closed objects
    (with_value("/bodi", {}), "/bodi", "wire.unknown_key"),
    (with_value("/receiver/to", []), "/receiver/to", "wire.unknown_key"),
    (with_value("/receiver/contacts/0/nr", ""), "/receiver/contacts/0/nr", "wire.unknown_key"),
    (with_value("/body/text/metadata/mood", ""), "/body/text/metadata/mood", "wire.unknown_key"),
    (with_value("/meta/failure/code", 1), "/meta/failure", "wire.unknown_key"),
    (MINIMAL | {"a/b": 1}, "/a~1b", "wire.unknown_key"),
    (MINIMAL | {"a~b": 1}, "/a~0b", "wire.unknown_key"),
    (MINIMAL | {"": 1}, "/", "wire.unknown_key"),
    # wrong types, none of them coerced
    (with_value("/receiver", []), "/receiver", "wire.type"),
    (with_value("/receiver/contacts", {}), "/receiver/contacts", "wire.type"),
    (with_value("/receiver/contacts", "+31600000001"), "/receiver/contacts", "wire.type"),
    (with_value("/receiver/contacts/0", "+31"), "/receiver/contacts/0", "wire.type"),
    (with_value("/body", "hi"), "/body", "wire.type"),
    (with_value("/body/text", "hi"), "/body/text", "wire.type"),
    (with_value("/body/text/text", 5), "/body/text/text", "wire.type"),
    (with_value("/reference", 5), "/reference", "wire.type"),
    (MINIMAL | {"reference": True}, "/reference", "wire.type"),
    (with_value("/validity", "60"), "/validity", "wire.type"),
    (MINIMAL | {"validity": True}, "/validity", "wire.type"),
    (with_value("/validity", 1.0), "/validity", "wire.type"),
    (with_value("/capFrequency", 1), "/capFrequency", "wire.type"),
    (with_value("/capFrequency", "true"), "/capFrequency", "wire.type"),
    (with_value("/tags", "vip"), "/tags", "wire.type"),
    (with_value("/tags", ["vip", 1]), "/tags/1", "wire.type"),
    (with_value("/scheduledFor", 1738314000), "/scheduledFor", "wire.type"),
    (with_value("/meta/navigatorId", 1), "/meta/navigatorId", "wire.type"),
    (with_value("/meta/extraInformation", []), "/meta/extraInformation", "wire.type"),
    (with_value("/meta/email/headers", []), "/meta/email/headers", "wire.type"),
    (with_value("/meta/email/headers", {"a/b": 1}), "/meta/email/headers/a~1b", "wire.type"),
    (with_value("/receiver/contacts/0/type", 1), "/receiver/contacts/0/type", "wire.type"),
    (
        with_body("location", coordinates={"latitude": True, "longitude": 1}),
        "/body/location/coordinates/latitude",
        "wire.type",
    ),
    (
        with_parameter(
            type="lineItemList", key="k", value={"lineItems": [{"amount": [], "text": ""}]}
        ),
        "/template/parameters/0/value/lineItems/0/amount",
        "wire.type",
    ),
    # required keys
    ({"body": MINIMAL["body"]}, "/receiver", "wire.missing"),
    (with_value("/receiver", {}), "/receiver/contacts", "wire.missing"),
    (with_value("/body/text", {}), "/body/text/text", "wire.missing"),
    (with_value("/shortLinks", {}), "/shortLinks/domain", "wire.missing"),
    (with_value("/sender", {}), "/sender/connector", "wire.missing"),
    (with_parameter(type="string"), "/template/parameters/0/key", "wire.missing"),
    # null where it means nothing
    (with_value("/receiver", None), "/receiver", "wire.null"),
    (with_value("/reference", None), "/reference", "wire.null"),
    (with_value("/capFrequency", None), "/capFrequency", "wire.null"),
    (with_value("/tags", None), "/tags", "wire.null"),
    (with_value("/tags", [None]), "/tags/0", "wire.null"),
    (with_value("/scheduledFor", None), "/scheduledFor", "wire.null"),
    (with_value("/meta/extraInformation", None), "/meta/extraInformation", "wire.null"),
    (with_value("/body/text/text", None), "/body/text/text", "wire.null"),
    (with_value("/body/text", None), "/body/text", "wire.null"),
    # values of a closed set
    (with_value("/receiver/contacts/0/type", "TO"), "/receiver/contacts/0/type", "wire.enum"),
    (with_value("/body/type", "contact"), "/body/type", "wire.enum"),
    (with_value("/body/text/actions", [{"type": "call"}]), f"{CARD}/type", "wire.enum"),
    (with_parameter(type="date", key="k"), "/template/parameters/0/type", "wire.enum"),
    # bodies, actions and parameters that contradict themselves
    (with_value("/body", {"type": "text"}), "/body/text", "wire.missing"),
    (with_value("/body", {"type": "html"}), "/body/html", "wire.missing"),
    (with_value("/body", {"text": {"text": "hi"}}), "/body/type", "wire.missing"),
    (with_value("/body/type", None), "/body/type", "wire.null"),
    (with_value("/body/type", ["text"]), "/body/type", "wire.type"),
    (with_value("/body/html", {"html": "hi"}), "/body/html", "wire.unknown_key"),
    (with_value("/body/texts", {}), "/body/texts", "wire.unknown_key"),
    (with_value("/body/text/actions", [{"type": "link"}]), f"{CARD}/link", "wire.missing"),
    (with_parameter(key="k", value="v"), "/template/parameters/0/type", "wire.missing"),
    (
        with_parameter(type="number", key="k", value="1"),
        "/template/parameters/0/value",
        "wire.type",
    ),
    (
        with_parameter(type="string", key="k", string={}),
        "/template/parameters/0/string",
        "wire.unknown_key",
    ),
    (
        with_parameter(
            type="whatsappProductItems", key="k", value={"products": [{"type": "product"}]}
        ),
        "/template/parameters/0/value/products/0/type",
        "wire.enum",
    ),
    (
        with_body("section", items=[MINIMAL["body"], {"type": "text", "text": {}}]),
        "/body/section/items/1/text/text",
        "wire.missing",
    ),
]


def name(case: Any) -> str | None:
    return case if isinstance(case, str) else None


@pytest.mark.parametrize(("request_", "path", "code"), ONE_FAULT, ids=name)
def test_a_fault_has_one_code_and_one_place(request_: Any, path: str, code: str) -> None:
    assert found(orjson.dumps(request_)) == [(path, code)]
    assert found(request_) == [(path, code)]


@pytest.mark.parametrize(
    "text",
    [
        "01890a5dac96774bbcceb302099a8057",
        "{01890a5d-ac96-774b-bcce-b302099a8057}",
        "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a805",
        "01890a5d-ac96-774b-bcce-b302099a805g",
        "0189_a5d-ac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a8057\n",
        "\u0660\u0661890a5d-ac96-774b-bcce-b302099a805",
        "",
    ],
)
def test_only_the_canonical_form_is_a_uuid(text: str) -> None:
    assert found(with_value("/meta/navigatorId", text)) == [("/meta/navigatorId", "wire.uuid")]


@pytest.mark.parametrize("text", [str(UUID(int=171)), str(UUID(int=171)).upper()])
def test_a_uuid_may_be_written_in_either_case(text: str) -> None:
    request = parse_send_message(with_value("/meta/navigatorId", text))

    assert request.meta is not None
    assert request.meta.navigator_id == UUID(int=171)


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-31T09:00:00",
        "2025-01-31 09:00:00Z",
        "2025-01-31",
        "2025-02-30T09:00:00.000Z",
        "2025-01-31T24:00:00.000Z",
        "2025-13-31T09:00:00.000Z",
        "2025-01-31T09:00:00.000Z\n",
        "20250131T090000Z",
        "2025-W05-5T09:00:00Z",
        "tomorrow",
        "",
    ],
)
def test_only_rfc_3339_is_a_date_time(text: str) -> None:
    assert found(with_value("/scheduledFor", text)) == [("/scheduledFor", "wire.datetime")]


@pytest.mark.parametrize(
    "text", ["2025-01-31T09:00:00.000Z", "2025-01-31T10:00:00+01:00", "2025-01-31t09:00:00z"]
)
def test_an_instant_may_be_written_in_any_offset(text: str) -> None:
    request = parse_send_message(with_value("/scheduledFor", text))

    assert request.scheduled_for == datetime(2025, 1, 31, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "path",
    ["/body", "/template", "/shortLinks", "/body/text/attachments", "/body/text/actions"],
)
def test_null_is_absence_where_the_api_says_so(path: str) -> None:
    assert parse_send_message(with_value(path, None)).receiver is not None


@pytest.mark.parametrize(
    "action",
    [
        {"type": "locationRequest"},
        {"type": "locationRequest", "locationRequest": None},
        {"type": "locationRequest", "locationRequest": {}},
        {"type": "locationRequest", "locationRequest": {"text": "Send location"}},
    ],
)
def test_the_object_of_a_location_request_may_be_left_out(action: dict[str, Any]) -> None:
    request = parse_send_message(with_value("/body/text/actions", [action]))

    assert request.body.actions[0].text == "Send location"  # type: ignore[union-attr]


def test_an_integer_will_do_for_a_number() -> None:
    request = parse_send_message(with_parameter(type="number", key="k", value=5))

    assert request.template.parameters[0].value == 5  # type: ignore[union-attr]


def test_all_faults_are_found_at_once() -> None:
    request = {
        "receiver": {"contacts": [5, {"identifiers": [{"identifierKey": 1}]}], "x": 1},
        "body": {"type": "list", "list": {"items": [{"actions": [{"type": "buy", "buy": {}}]}]}},
        "tags": [1, "ok", None],
        "validity": "1",
        "scheduledFor": "now",
        "unknown": 1,
    }

    assert sorted(found(request)) == [
        ("/body/list/items/0/actions/0/buy/amountCents", "wire.missing"),
        ("/body/list/items/0/actions/0/buy/currency", "wire.missing"),
        ("/body/list/items/0/actions/0/buy/text", "wire.missing"),
        ("/body/list/text", "wire.missing"),
        ("/receiver/contacts/0", "wire.type"),
        ("/receiver/contacts/1/identifiers/0/identifierKey", "wire.type"),
        ("/receiver/contacts/1/identifiers/0/identifierValue", "wire.missing"),
        ("/receiver/x", "wire.unknown_key"),
        ("/scheduledFor", "wire.datetime"),
        ("/tags/0", "wire.type"),
        ("/tags/2", "wire.null"),
        ("/unknown", "wire.unknown_key"),
        ("/validity", "wire.type"),
    ]


def test_a_body_of_unknown_type_is_looked_into_all_the_same() -> None:
    body = {"type": "txt", "text": {"text": 5}, "more": 1}

    assert sorted(found(MINIMAL | {"body": body})) == [
        ("/body/more", "wire.unknown_key"),
        ("/body/text/text", "wire.type"),
        ("/body/type", "wire.enum"),
    ]


def test_messages_say_what_was_expected_and_what_was_found() -> None:
    (wrong_type,) = violations(with_value("/validity", "60"))
    (wrong_member,) = violations(with_value("/receiver/contacts/0/type", "too"))
    (wrong_body,) = violations(with_value("/body/type", "sms"))

    assert wrong_type.message == "expected an integer, found a string"
    assert wrong_member.message == "expected one of: to, cc, bcc"
    assert "text, html, image" in wrong_body.message


@pytest.mark.parametrize(
    ("key", "hint"),
    [("recever", "receiver"), ("schedule_for", "scheduledFor"), ("short_links", "shortLinks")],
)
def test_an_unknown_key_gets_a_suggestion(key: str, hint: str) -> None:
    (violation,) = violations(MINIMAL | {key: 1})

    assert violation.message == f"unknown key, did you mean {hint!r}?"


def test_an_unknown_key_like_no_other_gets_none() -> None:
    (violation,) = violations(MINIMAL | {"qqq": 1})

    assert violation.message == "unknown key"


def test_values_do_not_enter_messages() -> None:
    secret = "+31612345678"
    request = {
        "receiver": {"contacts": [{"type": secret, "id": [secret]}]},
        "body": {"type": secret},
        "meta": {"navigatorId": secret},
        "scheduledFor": secret,
    }

    assert all(secret not in str(violation) for violation in violations(request))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "wire.json"),
        (b"{", "wire.json"),
        (b"{}{}", "wire.json"),
        (b"{'a': 1}", "wire.json"),
        (b'{"a": NaN}', "wire.json"),
        (b'{"a": Infinity}', "wire.json"),
        (b'{"a": 1e999}', "wire.json"),
        (b'{"a": 01}', "wire.json"),
        (b'{"a": 1,}', "wire.json"),
        (b"\x00", "wire.json"),
        (b"\xef\xbb\xbf{}", "wire.encoding"),
        (b'{"a": "\xff"}', "wire.encoding"),
        ('{"a": "é"}'.encode("latin-1"), "wire.encoding"),
        ("{}".encode("utf-16"), "wire.encoding"),
        (b'{"a": "\\ud800"}', "wire.encoding"),
        (b'{"a": "\xed\xa0\x80"}', "wire.encoding"),
        (b"[" * 100_000, "wire.depth"),
        (b'{"a":' * 2_000 + b"1" + b"}" * 2_000, "wire.depth"),
    ],
)
def test_what_is_no_sound_document_is_refused_as_a_whole(raw: bytes, code: str) -> None:
    assert found(raw) == [("", code)]


def test_broken_json_is_located() -> None:
    (violation,) = violations(b'{\n  "receiver" 1\n}')

    assert violation.message.endswith("at line 2, column 14")


@pytest.mark.parametrize("text", ['{"a": "\ud800"}', "\ufeff{}"])
def test_text_is_refused_for_the_same_reasons_as_bytes(text: str) -> None:
    assert found(text) == [("", "wire.encoding")]


@pytest.mark.parametrize("kind", [str, bytes, bytearray, memoryview])
def test_a_document_may_come_in_any_kind_of_text(kind: type) -> None:
    raw = orjson.dumps(MINIMAL)

    assert parse_send_message(raw.decode() if kind is str else kind(raw)).body is not None


@pytest.mark.parametrize("data", [b"[]", b"1", b'"text"', b"true", [], 1, True, {1}, object()])
def test_a_request_is_an_object(data: Any) -> None:
    assert found(data) == [("", "wire.type")]


@pytest.mark.parametrize("data", [b"null", None])
def test_nothing_is_no_request(data: Any) -> None:
    assert found(data) == [("", "wire.null")]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"receiver":{"contacts":[]},"tags":[],"tags":[]}', ["/tags"]),
        (b'{"receiver":{"contacts":[]},"tags":[],"\\u0074ags":[]}', ["/tags"]),
        (b'{"receiver":{"contacts":[{"id":"1","id":"2"}]}}', ["/receiver/contacts/0/id"]),
        (
            DUPLICATES_IN_FREE_FORM,
            ["/meta/extraInformation/a~1b", '/meta/extraInformation/"/c'],
        ),
        (
            b'{"receiver":{"contacts":[],"contacts":[{"id":"\\u0022\\u0022\\"\\""}]}}',
            ["/receiver/contacts"],
        ),
    ],
)
def test_a_key_stands_in_an_object_once(raw: bytes, expected: list[str]) -> None:
    assert found(raw) == [(path, "wire.duplicate_key") for path in expected]


@pytest.mark.parametrize(
    "text", ['say "hi"', "\\u0022", '"', "\u0000\u001f", "é😀", "\\", "{{name}}", "\u2028"]
)
@pytest.mark.parametrize("dumps", [orjson.dumps, json.dumps])
def test_no_text_passes_for_a_duplicate_key(text: str, dumps: Any) -> None:
    request = parse_send_message(dumps(with_value("/body/text/text", text)))

    assert request.body.text == text  # type: ignore[union-attr]


def test_a_duplicate_key_does_not_hide_other_faults() -> None:
    raw = b'{"receiver":{"contacts":[]},"tags":[],"tags":[1],"unknown":1}'

    assert found(raw) == [
        ("/tags", "wire.duplicate_key"),
        ("/tags/0", "wire.type"),
        ("/unknown", "wire.unknown_key"),
    ]


def nested(levels: int) -> Any:
    """Return a value that nests objects and arrays in turn."""
    value: Any = {}
    for level in range(levels - 1):
        value = {"a": value} if level % 2 else [value]
    return value


@pytest.mark.parametrize("place", ["/meta/extraInformation/x", "/body/text/oops", "/oops"])
@pytest.mark.parametrize("form", [orjson.dumps, dict])
def test_nesting_is_bounded_wherever_it_is(place: str, form: Any) -> None:
    around = place.count("/")
    codes = {}
    for levels in (32, 33):
        request = with_value(place, nested(levels - around))
        try:
            parse_send_message(form(request))
            codes[levels] = set()
        except InvalidMessageError as error:
            codes[levels] = {violation.code for violation in error.violations}

    assert "wire.depth" not in codes[32]
    assert "wire.depth" in codes[33]


@pytest.mark.parametrize("form", [orjson.dumps, dict])
def test_sections_cannot_nest_for_ever(form: Any) -> None:
    body: Any = {"type": "text", "text": {"text": "hi"}}
    for _ in range(60):
        body = {"type": "section", "section": {"items": [body]}}
    request = MINIMAL | {"body": body}

    (fault,) = found(form(request))

    assert fault[1] == "wire.depth"
    assert fault[0].startswith("/body/section/items/0/section")


@pytest.mark.parametrize("levels", [40, 900, 1_000])
def test_depth_does_not_hide_behind_a_key_that_stands_twice(levels: int) -> None:
    raw = b'{"tags":%s,"tags":[],"receiver":{"contacts":[]}}' % (b"[" * levels + b"]" * levels)

    assert [code for _, code in found(raw)] == ["wire.depth"]


def test_a_document_of_the_largest_size_is_read_and_one_byte_more_is_not() -> None:
    size = len(orjson.dumps(with_value("/body/text/text", "")))
    fits = with_value("/body/text/text", "x" * (204_800 - size))
    too_large = with_value("/body/text/text", "x" * (204_801 - size))

    assert parse_send_message(orjson.dumps(fits)) == parse_send_message(fits)
    assert found(orjson.dumps(too_large)) == [("", "wire.size")]
    assert found(orjson.dumps(too_large).decode()) == [("", "wire.size")]
    assert found(too_large) == [("", "wire.size")]


def test_size_is_counted_in_bytes() -> None:
    assert found(with_value("/body/text/text", "é" * 110_000)) == [("", "wire.size")]


def test_no_more_violations_are_reported_than_asked_for() -> None:
    faults = found(with_value("/tags", [1] * 50_000), max_violations=7)

    assert faults[:6] == [(f"/tags/{i}", "wire.type") for i in range(6)]
    assert faults[6:] == [("", "wire.too_many")]


def test_as_many_violations_as_allowed_are_all_reported() -> None:
    faults = found(with_value("/tags", [1] * 7), max_violations=7)

    assert faults == [(f"/tags/{i}", "wire.type") for i in range(7)]


@pytest.mark.parametrize("limits", [{"max_depth": 0}, {"max_depth": 201}, {"max_violations": 0}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="max_"):
        WireLimits(**limits)


def test_our_own_documents_raise_an_error_of_their_own() -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        load_message(b'{"id":"x"}')

    assert ("/id", "wire.uuid") in [
        (violation.path, violation.code) for violation in caught.value.violations
    ]


def test_our_own_documents_may_be_larger_than_a_request() -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        load_message(b'{"reference":"' + b"x" * 300_000 + b'"}')

    assert {violation.code for violation in caught.value.violations} == {"wire.missing"}
