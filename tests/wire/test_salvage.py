"""Of a request that cannot be read as a whole, what is sound is read."""

from typing import Any

import orjson
import pytest

from messaging_core.models.content.body import TextBody
from messaging_core.models.messages.compose import to
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import Receiver
from messaging_core.wire import WireLimits
from messaging_core.wire.salvage import parse_leniently

RECEIVER = {"contacts": [{"identifierValue": "+31600000001"}]}
BODY = {"type": "text", "text": {"text": "hi"}}
SOUND = {"receiver": RECEIVER, "body": BODY}
WITHOUT = SendMessage(receiver=Receiver(contacts=()))
PARSED = SendMessage(receiver=to("+31600000001"), body=TextBody(text="hi"))


@pytest.mark.parametrize("form", [dict, orjson.dumps, lambda data: orjson.dumps(data).decode()])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (SOUND, PARSED),
        (SOUND | {"unknown": 1}, PARSED),
        (SOUND | {"validity": "1", "tags": [5]}, PARSED),
        ({"body": BODY, "receiver": 5}, SendMessage(receiver=WITHOUT.receiver, body=PARSED.body)),
        ({"receiver": RECEIVER, "body": {"type": "x"}}, SendMessage(receiver=PARSED.receiver)),
        ({}, WITHOUT),
    ],
)
def test_each_field_that_is_sound_is_kept(form: Any, data: Any, expected: SendMessage) -> None:
    assert parse_leniently(form(data)) == expected


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_kind_of_bytes_is_read(kind: Any) -> None:
    assert parse_leniently(kind(orjson.dumps(SOUND))) == PARSED


def test_of_a_key_that_stands_there_twice_the_last_one_counts() -> None:
    raw = b'{"reference":"a","reference":"b","receiver":{"contacts":[]}}'

    assert parse_leniently(raw).reference == "b"


@pytest.mark.parametrize("data", [None, 5, [], [SOUND], b"", b"{", b"[]", b"null", "{'a': 1}"])
def test_what_is_no_object_leaves_nothing(data: Any) -> None:
    assert parse_leniently(data) == WITHOUT


@pytest.mark.parametrize("form", [dict, orjson.dumps])
def test_what_is_too_large_leaves_nothing(form: Any) -> None:
    data = SOUND | {"reference": "x" * 200}
    size = len(orjson.dumps(data))

    assert parse_leniently(form(data), limits=WireLimits(max_bytes=size)).body == PARSED.body
    assert parse_leniently(form(data), limits=WireLimits(max_bytes=size - 1)) == WITHOUT


def test_a_field_that_is_too_large_by_itself_is_left_out() -> None:
    data = {"receiver": RECEIVER, "reference": "x" * 200}

    assert parse_leniently(data, limits=WireLimits(max_bytes=150)) == SendMessage(
        receiver=PARSED.receiver
    )
