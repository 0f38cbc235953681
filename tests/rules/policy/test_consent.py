from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_core.models import (
    Contact,
    Holdout,
    Identifier,
    MessageType,
    Meta,
    Purpose,
    Suppression,
    SuppressionCause,
    SuppressionScope,
)
from messaging_core.rules.policy.consent import covering, identifier_on, is_held_out, purpose_of
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import a_channel
from messaging_core.testing.builders import A_NUMBER, OUR_NUMBER

PHONE = Identifier(identifier_key="phonenumber", identifier_value=A_NUMBER)
MAIL = Identifier(identifier_key="emailaddress", identifier_value="Ada@X.example")
MARKETING, TRANSACTIONAL = Purpose.MARKETING, Purpose.TRANSACTIONAL
LIST = UUID(int=1)


def a_suppression(
    identifier: Identifier = PHONE, scope: str = "marketing", **fields: Any
) -> Suppression:
    usual: dict[str, Any] = {
        "identifier_key": identifier.identifier_key,
        "identifier_value": identifier.identifier_value,
        "scope": SuppressionScope(scope),
        "cause": SuppressionCause.MANUAL,
        "at": NOW,
    }
    return Suppression(**{**usual, **fields})


@pytest.mark.parametrize(
    ("message_type", "use_case", "purpose"),
    [
        (MessageType.PROMOTIONAL, None, MARKETING),
        (MessageType.PROMOTIONAL, "transactional", MARKETING),
        (MessageType.TRANSACTIONAL, "marketing", MARKETING),
        (MessageType.TRANSACTIONAL, None, TRANSACTIONAL),
        (MessageType.TRANSACTIONAL, ["marketing"], TRANSACTIONAL),
        (MessageType.CONVERSATIONAL, None, TRANSACTIONAL),
        (MessageType.TWO_FACTOR, None, TRANSACTIONAL),
    ],
)
def test_the_stricter_of_channel_and_request_says_what_a_message_is_for(
    message_type: MessageType, use_case: Any, purpose: Purpose
) -> None:
    meta = None if use_case is None else Meta(extra_information={"useCase": use_case})

    assert purpose_of(message_type, meta) is purpose


@pytest.mark.parametrize(
    ("scope", "purpose", "sender", "covered"),
    [
        ("marketing", MARKETING, OUR_NUMBER, True),
        ("marketing", TRANSACTIONAL, OUR_NUMBER, False),
        ("transactional", TRANSACTIONAL, OUR_NUMBER, True),
        ("transactional", MARKETING, OUR_NUMBER, False),
        ("sender", MARKETING, OUR_NUMBER, True),
        ("sender", TRANSACTIONAL, "+31 6 0000 0001", True),
        ("sender", TRANSACTIONAL, "+31600000002", False),
        ("sender", TRANSACTIONAL, None, False),
    ],
)
def test_a_suppression_forbids_what_its_scope_says(
    scope: str, purpose: Purpose, sender: str | None, *, covered: bool
) -> None:
    own = OUR_NUMBER if scope == "sender" else None
    suppression = a_suppression(scope=scope, sender=own)

    suppressions = covering([suppression], PHONE, purpose, sender)

    assert suppressions == ((suppression,) if covered else ())


def test_a_block_of_a_sender_that_names_none_blocks_none() -> None:
    assert covering([a_suppression(scope="sender")], PHONE, MARKETING, OUR_NUMBER) == ()


def test_addresses_are_compared_as_people_do() -> None:
    lower = evolve(MAIL, identifier_value="ada@x.EXAMPLE")
    spaced = evolve(PHONE, identifier_value="+31 6 1234-5678")

    assert covering([a_suppression(MAIL)], lower, MARKETING, None)
    assert covering([a_suppression(PHONE)], spaced, MARKETING, None)


def test_another_address_or_another_kind_of_it_is_not_covered() -> None:
    other = evolve(PHONE, identifier_value="+31687654321")
    chat = evolve(PHONE, identifier_key="chat")

    assert covering([a_suppression()], other, MARKETING, None) == ()
    assert covering([a_suppression()], chat, MARKETING, None) == ()


def test_a_name_as_sender_is_one_whatever_its_case() -> None:
    suppression = a_suppression(scope="sender", sender="Shop")

    assert covering([suppression], PHONE, TRANSACTIONAL, "SHOP") == (suppression,)


def test_a_platform_decides_under_which_key_its_addresses_are_blocked() -> None:
    channel = a_channel(identifier_key="mobile")
    own = a_channel(platform="pigeon")

    assert identifier_on(channel, A_NUMBER) == PHONE
    assert identifier_on(own, "coop 7").identifier_key == "pigeon"


@pytest.mark.parametrize(
    ("holdout", "fields", "held"),
    [
        (Holdout(list_id=LIST), {"list_ids": (LIST,)}, True),
        (Holdout(list_id=LIST), {"list_ids": (UUID(int=2),)}, False),
        (Holdout(attribute="heldOut"), {"attributes": {"heldOut": True}}, True),
        (Holdout(attribute="heldOut"), {"attributes": {"heldOut": False}}, False),
        (Holdout(attribute="heldOut"), {"attributes": {"heldOut": "yes"}}, False),
        (Holdout(attribute="heldOut"), {}, False),
        (Holdout(), {"list_ids": (LIST,)}, False),
    ],
)
def test_a_contact_is_held_out_by_a_list_or_a_true_attribute(
    holdout: Holdout, fields: dict[str, Any], *, held: bool
) -> None:
    contact = Contact(id="1", workspace_id=UUID(int=0), created_at=NOW, updated_at=NOW, **fields)

    assert is_held_out(contact, holdout) is held
