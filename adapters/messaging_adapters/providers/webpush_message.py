"""What a service worker gets of a push message, as JSON."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from messaging_adapters.push.content import as_text, check_parts, parts_of
from messaging_adapters.push.encryption import LARGEST
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.action import Action, LinkAction, PostbackAction
from messaging_core.models.messages.envelope import Content, PushContent
from messaging_core.rules.content.capabilities import check_gateway, check_size, inexpressible

_TAG: Final = "0" * 32
_KEYS: Final = frozenset({"notification", "data"})


def check_content(content: Content) -> Iterator[Violation]:
    """Refuse a large message, the choice of another gateway, and parts that are not understood."""
    yield from check_gateway(content, "web")
    wrong = list(check_parts(content))
    if not wrong and isinstance(content, PushContent):
        wrong = list(_check_part(parts_of(content).gateways.get("webpush", {})))
    yield from wrong
    if not wrong and isinstance(content, PushContent):
        yield from check_size(len(orjson.dumps(payload_of(content, tag=_TAG))), LARGEST)


def payload_of(content: PushContent, *, tag: str) -> dict[str, Any]:
    """Return what the service worker reads.

    `notification` holds the title and the options of `showNotification`, so that a silent message
    has none; `data` holds values for the app. What the caller wrote for web push has precedence.

    Args:
        content: What it says.
        tag: The name under which a notification replaces another.
    """
    parts = parts_of(content)
    own = parts.gateways.get("webpush", {})
    shown = dict(parts.notification)
    lines = [text for text in (shown.pop("subtitle", ""), shown.get("body", "")) if text]
    notification: dict[str, Any] = shown | ({"body": "\n".join(lines)} if lines else {})
    if content.actions:
        notification["actions"] = [_button(action) for action in content.actions]
    notification |= own.get("notification", {})
    values = dict(parts.values) | {
        name: as_text(value) for name, value in own.get("data", {}).items()
    }
    payload: dict[str, Any] = {}
    if notification:
        payload["notification"] = {"tag": tag, **notification}
    if values:
        payload["data"] = values
    return payload


def _button(action: Action) -> dict[str, str]:
    """Return a button; `action` is what the service worker gets of a click on it."""
    name = action.text if hasattr(action, "text") else ""
    if isinstance(action, LinkAction):
        return {"action": action.url, "title": name}
    if isinstance(action, PostbackAction):
        return {"action": action.payload or name, "title": name}
    return {"action": name, "title": name}


def _check_part(part: Mapping[str, Any]) -> Iterator[Violation]:
    for name in sorted(part.keys() - _KEYS):
        yield inexpressible(f"the push data webpush.{name}")
    for name in sorted(part.keys() & _KEYS):
        if not isinstance(part[name], Mapping):
            yield inexpressible(f"the push data webpush.{name}, which are no object")
