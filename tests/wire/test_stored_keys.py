"""Page tokens, fingerprints and comparison keys: texts that a storage keeps and compares."""

import hashlib
from typing import Any
from uuid import UUID

import orjson
import pytest
from attrs import evolve

from messaging_core.errors import InvalidQueryError
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.people.directory import ContactQuery, SuppressionQuery
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.rules.requests.query import check_page
from messaging_core.testing import MONDAY_MORNING
from messaging_core.wire.queries import checked_query
from messaging_core.wire.stored.fingerprint import differing, fingerprint, hash_of, short_hash
from messaging_core.wire.stored.page_token import (
    decode_id,
    decode_keyset,
    decode_page_token,
    encode_id,
    encode_keyset,
    encode_page_token,
)
from messaging_core.wire.stored.suppression_key import key_of, matches, pair_of, place_of

QUERY = MessageQuery(tag="vip")
CONTACTS = ContactQuery(identifier=Identifier(identifier_key="k", identifier_value="v"))
A_TOKEN, A_KEYSET = encode_page_token(QUERY, 5), encode_keyset(CONTACTS, ["a", "b"])


def refusal(call: Any) -> str:
    with pytest.raises(InvalidQueryError) as refused:
        call()
    ((path, code),) = [(violation.path, violation.code) for violation in refused.value.violations]
    assert path == "/pageToken"
    return code


@pytest.mark.parametrize("position", [0, 1, -1, 2**63 - 1, -(2**63)])
def test_a_token_leads_to_the_position_it_was_made_for(position: int) -> None:
    token = encode_page_token(QUERY, position)

    assert decode_page_token(evolve(QUERY, page_token=token)) == position


@pytest.mark.parametrize("key", [[], ["a"], ["a", ""], ["é😀", "x" * 500, "\0"]], ids=len)
def test_a_token_leads_to_the_key_it_was_made_for(key: list[str]) -> None:
    token = encode_keyset(CONTACTS, key)

    assert decode_keyset(evolve(CONTACTS, page_token=token), len(key)) == tuple(key)


@pytest.mark.parametrize("last_id", ["a", "ab", "abc", "abcd", "é😀", "?>~"])
def test_a_token_leads_to_the_id_it_was_made_for(last_id: str) -> None:
    token = encode_id(last_id)

    assert decode_id(token) == last_id
    assert not set(token) & set("+/=")


def test_without_a_token_a_listing_starts_at_the_beginning() -> None:
    assert decode_page_token(QUERY) is None
    assert decode_keyset(CONTACTS, 2) is None
    assert decode_id(None) == ""


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "é",
        "AAAA!AAA",
        f"!!!!{A_TOKEN}",
        "/+//",
        A_TOKEN[:-4],
        A_TOKEN + "AAAA",
        encode_id("{}"),
    ],
)
def test_a_broken_token_is_refused(token: str) -> None:
    assert refusal(lambda: decode_page_token(evolve(QUERY, page_token=token))) == (
        "query.page_token_broken"
    )
    assert refusal(lambda: decode_keyset(evolve(CONTACTS, page_token=token), 2)) == (
        "query.page_token_broken"
    )


@pytest.mark.parametrize("token", ["x", "é", "AAAA!AAA", "_w"])
def test_a_broken_token_of_a_listing_by_id_is_refused(token: str) -> None:
    assert refusal(lambda: decode_id(token)) == "query.page_token_broken"


@pytest.mark.parametrize(
    ("key", "length"),
    [(["a", "b"], 1), (["a", "b"], 3), ([], 1), (["a"], 0), (["a", 1], 2), ([None], 1)],
    ids=str,
)
def test_a_token_has_as_many_texts_as_the_listing_has_keys(key: list[Any], length: int) -> None:
    token = encode_keyset(CONTACTS, key)

    assert refusal(lambda: decode_keyset(evolve(CONTACTS, page_token=token), length)) == (
        "query.page_token_broken"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"tag": ()},
        {"tag": ("vip", "eu")},
        {"reverse": True},
        {"workspace": UUID(int=7)},
        {"email_subject": "\ud800"},
        {"sender": ("+31612345678",)},
    ],
    ids=str,
)
def test_a_token_fits_only_the_listing_it_came_from(changes: dict[str, Any]) -> None:
    other = evolve(QUERY, page_token=A_TOKEN, **changes)

    assert refusal(lambda: decode_page_token(other)) == "query.page_token_foreign"


@pytest.mark.parametrize(
    "identifier",
    [
        None,
        Identifier(identifier_key="k", identifier_value="other"),
        Identifier(identifier_key="other", identifier_value="v"),
    ],
    ids=["none", "value", "key"],
)
def test_the_value_of_an_identifier_is_part_of_a_listing(identifier: Identifier | None) -> None:
    other = evolve(CONTACTS, page_token=A_KEYSET, identifier=identifier)

    assert refusal(lambda: decode_keyset(other, 2)) == "query.page_token_foreign"


