"""What may be said about contacts, lists and suppressions: limits at both ends, and kinds."""

import math
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_core.models import (
    ContactChanges,
    ContactIdentifier,
    Identifier,
    NewContact,
    SuppressionScope,
    Violation,
)
from messaging_core.rules.requests.contact import (
    check_contact_changes,
    check_contact_list,
    check_identifier,
    check_new_contact,
    check_suppression,
)
from messaging_core.rules.requests.query import check_page
from messaging_core.testing import a_contact_list, a_suppression

LISTS = tuple(UUID(int=number) for number in range(11))


def found(violations: list[Violation]) -> list[tuple[str, str]]:
    return [(violation.path, violation.code) for violation in violations]


def own(value: str, key: str = "customer") -> ContactIdentifier:
    return ContactIdentifier(key=key, value=value)


def test_a_contact_may_be_blank_and_may_be_full() -> None:
    full = NewContact(
        id="x" * 500,
        display_name="x" * 150,
        identifiers=tuple(own(f"{number}") for number in range(100)),
        attributes={f"a{number}": number for number in range(250)},
        list_ids=LISTS[:10],
        time_zone="America/Argentina/Buenos_Aires",
        locale="zh-Hant-TW",
        subscriptions={"sms": True, "own-platform": False},
    )

    assert check_new_contact(NewContact()) == []
    assert check_new_contact(full) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id": ""}, ("/id", "text.empty")),
        ({"id": "x" * 501}, ("/id", "text.too_long")),
        ({"display_name": ""}, ("/displayName", "text.empty")),
        ({"display_name": "x" * 151}, ("/displayName", "text.too_long")),
        ({"display_name": "a\nb"}, ("/displayName", "text.control_character")),
        ({"list_ids": LISTS}, ("/listIds", "contact.too_many_lists")),
        ({"time_zone": "Mars/Olympus"}, ("/timeZone", "contact.unknown_time_zone")),
        ({"locale": "nl_NL"}, ("/locale", "template.bad_locale")),
        ({"subscriptions": {"SMS": True}}, ("/subscriptions/SMS", "channel.bad_platform")),
        ({"subscriptions": {"a/b": True}}, ("/subscriptions/a~1b", "channel.bad_platform")),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else None,
)
def test_what_is_out_of_bounds_is_named(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    assert found(check_new_contact(NewContact(**fields))) == [expected]


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        (own("x" * 500, "k" * 64), []),
        (own("x" * 501), [("/x/value", "text.too_long")]),
        (own(""), [("/x/value", "text.empty")]),
        (own("x", ""), [("/x/key", "text.empty")]),
        (own("x", "k" * 65), [("/x/key", "text.too_long")]),
        (own("+31612345678", "phonenumber"), []),
        (own("0612345678", "phonenumber"), [("/x/value", "receiver.not_e164")]),
        (own("ada@x.example", "emailaddress"), []),
        (own("ada", "emailaddress"), [("/x/value", "receiver.invalid_email")]),
        (own("t" * 4096, "pushtoken"), []),
        (own("a b", "pushtoken"), [("/x/value", "receiver.invalid_push_token")]),
    ],
    ids=range(11),
)
def test_an_identifier_is_one(
    identifier: ContactIdentifier, expected: list[tuple[str, str]]
) -> None:
    assert found(check_identifier(identifier, "/x")) == expected


def test_identifiers_are_told_apart_by_key_and_value() -> None:
    twice = NewContact(identifiers=(own("a"), own("a", "other"), own("b"), own("a")))
    many = NewContact(identifiers=tuple(own(f"{number}") for number in range(101)))

    assert found(check_new_contact(twice)) == [("/identifiers/3", "contact.duplicate_identifier")]
    assert found(check_new_contact(many)) == [("/identifiers", "contact.too_many_identifiers")]


@pytest.mark.parametrize(
    "value", [True, 0, -1.5, "", "x" * 10_000, "two\nlines", None, [1, "a", False], ["x"] * 1000]
)
def test_an_attribute_is_a_value_or_some(value: Any) -> None:
    assert check_new_contact(NewContact(attributes={"a": value})) == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], "contact.bad_attribute"),
        ([1] * 1001, "contact.bad_attribute"),
        ([None], "contact.bad_attribute"),
        ([[1]], "contact.bad_attribute"),
        ({"a": 1}, "contact.bad_attribute"),
        (math.nan, "contact.bad_attribute"),
        ("x" * 10_001, "text.too_long"),
        (["ok", "a\0"], "text.bad_character"),
    ],
    ids=range(8),
)
def test_an_attribute_is_nothing_else(value: Any, code: str) -> None:
    assert found(check_new_contact(NewContact(attributes={"a/b": value}))) == [
        ("/attributes/a~1b", code)
    ]


