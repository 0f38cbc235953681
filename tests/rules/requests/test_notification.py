"""Which notifications may begin; tests/notifications/test_service.py shows the rules at work."""

import pytest
from attrs import evolve

from messaging_core.models.common.channel import Channel
from messaging_core.models.messages.notification import Notification
from messaging_core.rules.requests.notification import (
    check_notification,
    sender_channel,
    valid_addresses,
)

MAIL = Channel(name="mail", platform="email", sender="shop@sender.example")
CHANNELS = {"email": MAIL}


def codes(notification: Notification, *, has_files: bool = True) -> list[str]:
    violations = check_notification(notification, CHANNELS, has_files=has_files)
    return [f"{violation.path} {violation.code}" for violation in violations]


def a_notification(**fields: object) -> Notification:
    usual: dict[str, object] = {
        "recipients": ("ada",),
        "message_title": "t",
        "message_content": "c",
    }
    return Notification(**{"channels": ("email",), **usual, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"recipients": ("",)}, ["/recipients/0 text.empty"]),
        ({"clusters": ("a\nb",)}, ["/clusters/0 text.control_character"]),
        ({"recipients": (), "clusters": ("vip",)}, []),
        ({"recipients": ()}, [" notification.no_recipients"]),
        ({"channels": ()}, ["/channels notification.no_channels"]),
        ({"channels": ("email", "fax")}, ["/channels/1 notification.unknown_channel"]),
        ({"message_title": ""}, [" notification.no_content"]),
        ({"message_content": ""}, [" notification.no_content"]),
        ({"template_id": ""}, ["/templateId text.empty"]),
        ({"template_id": "x" * 500}, []),
        ({"template_id": "x" * 501}, ["/templateId text.too_long"]),
        ({"recipients": ("x" * 500,)}, []),
        ({"recipients": ("x" * 501,)}, ["/recipients/0 text.too_long"]),
        ({"message_content": "a\0b"}, ["/messageContent text.bad_character"]),
        ({"message_title": "x" * 999}, ["/messageTitle text.too_long"]),
        ({"template_id": "x", "message_title": "a\nb"}, []),
        ({"email_attachments": tuple(str(number) for number in range(100))}, []),
        ({"email_attachments": ("a", "..")}, ["/emailAttachments/1 notification.bad_file_name"]),
        (
            {"email_attachments": tuple(str(number) for number in range(101))},
            ["/emailAttachments notification.too_many_files"],
        ),
        ({"email_carbon_copies": tuple(f"c{number}@x.example" for number in range(50))}, []),
        (
            {"email_carbon_copies": tuple(f"c{number}@x.example" for number in range(51))},
            ["/emailCarbonCopies receiver.too_many_on_line"],
        ),
        ({"email_blind_carbon_copies": ("unknown",) * 60}, []),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    fields: dict[str, object], expected: list[str]
) -> None:
    assert codes(a_notification(**fields)) == expected


def test_files_need_a_place_that_they_come_from() -> None:
    assert codes(a_notification(), has_files=False) == []
    assert codes(a_notification(email_attachments=("a.pdf",)), has_files=False) == [
        "/emailAttachments notification.no_files"
    ]


def test_an_inactive_channel_is_named() -> None:
    violations = check_notification(
        a_notification(), {"email": evolve(MAIL, active=False)}, has_files=True
    )

    assert [violation.code for violation in violations] == ["channel.inactive"]


def test_what_concerns_email_only_is_passed_over_elsewhere() -> None:
    push = {"push": Channel(name="app", platform="push")}
    notification = a_notification(
        channels=("push",),
        email_attachments=("..",),
        email_carbon_copies=tuple(f"c{number}@x.example" for number in range(51)),
    )

    assert check_notification(notification, push, has_files=True) == []


def test_copies_are_kept_once_as_they_were_written_first() -> None:
    addresses = ["A@x.example", "unknown", "a@X.example", "b@x.example"]

    assert valid_addresses(addresses) == ["A@x.example", "b@x.example"]


def test_a_sender_is_found_by_its_address_before_its_domain() -> None:
    exact = Channel(name="exact", platform="email", sender="news@sender.example")

    assert sender_channel("NEWS@sender.example", [MAIL, exact]) == (exact, None)
    french = evolve(exact, sender="aide@élan.example")
    assert sender_channel("vente@XN--lan-9la.example", [french]) == (french, "vente")
    assert sender_channel("other@Sender.example", [MAIL, exact]) == (MAIL, "other")
    with pytest.raises(LookupError):
        sender_channel("other@sub.sender.example", [MAIL, exact])
