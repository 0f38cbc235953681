"""The host's own channels."""

from typing import Any

import pytest

from messaging_core.models import Channel, PlatformRules
from messaging_core.rules.addressing.channel import check_channel


def a_channel(**fields: Any) -> Channel:
    return Channel(**{"name": "orders", "platform": "sms", **fields})


@pytest.mark.parametrize(
    "channel",
    [
        a_channel(),
        a_channel(sender="+31612345678", sender_name="Shop", mms=True),
        a_channel(sender="Shop"),
        a_channel(smart_encoding=True, max_parts=1),
        a_channel(max_parts=255),
        a_channel(concurrency=1),
        a_channel(concurrency=1000),
        a_channel(platform="email", sender="shop@example.com"),
        a_channel(platform="push", sender="com.example.shop"),
        a_channel(platform="sms-messagebird"),
        a_channel(platform="gmail", rules=PlatformRules()),
        a_channel(platform="x" * 60, sender="anything"),
        a_channel(identifier_key="mobile"),
        a_channel(
            platform="email",
            sender="shop@example.com",
            unsubscribe_url="https://shop.example/leave/{messageId}",
            unsubscribe_mailto="leave@shop.example",
        ),
    ],
)
def test_a_channel_is_accepted(channel: Channel) -> None:
    assert check_channel(channel) == []


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"name": ""}, "/name", "text.empty"),
        ({"name": "a\nb"}, "/name", "text.control_character"),
        ({"name": "a" * 256}, "/name", "text.too_long"),
        ({"concurrency": 0}, "/concurrency", "channel.bad_concurrency"),
        ({"concurrency": 1001}, "/concurrency", "channel.bad_concurrency"),
        ({"max_parts": 0}, "/maxParts", "channel.bad_max_parts"),
        ({"max_parts": 256}, "/maxParts", "channel.bad_max_parts"),
        ({"platform": "push", "max_parts": 1}, "/maxParts", "channel.only_on_sms"),
        (
            {"platform": "push", "smart_encoding": True},
            "/smartEncoding",
            "channel.only_on_sms",
        ),
        ({"platform": "ab"}, "/platform", "channel.bad_platform"),
        ({"platform": "a" * 61}, "/platform", "channel.bad_platform"),
        ({"platform": "line\n", "identifier_key": "line"}, "/platform", "channel.bad_platform"),
        ({"platform": "li_ne"}, "/platform", "channel.bad_platform"),
        ({"platform": "\u0661\u0662\u0663"}, "/platform", "channel.bad_platform"),
        ({"platform": "SMS"}, "/platform", "channel.bad_platform"),
        ({"platform": "Email"}, "/platform", "channel.bad_platform"),
        ({"platform": "mail"}, "/platform", "channel.bad_platform"),
        ({"platform": "e-mail"}, "/platform", "channel.bad_platform"),
        ({"platform": "Pushs"}, "/platform", "channel.bad_platform"),
        ({"sender": ""}, "/sender", "sender.invalid"),
        ({"sender": "far too long a name"}, "/sender", "sender.invalid"),
        ({"platform": "email", "sender": "shop"}, "/sender", "sender.invalid"),
        ({"platform": "line", "sender": "\n"}, "/sender", "text.control_character"),
        ({"sender_name": "a\nb"}, "/senderName", "text.control_character"),
        (
            {
                "platform": "email",
                "sender": "shop@x.example",
                "unsubscribe_url": "http://x.example",
            },
            "/unsubscribeUrl",
            "unsubscribe.not_https",
        ),
        (
            {"platform": "email", "sender": "shop@x.example", "unsubscribe_mailto": "leave"},
            "/unsubscribeMailto",
            "receiver.invalid_email",
        ),
        (
            {"unsubscribe_url": "https://x.example"},
            "/unsubscribeUrl",
            "unsubscribe.only_on_email",
        ),
        (
            {"unsubscribe_mailto": "leave@x.example"},
            "/unsubscribeMailto",
            "unsubscribe.only_on_email",
        ),
        ({"platform": "push", "mms": True}, "/mms", "channel.mms_only_on_sms"),
        ({"platform": "email"}, "/sender", "channel.no_sender"),
        ({"identifier_key": ""}, "/identifierKey", "text.empty"),
        ({"identifier_key": "a" * 65}, "/identifierKey", "text.too_long"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_any_other_channel_is_refused(fields: dict[str, Any], path: str, code: str) -> None:
    violations = check_channel(a_channel(**fields))

    assert [(v.path, v.code) for v in violations] == [(path, code)]


def test_a_platform_that_is_nearly_ours_is_named_with_the_remedy() -> None:
    (violation,) = check_channel(a_channel(platform="mail"))

    assert violation.message == (
        '"mail" is not one of sms, email, push (did you mean "email"?);'
        " a platform of your own needs rules: PlatformRules, or [platforms.mail]"
    )


def test_every_fault_of_a_channel_is_told() -> None:
    violations = check_channel(a_channel(name="", sender="?", sender_name="\n"))

    assert [v.path for v in violations] == ["/name", "/sender", "/senderName"]