def test_pages_of_another_size_belong_to_the_same_listing() -> None:
    assert decode_page_token(evolve(QUERY, page_token=A_TOKEN, limit=999)) == 5
    assert decode_keyset(evolve(CONTACTS, page_token=A_KEYSET, limit=999), 2) == ("a", "b")


def test_a_query_is_read_as_its_json_and_then_checked() -> None:
    query = MessageQuery(tag=["vip"], limit=1000)

    assert checked_query(query, lambda query: check_page(query.limit, None)) == query
    with pytest.raises(InvalidQueryError) as refused:
        checked_query(evolve(query, limit=1001), lambda query: check_page(query.limit, None))
    assert [violation.code for violation in refused.value.violations] == ["query.bad_limit"]
    with pytest.raises(InvalidQueryError) as refused:
        checked_query(evolve(query, tag=("vip", 5)), lambda _: ())
    assert [(violation.path, violation.code) for violation in refused.value.violations] == [
        ("/tag/1", "wire.type")
    ]


def test_a_fingerprint_has_a_hash_for_each_field_and_each_field_of_an_object() -> None:
    values = {
        "/a": 1,
        "/b/c": {"deeper": 2},
        "/b/d~1e": None,
        "/empty": {},
        "/list": [{"x": 1}],
    }

    hashes = fingerprint(
        {"a": 1, "b": {"c": {"deeper": 2}, "d/e": None}, "empty": {}, "list": [{"x": 1}]}
    )

    assert hashes == {place: short_hash(orjson.dumps(value)) for place, value in values.items()}
    assert {len(value) for value in hashes.values()} == {12}
    assert short_hash(b"ab") == hashlib.sha256(b"ab").hexdigest()[:12]
    assert hash_of(b"a", b"b") == hashlib.sha256(b"ab").hexdigest()


@pytest.mark.parametrize(
    ("first", "other", "places"),
    [
        ({}, {}, ()),
        ({"/a": "1"}, {"/a": "1"}, ()),
        ({"/a": "1"}, {"/a": "2"}, ("/a",)),
        ({"/b": "1", "/a": "1"}, {"/c": "1", "/b": "1"}, ("/a", "/c")),
    ],
)
def test_fingerprints_differ_where_a_field_is_another_one_or_stands_on_one_side(
    first: dict[str, str], other: dict[str, str], places: tuple[str, ...]
) -> None:
    assert differing(first, other) == places


MAIL = Identifier(identifier_key="emailaddress", identifier_value="Ada@X.example")


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        (None, ("emailaddress", "ada@x.example", "marketing", "")),
        ("", ("emailaddress", "ada@x.example", "marketing", "")),
        ("Shop@Y.example", ("emailaddress", "ada@x.example", "marketing", "shop@y.example")),
    ],
)
def test_suppressions_are_told_apart_by_what_is_compared(
    sender: str | None, expected: tuple[str, ...]
) -> None:
    suppression = Suppression(
        identifier_key=MAIL.identifier_key,
        identifier_value=MAIL.identifier_value,
        at=MONDAY_MORNING,
        scope=SuppressionScope.MARKETING,
        cause=SuppressionCause.COMPLAINT,
        sender=sender,
    )

    assert place_of(MAIL, SuppressionScope.MARKETING, sender) == expected
    assert key_of(suppression) == (*expected, "complaint")


def test_a_pair_is_an_address_and_a_sender_as_they_are_compared() -> None:
    assert pair_of(MAIL, "SHOP@y.example") == ("emailaddress", "ada@x.example", "shop@y.example")


@pytest.mark.parametrize(
    ("filters", "is_shown"),
    [
        ({}, True),
        ({"scope": SuppressionScope.SENDER}, True),
        ({"scope": SuppressionScope.MARKETING}, False),
        ({"cause": SuppressionCause.STOP_WORD}, True),
        ({"cause": SuppressionCause.MANUAL}, False),
        ({"scope": SuppressionScope.SENDER, "cause": SuppressionCause.STOP_WORD}, True),
        ({"scope": SuppressionScope.SENDER, "cause": SuppressionCause.MANUAL}, False),
        ({"scope": SuppressionScope.MARKETING, "cause": SuppressionCause.STOP_WORD}, False),
    ],
    ids=str,
)
def test_a_listing_shows_suppressions_that_fit_every_filter(
    filters: dict[str, Any], *, is_shown: bool
) -> None:
    suppression = Suppression(
        identifier_key="phonenumber",
        identifier_value="+31600000001",
        at=MONDAY_MORNING,
        scope=SuppressionScope.SENDER,
        cause=SuppressionCause.STOP_WORD,
    )

    assert matches(SuppressionQuery(**filters), suppression) is is_shown
