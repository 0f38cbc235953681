"""The parts of a push message, the same for every gateway."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import MessageType
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.envelope import Content, Envelope, PushContent
from messaging_core.rules.content.capabilities import inexpressible

GATEWAY_PARTS: Final = ("android", "apns", "webpush")
"""Keys of push data that hold what one gateway alone gets, as FCM spells it."""

_NOTIFICATION: Final = "notification"


@frozen(kw_only=True)
class PushParts:
    """A push message, divided into what is shown and what the app reads.

    Attributes:
        notification: What is shown: `title`, `subtitle`, `body` and `image`, as far as given.
            Empty for a silent message.
        values: What the app reads, as texts.
        gateways: What the caller wrote for one gateway, by the names of `GATEWAY_PARTS`.
    """

    notification: Mapping[str, str] = field(repr=False)
    values: Mapping[str, str] = field(repr=False)
    gateways: Mapping[str, Mapping[str, Any]] = field(repr=False)


def parts_of(content: PushContent) -> PushParts:
    """Divide a push message into its parts.

    Its data replace title, subtitle and text. In them `notification`, `android`, `apns` and
    `webpush` are parts; every other key is a value for the app. Without `notification`, and with
    nothing to show in the part of a gateway, the message is silent there. The link, and a picture
    that is not shown, are the values `link` and `image`.
    """
    data = content.data
    notification = _shown(content) if data is None else dict(_part(data, _NOTIFICATION))
    values = {
        key: as_text(value)
        for key, value in (data or {}).items()
        if key not in {_NOTIFICATION, *GATEWAY_PARTS}
    }
    if content.link:
        values.setdefault("link", content.link)
    if content.image_url:
        (notification or values).setdefault("image", content.image_url)
    return PushParts(
        notification=notification,
        values=values,
        gateways={name: part for name in GATEWAY_PARTS if (part := _part(data or {}, name))},
    )


def check_parts(content: Content) -> Iterator[Violation]:
    """Refuse push data in which a part is no object, or what is shown is no text."""
    data = (content.data if isinstance(content, PushContent) else None) or {}
    for name in (_NOTIFICATION, *GATEWAY_PARTS):
        if not isinstance(data.get(name, {}), Mapping):
            yield inexpressible(f"the push data {name}, which are no object")
    for name, value in _part(data, _NOTIFICATION).items():
        if not isinstance(value, str):
            yield inexpressible(f"the push data notification.{name}, which is no text")


def as_text(value: Any) -> str:
    """Return a value as text: a text as it is, everything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def is_urgent(envelope: Envelope) -> bool:
    """Return whether a message may wake a device up: it is not promotional."""
    return envelope.channel.message_type is not MessageType.PROMOTIONAL


def _shown(content: PushContent) -> dict[str, str]:
    parts = {"title": content.title, "subtitle": content.subtitle, "body": content.text}
    return {name: text for name, text in parts.items() if text}


def _part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = data.get(name)
    return part if isinstance(part, Mapping) else {}
