"""Whom a message may go to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.models import (
    Channel,
    Identifier,
    Receiver,
    ReceiverContact,
    ReceiverType,
    Violation,
    to,
)
from messaging_core.rules.addressing.receiver import address_of, check_receiver

SMS_CHANNEL = Channel(name="orders", platform="sms")
EMAIL_CHANNEL = Channel(name="mail", platform="email")
PUSH_CHANNEL = Channel(name="app", platform="push")
OWN_CHANNEL = Channel(name="chat", platform="line")
WHATSAPP_CHANNEL = Channel(name="wa", platform="whatsapp", identifier_key="phonenumber")

NUMBER = "+31612345678"
ADA, BOB = "ada@example.com", "bob@example.com"


def a_contact(**fields: Any) -> ReceiverContact:
    return ReceiverContact(**fields)


def an_identifier(key: str, value: str) -> Identifier:
    return Identifier(identifier_key=key, identifier_value=value)


def check(channel: Channel, *contacts: ReceiverContact) -> list[tuple[str, str]]:
    receiver = Receiver(contacts=contacts)
    return faults(check_receiver(receiver, channel, "/receiver"))


def faults(violations: list[Violation]) -> list[tuple[str, str]]:
    return [
        (violation.path.removeprefix("/receiver/contacts"), violation.code)
        for violation in violations
    ]


@pytest.mark.parametrize("channel", [SMS_CHANNEL, EMAIL_CHANNEL, OWN_CHANNEL])
def test_rule_1_a_receiver_has_contacts(channel: Channel) -> None:
    violations = check_receiver(Receiver(contacts=()), channel, "/receiver")

    assert [(v.path, v.code) for v in violations] == [("/receiver/contacts", "receiver.empty")]


@pytest.mark.parametrize(
    ("identifier", "path", "code"),
    [
        (an_identifier("", "x"), "identifierKey", "text.empty"),
        (an_identifier("crm\n", "x"), "identifierKey", "text.control_character"),
        (an_identifier("crm", ""), "identifierValue", "text.empty"),
        (an_identifier("emailaddress", "ada"), "identifierValue", "receiver.invalid_email"),
    ],
)
def test_rule_2_each_identifier_has_a_key_and_a_value(
    identifier: Identifier, path: str, code: str
) -> None:
    contact = a_contact(platform_address=NUMBER, identifiers=(identifier,))

    assert check(SMS_CHANNEL, contact) == [(f"/0/identifiers/0/{path}", code)]


@pytest.mark.parametrize(
    "contact",
    [
        a_contact(id="c-1"),
        a_contact(id="c-1", identifier_key="crm", identifier_value="42"),
        a_contact(identifier_value=NUMBER),
        a_contact(identifier_key="phonenumber", identifier_value=NUMBER),
        a_contact(identifiers=(an_identifier("crm", "42"), an_identifier("phonenumber", NUMBER))),
        a_contact(platform_address=NUMBER),
        a_contact(identifier_key="crm", identifier_value="42", platform_address=NUMBER),
        a_contact(identifier_value=NUMBER, type=ReceiverType.TO),
        a_contact(platform_address=NUMBER, platform_address_selector="$.phone"),
    ],
)
def test_rule_3_a_contact_is_addressed_in_one_of_four_ways(contact: ReceiverContact) -> None:
    assert check(SMS_CHANNEL, contact) == []


@pytest.mark.parametrize("contact", [a_contact(), a_contact(identifier_key="phonenumber")])
def test_rule_3_a_contact_without_any_address_is_refused(contact: ReceiverContact) -> None:
    assert check(SMS_CHANNEL, contact) == [("/0", "receiver.not_addressable")]


@pytest.mark.parametrize(
    "contact",
    [
        a_contact(identifier_key="crm", identifier_value="42"),
        a_contact(identifier_key="emailaddress", identifier_value=ADA),
        a_contact(identifiers=(an_identifier("emailaddress", ADA),)),
    ],
)
def test_an_address_that_the_platform_cannot_reach_is_refused(contact: ReceiverContact) -> None:
    assert check(SMS_CHANNEL, contact) == [("/0", "receiver.unreachable")]


@pytest.mark.parametrize("channel", [SMS_CHANNEL, WHATSAPP_CHANNEL])
def test_rule_4_only_email_goes_to_several_contacts(channel: Channel) -> None:
    receiver = to(NUMBER, "+31600000001")

    assert check(channel, *receiver.contacts) == [("", "receiver.too_many")]


def test_rule_4_email_goes_to_several_contacts() -> None:
    receiver = to(ADA, BOB, cc=["c@example.com"], bcc=["d@example.com"])

    assert check(EMAIL_CHANNEL, *receiver.contacts) == []


@pytest.mark.parametrize("kind", [ReceiverType.CC, ReceiverType.BCC])
def test_rule_5_only_email_has_copies(kind: ReceiverType) -> None:
    contact = a_contact(identifier_value=NUMBER, type=kind)

    assert check(SMS_CHANNEL, contact) == [("/0/type", "receiver.copy_not_supported")]


def test_rule_5_a_receiver_stands_on_to() -> None:
    assert check(EMAIL_CHANNEL, *to(cc=[ADA], bcc=[BOB]).contacts) == [("", "receiver.no_to")]
    assert check(EMAIL_CHANNEL, *to(cc=[ADA]).contacts) == [("", "receiver.no_to")]


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        (SMS_CHANNEL, NUMBER),
        (EMAIL_CHANNEL, "Ada.Lovelace+x@Example.com"),
        (PUSH_CHANNEL, "f3a9:APA91b"),
        (OWN_CHANNEL, "U1234 any 日本"),
        (WHATSAPP_CHANNEL, NUMBER),
    ],
)
def test_rule_42_an_address_has_the_form_of_its_kind(channel: Channel, value: str) -> None:
    assert check(channel, *to(value).contacts) == []


@pytest.mark.parametrize(
    ("channel", "value", "code"),
    [
        (SMS_CHANNEL, "", "receiver.not_e164"),
        (SMS_CHANNEL, "0612345678", "receiver.not_e164"),
        (SMS_CHANNEL, "+\u0663\u0661612345678", "receiver.not_e164"),
        (WHATSAPP_CHANNEL, "0612345678", "receiver.not_e164"),
        (EMAIL_CHANNEL, "ada", "receiver.invalid_email"),
        (EMAIL_CHANNEL, "Ada <ada@example.com>", "receiver.invalid_email"),
        (EMAIL_CHANNEL, "ada@example.com\r\nRCPT TO:<x@y.example>", "receiver.invalid_email"),
        (PUSH_CHANNEL, "a b", "receiver.invalid_push_token"),
        (OWN_CHANNEL, "", "text.empty"),
        (OWN_CHANNEL, "a\nb", "text.control_character"),
        (OWN_CHANNEL, "a" * 501, "text.too_long"),
    ],
    ids=ascii,
)
def test_rule_42_any_other_address_is_refused(channel: Channel, value: str, code: str) -> None:
    assert check(channel, *to(value).contacts) == [("/0/identifierValue", code)]


def test_rule_42_the_platform_address_is_checked_as_well_as_the_identifier() -> None:
    contact = a_contact(identifier_value="06", platform_address="07")

    assert check(SMS_CHANNEL, contact) == [
        ("/0/identifierValue", "receiver.not_e164"),
        ("/0/platformAddress", "receiver.not_e164"),
    ]


def test_the_platform_decides_on_its_address_whatever_the_host_calls_the_key() -> None:
    channel = Channel(name="orders", platform="sms", identifier_key="mobile")
    contact = a_contact(identifier_key="mobile", identifier_value="0612345678")

    assert check(channel, contact) == [("/0/identifierValue", "receiver.not_e164")]


@pytest.mark.parametrize(
    "receiver",
    [to(ADA, ADA), to(ADA, cc=["ADA@Example.com"]), to(ADA, bcc=[ADA])],
)
def test_the_same_address_twice_is_refused(receiver: Receiver) -> None:
    assert check(EMAIL_CHANNEL, *receiver.contacts) == [("/1", "receiver.duplicate")]


def test_the_same_contact_twice_is_refused() -> None:
    assert check(EMAIL_CHANNEL, a_contact(id="1"), a_contact(id="2"), a_contact(id="1")) == [
        ("/2", "receiver.duplicate")
    ]


def test_contacts_without_any_address_are_no_duplicates() -> None:
    assert check(EMAIL_CHANNEL, a_contact(), a_contact()) == [
        ("/0", "receiver.not_addressable"),
        ("/1", "receiver.not_addressable"),
    ]


def test_each_line_of_a_mail_has_at_most_50_contacts() -> None:
    fifty, more = [f"a{n}@example.com" for n in range(50)], [f"b{n}@x.example" for n in range(51)]

    assert check(EMAIL_CHANNEL, *to(*fifty, cc=more[:50]).contacts) == []
    assert check(EMAIL_CHANNEL, *to(*fifty, cc=more).contacts) == [
        ("", "receiver.too_many_on_line")
    ]


def test_of_very_many_contacts_only_their_number_is_told() -> None:
    contacts = tuple(a_contact(identifier_value=ADA) for _ in range(100_000))

    violations = check(EMAIL_CHANNEL, *contacts)

    assert violations[0] == ("", "receiver.too_many_on_line")
    assert len(violations) <= 150


@pytest.mark.parametrize(("id_", "code"), [("", "text.empty"), ("\0", "text.control_character")])
def test_a_contact_id_is_one_line(id_: str, code: str) -> None:
    assert check(SMS_CHANNEL, a_contact(id=id_)) == [("/0/id", code)]


@pytest.mark.parametrize("contact_id", [None, "c-1"])
def test_an_expression_is_refused_rather_than_ignored(contact_id: str | None) -> None:
    contact = a_contact(
        id=contact_id, identifier_value=NUMBER, platform_address_selector="$.phones[1]"
    )

    assert check(SMS_CHANNEL, contact) == [
        ("/0/platformAddressSelector", "receiver.selector_not_supported")
    ]


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        (a_contact(id="c-1"), None),
        (a_contact(identifier_value=NUMBER), NUMBER),
        (a_contact(identifier_value=NUMBER, platform_address="+31600000001"), "+31600000001"),
        (a_contact(identifier_key="crm", identifier_value="42"), None),
        (
            a_contact(
                identifier_key="crm",
                identifier_value="42",
                identifiers=(
                    an_identifier("emailaddress", ADA),
                    an_identifier("phonenumber", NUMBER),
                    an_identifier("phonenumber", "+31600000001"),
                ),
            ),
            NUMBER,
        ),
    ],
)
def test_the_address_used_is_the_first_that_fits(
    contact: ReceiverContact, expected: str | None
) -> None:
    address = address_of(contact, SMS_CHANNEL)

    assert address == (None if expected is None else ("phonenumber", expected))


@given(st.text())
def test_an_accepted_own_address_is_one_line(value: str) -> None:
    if not check(OWN_CHANNEL, *to(value).contacts):
        assert len(value.splitlines()) == 1


@pytest.mark.parametrize("channel", [SMS_CHANNEL, EMAIL_CHANNEL, PUSH_CHANNEL, OWN_CHANNEL])
@pytest.mark.parametrize(
    "value", ["+" + "1" * 10_000_000, "a@" + "b." * 5_000_000, "\u202e" * 10**7]
)
def test_hostile_addresses_are_refused_without_being_repeated(channel: Channel, value: str) -> None:
    violations = check_receiver(to(value), channel, "/receiver")

    assert len(violations) == 1
    assert len(violations[0].message) < 300


def test_a_channel_may_let_numbers_of_new_ranges_through() -> None:
    careful = Channel(name="careful", platform="sms")
    open_minded = Channel(name="open", platform="sms", allow_unassigned_numbers=True)
    receiver = to("+31000000000")

    assert [violation.code for violation in check_receiver(receiver, careful, "")] == [
        "receiver.number_not_assigned"
    ]
    assert check_receiver(receiver, open_minded, "") == []


def test_each_of_150_contacts_is_looked_at_and_none_beyond() -> None:
    lines = (ReceiverType.TO, ReceiverType.CC, ReceiverType.BCC)
    good = [
        ReceiverContact(identifier_value=f"a{number}@b.example", type=lines[number % 3])
        for number in range(151)
    ]
    bad = ReceiverContact(identifier_value="unknown", type=ReceiverType.BCC)

    assert check(EMAIL_CHANNEL, *good[:149], bad) == [
        ("/149/identifierValue", "receiver.invalid_email")
    ]
    assert [code for _, code in check(EMAIL_CHANNEL, *good[:150], bad)] == [
        "receiver.too_many_on_line"
    ]