def test_addresses_are_no_attributes() -> None:
    for name in ("phonenumber", "emailaddress", "pushtoken"):
        assert found(check_contact_changes(ContactChanges(attributes={name: "x"}))) == [
            (f"/attributes/{name}", "contact.read_only_attribute")
        ]
    many = ContactChanges(attributes={f"a{number}": 1 for number in range(251)})
    assert found(check_contact_changes(many)) == [("/attributes", "contact.too_many_attributes")]


def test_changes_are_held_to_the_same_limits_and_empty_texts_take_away() -> None:
    changes = ContactChanges(
        display_name="x" * 151,
        add_identifiers=(own(""),),
        add_to_lists=LISTS,
        remove_from_lists=LISTS,
        time_zone="?",
        locale="?",
        subscriptions={"x": None},
    )

    assert check_contact_changes(ContactChanges(display_name="", time_zone="", locale="")) == []
    assert found(check_contact_changes(changes)) == [
        ("/displayName", "text.too_long"),
        ("/addIdentifiers/0/value", "text.empty"),
        ("/addToLists", "contact.too_many_lists"),
        ("/removeFromLists", "contact.too_many_lists"),
        ("/timeZone", "contact.unknown_time_zone"),
        ("/locale", "template.bad_locale"),
        ("/subscriptions/x", "channel.bad_platform"),
    ]


def test_a_list_has_a_name_of_2_to_256_characters() -> None:
    vips = a_contact_list("ab", description="d" * 1000)

    assert check_contact_list(vips) == []
    assert check_contact_list(evolve(vips, name="x" * 256)) == []
    assert found(check_contact_list(evolve(vips, name="x"))) == [("/name", "list.name_too_short")]
    assert found(check_contact_list(evolve(vips, name="x" * 257))) == [("/name", "text.too_long")]
    assert found(check_contact_list(evolve(vips, description="d" * 1001))) == [
        ("/description", "text.too_long")
    ]


def test_a_suppression_names_a_sender_exactly_where_it_is_of_one() -> None:
    marketing = a_suppression("+31612345678")
    of_sender = evolve(marketing, scope=SuppressionScope.SENDER)

    assert check_suppression(marketing) == []
    assert check_suppression(evolve(of_sender, sender="Shop")) == []
    assert found(check_suppression(of_sender)) == [("/sender", "suppression.no_sender")]
    assert found(check_suppression(evolve(marketing, sender="Shop"))) == [
        ("/sender", "suppression.sender_not_allowed")
    ]
    assert found(check_suppression(evolve(of_sender, sender=""))) == [("/sender", "text.empty")]
    wrong = Identifier(identifier_key="emailaddress", identifier_value="x")
    assert found(check_identifier(wrong, "")) == [("/identifierValue", "receiver.invalid_email")]


def test_a_page_has_a_size() -> None:
    assert check_page(1, None) == check_page(1000, "x" * 8000) == []
    assert found(check_page(0, "x" * 8001)) == [
        ("/limit", "query.bad_limit"),
        ("/pageToken", "query.page_token_too_long"),
    ]
    assert found(check_page(1001, None)) == [("/limit", "query.bad_limit")]


def test_a_number_of_a_new_range_is_refused_unless_it_is_let_through() -> None:
    number = ContactIdentifier(key="phonenumber", value="+31000000000")
    new, changes = NewContact(identifiers=(number,)), ContactChanges(add_identifiers=(number,))

    assert [violation.code for violation in check_new_contact(new)] == [
        "receiver.number_not_assigned"
    ]
    assert check_new_contact(new, allow_unassigned=True) == []
    assert [violation.code for violation in check_contact_changes(changes)] == [
        "receiver.number_not_assigned"
    ]
    assert check_contact_changes(changes, allow_unassigned=True) == []
    assert [violation.code for violation in check_identifier(number, "")] == [
        "receiver.number_not_assigned"
    ]
    assert check_identifier(number, "", allow_unassigned=True) == []


def test_a_number_of_a_new_range_may_be_suppressed() -> None:
    assert check_suppression(a_suppression("+31000000000")) == []
