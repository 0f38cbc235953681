"""Carousels and lists."""

from typing import Any

import pytest

from messaging_core.models import (
    ActionDescription,
    ActionMetadata,
    BuyAction,
    Card,
    CarouselBody,
    Channel,
    LinkAction,
    ListBody,
    ListButton,
    ListMetadata,
    LocationRequestAction,
    PostbackAction,
    ReplyAction,
    ReplyMessage,
    Violation,
)
from messaging_core.rules.content.cards import check_carousel, check_list

PATH = "/body/carousel"
URL = "https://example.com/a.jpg"
LINE = Channel(name="chat", platform="line")
WHATSAPP = Channel(name="wa", platform="whatsapp")
LINK = LinkAction(text="Open", url="https://example.com")
REPLY = ReplyAction(text="Yes")


def a_card(**fields: Any) -> Card:
    return Card(**{"title": "Shoes", "media_url": URL, "actions": (LINK,), **fields})


def a_carousel(*cards: Card, text: str | None = "Look") -> CarouselBody:
    return CarouselBody(items=cards, text=text)


def faults(violations: list[Violation]) -> list[tuple[str, str]]:
    return [(v.path.removeprefix(PATH), v.code) for v in violations]


def check(body: CarouselBody, channel: Channel = LINE) -> list[tuple[str, str]]:
    return faults(check_carousel(body, channel, PATH))


@pytest.mark.parametrize(
    "body",
    [
        a_carousel(a_card()),
        a_carousel(*[a_card()] * 10, text="x" * 1024),
        a_carousel(Card(title="Shoes", description="Red"), text=None),
        a_carousel(Card(title="Shoes", media_url=URL)),
        a_carousel(a_card(actions=(LINK, REPLY, PostbackAction(text="Buy")))),
    ],
)
def test_rule_14_a_carousel_is_accepted(body: CarouselBody) -> None:
    assert check(body) == []


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        (a_carousel(), "/items", "carousel.too_few_cards"),
        (a_carousel(*[a_card()] * 11), "/items", "carousel.too_many_cards"),
        (a_carousel(a_card(), text="x" * 1025), "/text", "text.too_long"),
        (a_carousel(a_card(title=None)), "/items/0", "card.no_title"),
        (a_carousel(a_card(title="")), "/items/0", "card.no_title"),
        (a_carousel(Card(title="Shoes")), "/items/0", "card.empty"),
        (a_carousel(Card(title="Shoes", description="")), "/items/0", "card.empty"),
        (a_carousel(a_card(actions=(LINK,) * 4)), "/items/0/actions", "card.too_many_actions"),
        (
            a_carousel(a_card(), a_card(actions=(LINK, LocationRequestAction()))),
            "/items/1/actions/1/type",
            "card.action_not_allowed",
        ),
        (
            a_carousel(a_card(actions=(BuyAction(text="a", amount_cents=1, currency="EUR"),))),
            "/items/0/actions/0/type",
            "card.action_not_allowed",
        ),
        (
            a_carousel(a_card(), a_card(), a_card(actions=(LinkAction(text="a", url="b"),))),
            "/items/2/actions/0/link/url",
            "uri.malformed",
        ),
        (a_carousel(a_card(media_url="a.jpg")), "/items/0/mediaUrl", "uri.not_http"),
        (a_carousel(a_card(title="\0")), "/items/0/title", "text.bad_character"),
        (a_carousel(a_card(description="\0")), "/items/0/description", "text.bad_character"),
        (a_carousel(a_card(alt_text="\0")), "/items/0/altText", "text.bad_character"),
    ],
)
def test_rule_14_any_other_carousel_is_refused(body: CarouselBody, path: str, code: str) -> None:
    assert check(body) == [(path, code)]


@pytest.mark.parametrize(
    "media",
    [
        ("a.jpg", "b.JPEG?x=1", "c.png#top"),
        ("a.mp4", "b.3gpp", "c.3gp"),
        ("a.jpg", "b", "c.unknown"),
    ],
)
def test_rule_15_whatsapp_carries_pictures_or_videos(media: tuple[str, ...]) -> None:
    cards = [a_card(media_url=f"https://example.com/{name}") for name in media]

    assert check(a_carousel(*cards), WHATSAPP) == []


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        (a_carousel(a_card()), "/items", "carousel.too_few_cards"),
        (a_carousel(*[a_card()] * 11), "/items", "carousel.too_many_cards"),
        (a_carousel(a_card(), a_card(), text=None), "", "carousel.no_text"),
        (a_carousel(a_card(), a_card(), text=""), "", "carousel.no_text"),
        (a_carousel(a_card(), a_card(title=None)), "/items/1", "card.no_title"),
        (a_carousel(a_card(), a_card(media_url=None)), "/items/1", "card.no_media"),
        (a_carousel(a_card(), a_card(actions=())), "/items/1", "card.needs_one_link"),
        (
            a_carousel(a_card(), a_card(actions=(REPLY,))),
            "/items/1/actions",
            "card.needs_one_link",
        ),
        (
            a_carousel(a_card(), a_card(actions=(LINK, LINK))),
            "/items/1/actions",
            "card.needs_one_link",
        ),
        (
            a_carousel(a_card(), a_card(media_url="https://example.com/a.mp4")),
            "/items",
            "carousel.mixed_media",
        ),
    ],
)
def test_rule_15_whatsapp_is_stricter(body: CarouselBody, path: str, code: str) -> None:
    assert check(body, WHATSAPP) == [(path, code)]


def test_rule_16_a_list_is_accepted() -> None:
    row = ReplyAction(
        text="Red", metadata=ActionMetadata(description=ActionDescription(label="x" * 72))
    )
    body = ListBody(
        text="Which colour?",
        title="Shoes",
        alt_text="Colours",
        items=(Card(title="Warm", actions=(row,) * 9), Card(actions=(LINK,))),
        actions=(LINK,),
        metadata=ListMetadata(
            button=ListButton(label="x" * 20),
            reply_message=ReplyMessage(title="x" * 512, text="x" * 512),
        ),
    )

    assert check_list(body, LINE, "/x") == []
    assert check_list(ListBody(text="?", metadata=ListMetadata()), LINE, "/x") == []


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        (ListBody(text=""), "text", "text.empty"),
        (ListBody(text="a", title="\0"), "title", "text.bad_character"),
        (ListBody(text="a", alt_text="\0"), "altText", "text.bad_character"),
        (
            ListBody(text="a", metadata=ListMetadata(button=ListButton(label="x" * 21))),
            "metadata/button/label",
            "text.too_long",
        ),
        (
            ListBody(text="a", metadata=ListMetadata(reply_message=ReplyMessage(title="x" * 513))),
            "metadata/replyMessage/title",
            "text.too_long",
        ),
        (
            ListBody(text="a", metadata=ListMetadata(reply_message=ReplyMessage(text="x" * 513))),
            "metadata/replyMessage/text",
            "text.too_long",
        ),
        (
            ListBody(text="a", items=(Card(actions=(ReplyAction(text=""),)),)),
            "items/0/actions/0/reply/text",
            "text.empty",
        ),
        (
            ListBody(text="a", actions=(ReplyAction(text=""),)),
            "actions/0/reply/text",
            "text.empty",
        ),
    ],
)
def test_rule_16_any_other_list_is_refused(body: ListBody, path: str, code: str) -> None:
    assert faults(check_list(body, LINE, "/x")) == [(f"/x/{path}", code)]
