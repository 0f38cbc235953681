"""Buttons, links and quick replies."""

from typing import Any

import pytest

from messaging_core.models import (
    Action,
    ActionDescription,
    ActionMetadata,
    BuyAction,
    LinkAction,
    LocationRequestAction,
    PostbackAction,
    ReplyAction,
)
from messaging_core.rules.content.actions import check_actions

PATH = "/body/text/actions"
LINK = LinkAction(text="Open", url="https://example.com")
REPLY = ReplyAction(text="Yes")
POSTBACK = PostbackAction(text="Buy", payload="sku-1")
LOCATION = LocationRequestAction()
BUY = BuyAction(text="Buy", amount_cents=0, currency="EUR")


def a_label(label: str) -> ActionMetadata:
    return ActionMetadata(description=ActionDescription(label=label))


def check(*actions: Action, platform: str = "line") -> list[tuple[str, str]]:
    return [
        (violation.path.removeprefix(PATH), violation.code)
        for violation in check_actions(actions, platform, PATH)
    ]


@pytest.mark.parametrize(
    "action",
    [
        LINK,
        LinkAction(text="Open", url="{{url}}"),
        REPLY,
        ReplyAction(text="Yes", image_url="https://example.com/a.png", metadata=a_label("x" * 72)),
        PostbackAction(text="Yes"),
        PostbackAction(text="Yes", payload="", metadata=ActionMetadata()),
        LOCATION,
        BUY,
    ],
    ids=repr,
)
def test_rule_19_an_action_is_accepted(action: Action) -> None:
    assert check(action) == []


@pytest.mark.parametrize(
    ("action", "path", "code"),
    [
        (LinkAction(text="", url="https://example.com"), "link/text", "text.empty"),
        (LinkAction(text="a", url="example.com"), "link/url", "uri.malformed"),
        (LinkAction(text="a", url="https://a b"), "link/url", "uri.bad_character"),
        (ReplyAction(text=""), "reply/text", "text.empty"),
        (ReplyAction(text="a", image_url="a.png"), "reply/imageUrl", "uri.not_http"),
        (
            ReplyAction(text="a", metadata=a_label("x" * 73)),
            "reply/metadata/description/label",
            "text.too_long",
        ),
        (PostbackAction(text="a", image_url="{{a}}"), "postback/imageUrl", "uri.not_http"),
        (PostbackAction(text="a", payload="\0"), "postback/payload", "text.bad_character"),
        (
            PostbackAction(text="a", metadata=a_label("x" * 73)),
            "postback/metadata/description/label",
            "text.too_long",
        ),
        (LocationRequestAction(text=""), "locationRequest/text", "text.empty"),
        (BuyAction(text="", amount_cents=1, currency="EUR"), "buy/text", "text.empty"),
        *(
            (BuyAction(text="a", amount_cents=1, currency=c), "buy/currency", "action.bad_currency")
            for c in ("", "EU", "EURO", "12A", "EÜR", "EUR\n")
        ),
        (
            BuyAction(text="a", amount_cents=-1, currency="EUR"),
            "buy/amountCents",
            "action.negative_amount",
        ),
    ],
)
def test_rule_19_any_other_action_is_refused(action: Action, path: str, code: str) -> None:
    assert check(REPLY, action) == [(f"/1/{path}", code)]


@pytest.mark.parametrize(
    ("platform", "refused"),
    [
        ("sms", [REPLY, POSTBACK, LOCATION, BUY]),
        ("email", [REPLY, POSTBACK, LOCATION, BUY]),
        ("push", [LOCATION, BUY]),
        ("whatsapp", []),
    ],
)
def test_a_platform_carries_some_kinds_of_action(platform: str, refused: list[Any]) -> None:
    violations = check(LINK, REPLY, POSTBACK, LOCATION, BUY, platform=platform)

    places = [[LINK, REPLY, POSTBACK, LOCATION, BUY].index(action) for action in refused]
    assert violations == [(f"/{place}/type", "action.unsupported_on_platform") for place in places]


def test_the_message_says_what_the_platform_carries() -> None:
    (violation,) = check_actions([LOCATION], "push", PATH)

    assert violation.message == "push carries link, reply, postback, not locationRequest"
