"""Senders that a request may name."""

import pytest

from messaging_core.models import (
    Channel,
    EmailFrom,
    Sender,
    SenderAnnotations,
    SenderConnector,
    Violation,
)
from messaging_core.rules.addressing.sender import (
    check_display_name,
    check_email_from,
    check_sender,
    check_user_name,
    mail_domains,
)


def a_sender(value: str, name: str | None = None) -> Sender:
    annotations = SenderAnnotations(name=name)
    return Sender(connector=SenderConnector(identifier_value=value, annotations=annotations))


def a_channel(platform: str) -> Channel:
    return Channel(name="any", platform=platform)


def faults(violations: list[Violation]) -> list[tuple[str, str]]:
    return [(violation.path, violation.code) for violation in violations]


@pytest.mark.parametrize(
    ("platform", "value"),
    [
        ("sms", "+31612345678"),
        ("sms", "Shop"),
        ("sms", "12345"),
        ("email", "billing"),
        ("push", "com.example.shop"),
        ("whatsapp", "Any shop, anywhere"),
    ],
)
def test_rule_29_a_sender_fits_its_platform(platform: str, value: str) -> None:
    assert check_sender(a_sender(value, "The Shop"), a_channel(platform), "/sender") == []


@pytest.mark.parametrize(
    ("platform", "value", "code"),
    [
        ("sms", "", "sender.invalid"),
        ("sms", "much too long a sender", "sender.invalid"),
        ("email", "", "sender.bad_user_name"),
        ("email", "billing@example.com", "sender.bad_user_name"),
        ("push", "", "text.empty"),
        ("whatsapp", "a\nb", "text.control_character"),
        ("whatsapp", "a" * 501, "text.too_long"),
    ],
)
def test_rule_29_any_other_sender_is_refused(platform: str, value: str, code: str) -> None:
    violations = check_sender(a_sender(value), a_channel(platform), "/sender")

    assert faults(violations) == [("/sender/connector/identifierValue", code)]


def test_a_display_name_is_one_line() -> None:
    violations = check_sender(a_sender("a", "N\r\nBcc: x"), a_channel("email"), "/sender")

    assert faults(violations) == [("/sender/connector/annotations/name", "text.control_character")]
    assert check_display_name("Ada Lovelace, 愛", "/x") == []
    assert faults(check_display_name("a" * 256, "/x")) == [("/x", "text.too_long")]


@pytest.mark.parametrize("value", ["a", "billing", "a.b-c_d+e/f", "0", "a" * 64])
def test_rule_30_a_user_name_is_a_dot_atom_of_the_published_characters(value: str) -> None:
    assert check_user_name(value, "/x") == []


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a b",
        "a@b",
        "a\n",
        "é",
        "\u0661",
        ".a",
        "a.",
        "a..b",
        "a,b",
        "a:b",
        "a" * 65,
        "a" * 9**7,
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_rule_30_any_other_user_name_is_refused(value: str) -> None:
    assert faults(check_user_name(value, "/x")) == [("/x", "sender.bad_user_name")]


def test_both_halves_of_an_email_sender_are_checked() -> None:
    assert check_email_from(EmailFrom(), "/x") == []
    assert faults(check_email_from(EmailFrom(username="a b", display_name="\n"), "/x")) == [
        ("/x/username", "sender.bad_user_name"),
        ("/x/displayName", "text.control_character"),
    ]


SHOP = Channel(name="mail", platform="email", sender="help@Shop.example")
FRENCH = Channel(name="fr", platform="email", sender="aide@élan.example")


@pytest.mark.parametrize(
    ("value", "domains", "accepted"),
    [
        ("billing@shop.example", (), True),
        ("billing@SHOP.example", (), True),
        ("Bílling@shop.example", (), True),
        ("aide@élan.example", mail_domains([FRENCH]), True),
        ("aide@xn--lan-9la.example", mail_domains([FRENCH]), True),
        ("aide@élan.example", (), False),
        ("billing@mail.shop.example", (), False),
        ("billing@shop.example.evil.example", (), False),
        ("billing@evil.example", mail_domains([FRENCH]), False),
        ("a@b@shop.example", (), False),
        ("@shop.example", (), False),
        ("a\r\nBcc: x@shop.example", (), False),
    ],
)
def test_a_complete_sender_is_of_a_domain_of_the_workspace(
    value: str, domains: frozenset[str], *, accepted: bool
) -> None:
    violations = faults(check_sender(a_sender(value), SHOP, "/sender", domains))

    place = "/sender/connector/identifierValue"
    assert violations == ([] if accepted else [(place, "sender.bad_user_name")])


def test_only_email_channels_have_mail_domains() -> None:
    channels = [SHOP, Channel(name="sms", platform="sms", sender="+31600000000"), FRENCH]

    assert mail_domains(channels) == {"shop.example", "xn--lan-9la.example"}
