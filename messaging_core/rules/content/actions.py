"""Which buttons, links and quick replies a message may carry."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from messaging_core.lazy import pattern
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.action import (
    Action,
    ActionMetadata,
    BuyAction,
    LinkAction,
    LocationRequestAction,
    PostbackAction,
    ReplyAction,
)
from messaging_core.rules.formats.platforms import ACTION_TYPES
from messaging_core.rules.formats.text import check_text
from messaging_core.rules.formats.uris import check_link, check_web_url

MAX_DESCRIPTION_LENGTH: Final = 72

_CURRENCY: Final = pattern(r"[A-Za-z]{3}")


def check_actions(actions: Sequence[Action], platform: str, path: str) -> list[Violation]:
    """Hold actions to the Bird Channels API, rule 19, and to what the platform carries.

    Texts are not empty (ours); a link is a URI or holds a `{{variable}}`; a currency has exactly
    3 characters, which are letters (ISO 4217, ours), and no amount is negative (ours).
    """
    violations: list[Violation] = []
    for index, action in enumerate(actions):
        violations += _check_action(action, platform, f"{path}/{index}")
    return violations


def _check_action(action: Action, platform: str, path: str) -> list[Violation]:
    violations = []
    carried = ACTION_TYPES.get(platform)
    if carried is not None and action.type not in carried:
        message = f"{platform} carries {', '.join(carried)}, not {action.type}"
        violations.append(Violation(f"{path}/type", "action.unsupported_on_platform", message))
    here = f"{path}/{action.type}"
    violations += check_text(action.text, f"{here}/text", required=True)
    return violations + _CHECKS[type(action)](action, here)


def _check_link_action(action: LinkAction, path: str) -> list[Violation]:
    return check_link(action.url, f"{path}/url")


def _check_reply(action: ReplyAction, path: str) -> list[Violation]:
    return _check_image(action.image_url, path) + _check_metadata(action.metadata, path)


def _check_postback(action: PostbackAction, path: str) -> list[Violation]:
    violations = _check_image(action.image_url, path) + _check_metadata(action.metadata, path)
    if action.payload is not None:
        violations += check_text(action.payload, f"{path}/payload")
    return violations


def _check_location_request(_action: LocationRequestAction, _path: str) -> list[Violation]:
    return []


def _check_buy(action: BuyAction, path: str) -> list[Violation]:
    violations = []
    if action.amount_cents < 0:
        message = "an amount is 0 or more"
        violations.append(Violation(f"{path}/amountCents", "action.negative_amount", message))
    if not _CURRENCY.fullmatch(action.currency):
        message = "a currency has exactly 3 letters, such as EUR"
        violations.append(Violation(f"{path}/currency", "action.bad_currency", message))
    return violations


def _check_image(image_url: str | None, path: str) -> list[Violation]:
    return [] if image_url is None else check_web_url(image_url, f"{path}/imageUrl")


def _check_metadata(metadata: ActionMetadata | None, path: str) -> list[Violation]:
    label = metadata and metadata.description and metadata.description.label
    if not label:
        return []
    here = f"{path}/metadata/description/label"
    return check_text(label, here, longest=MAX_DESCRIPTION_LENGTH)


_CHECKS: Final[Mapping[type, Callable[[Any, str], list[Violation]]]] = {
    LinkAction: _check_link_action,
    ReplyAction: _check_reply,
    PostbackAction: _check_postback,
    LocationRequestAction: _check_location_request,
    BuyAction: _check_buy,
}
