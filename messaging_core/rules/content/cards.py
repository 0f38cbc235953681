"""Which cards a carousel may hold, and which rows a list."""

from collections.abc import Mapping, Sequence
from typing import Final

from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import Card, CarouselBody, ListBody, ListMetadata
from messaging_core.rules.content.actions import check_actions
from messaging_core.rules.formats.text import check_text
from messaging_core.rules.formats.uris import check_web_url

WHATSAPP: Final = "whatsapp"

MAX_CARDS: Final = 10
MAX_CARD_ACTIONS: Final = 3
MAX_CAROUSEL_TEXT: Final = 1024
MAX_BUTTON_LABEL: Final = 20
MAX_REPLY_LENGTH: Final = 512
CARD_ACTIONS: Final = frozenset({"reply", "postback", "link"})

_FAMILIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("jpg", "jpeg", "png"), "image"),
    **dict.fromkeys(("mp4", "3gp", "3gpp"), "video"),
}


def check_carousel(body: CarouselBody, channel: Channel, path: str) -> list[Violation]:
    """Hold a carousel to the Bird Channels API, rule 14, and on WhatsApp to the stricter rule 15.

    There are 1 to 10 cards; a card has a title and a description, a picture or actions; it has
    at most 3 actions, which are replies, postbacks or links.
    """
    whatsapp = channel.platform == WHATSAPP
    violations = _check_number(body.items, 2 if whatsapp else 1, f"{path}/items")
    for index, card in enumerate(body.items):
        violations += _check_carousel_card(card, channel.platform, f"{path}/items/{index}")
    if body.text is not None:
        violations += check_text(body.text, f"{path}/text", longest=MAX_CAROUSEL_TEXT)
    return violations + (_check_whatsapp(body, path) if whatsapp else [])


def check_list(body: ListBody, channel: Channel, path: str) -> list[Violation]:
    """Hold a list to the Bird Channels API, rule 16: a text, and labels short enough."""
    violations = check_text(body.text, f"{path}/text", required=True)
    if body.title is not None:
        violations += check_text(body.title, f"{path}/title")
    if body.alt_text is not None:
        violations += check_text(body.alt_text, f"{path}/altText")
    for index, card in enumerate(body.items):
        violations += _check_card(card, channel.platform, f"{path}/items/{index}")
    violations += check_actions(body.actions, channel.platform, f"{path}/actions")
    if body.metadata is not None:
        violations += _check_list_metadata(body.metadata, f"{path}/metadata")
    return violations


def _check_number(cards: Sequence[Card], least: int, path: str) -> list[Violation]:
    if least <= len(cards) <= MAX_CARDS:
        return []
    code = "carousel.too_few_cards" if len(cards) < least else "carousel.too_many_cards"
    message = f"a carousel has {least} to {MAX_CARDS} cards, not {len(cards)}"
    return [Violation(path, code, message)]


def _check_carousel_card(card: Card, platform: str, path: str) -> list[Violation]:
    violations = []
    if not card.title:
        violations.append(Violation(path, "card.no_title", "a card has a title"))
    if not (card.description or card.media_url or card.actions):
        message = "a card has at least one of description, mediaUrl and actions"
        violations.append(Violation(path, "card.empty", message))
    if len(card.actions) > MAX_CARD_ACTIONS:
        message = f"a card has at most {MAX_CARD_ACTIONS} actions, not {len(card.actions)}"
        violations.append(Violation(f"{path}/actions", "card.too_many_actions", message))
    violations += _check_action_types(card, f"{path}/actions")
    return violations + _check_card(card, platform, path)


def _check_action_types(card: Card, path: str) -> list[Violation]:
    message = "a card has replies, postbacks and links only"
    return [
        Violation(f"{path}/{index}/type", "card.action_not_allowed", message)
        for index, action in enumerate(card.actions)
        if action.type not in CARD_ACTIONS
    ]


def _check_card(card: Card, platform: str, path: str) -> list[Violation]:
    violations = check_actions(card.actions, platform, f"{path}/actions")
    if card.media_url is not None:
        violations += check_web_url(card.media_url, f"{path}/mediaUrl")
    if card.title is not None:
        violations += check_text(card.title, f"{path}/title")
    if card.description is not None:
        violations += check_text(card.description, f"{path}/description")
    if card.alt_text is not None:
        violations += check_text(card.alt_text, f"{path}/altText")
    return violations


def _check_whatsapp(body: CarouselBody, path: str) -> list[Violation]:
    violations = []
    if not body.text:
        message = "a carousel on WhatsApp has a text above its cards"
        violations.append(Violation(path, "carousel.no_text", message))
    for index, card in enumerate(body.items):
        violations += _check_whatsapp_card(card, f"{path}/items/{index}")
    # The URL is all there is to go by: a card names no content type, and nothing is fetched here.
    if len({_family(card.media_url) for card in body.items if card.media_url} - {None}) > 1:
        message = "the cards of a carousel on WhatsApp are all pictures or all videos"
        violations.append(Violation(f"{path}/items", "carousel.mixed_media", message))
    return violations


def _check_whatsapp_card(card: Card, path: str) -> list[Violation]:
    violations = []
    if not card.media_url:
        message = "a card on WhatsApp has a picture or video"
        violations.append(Violation(path, "card.no_media", message))
    if [action.type for action in card.actions] != ["link"]:
        message = "a card on WhatsApp has exactly one action, a link"
        here = f"{path}/actions" if card.actions else path
        violations.append(Violation(here, "card.needs_one_link", message))
    return violations


def _family(media_url: str) -> str | None:
    path = media_url.partition("#")[0].partition("?")[0]
    return _FAMILIES.get(path.rpartition(".")[2].lower())


def _check_list_metadata(metadata: ListMetadata, path: str) -> list[Violation]:
    violations: list[Violation] = []
    if metadata.button is not None and metadata.button.label is not None:
        label = metadata.button.label
        violations += check_text(label, f"{path}/button/label", longest=MAX_BUTTON_LABEL)
    reply = metadata.reply_message
    if reply is not None and reply.title is not None:
        here = f"{path}/replyMessage/title"
        violations += check_text(reply.title, here, longest=MAX_REPLY_LENGTH)
    if reply is not None and reply.text is not None:
        here = f"{path}/replyMessage/text"
        violations += check_text(reply.text, here, longest=MAX_REPLY_LENGTH)
    return violations
