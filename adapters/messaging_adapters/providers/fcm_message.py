"""The JSON of a message for FCM, in the spelling of its discovery document.

Source: the resource `Message` of the FCM HTTP v1 API (discovery revision 20261023).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from messaging_adapters.push.content import (
    GATEWAY_PARTS,
    PushParts,
    as_text,
    check_parts,
    is_urgent,
    parts_of,
)
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.envelope import Content, Envelope, PushContent
from messaging_core.rules.content.capabilities import check_gateway, check_size, inexpressible

LARGEST: Final = 4096
"""Bytes of what one device gets: notification and data, with the part of its platform."""

_LONGEST_TTL: Final = timedelta(weeks=4)
_RESERVED: Final = re.compile(r"from|message_type|google\..*|gcm\.notification\..*", re.DOTALL)
_FREE: Final = {
    "android": frozenset({"data"}),
    "apns": frozenset({"headers", "payload"}),
    "webpush": frozenset({"data", "headers", "notification"}),
}
"""Objects whose keys are the caller's, Apple's, or those of other standards."""

_SNAKE: Final = re.compile("_([a-z0-9])")


def check_content(content: Content) -> Iterator[Violation]:
    """Refuse what FCM would: a large message, reserved keys, the choice of another gateway."""
    yield from check_gateway(content, "firebase")
    wrong = list(check_parts(content))
    yield from wrong
    if wrong or not isinstance(content, PushContent):
        return
    parts = parts_of(content)
    android = parts.gateways.get("android", {}).get("data")
    for key in filter(_RESERVED.fullmatch, [*parts.values, *(android or {})]):
        yield inexpressible(f"the data key {key}, which FCM keeps for itself")
    yield from check_size(_size(_contents(parts)), LARGEST)


def message_of(
    envelope: Envelope, content: PushContent, *, now: datetime, collapse_key: str | None
) -> dict[str, Any]:
    """Return the message without the address of a device.

    What the caller wrote for a platform has precedence over what follows from the envelope.

    Args:
        envelope: Gives validity and urgency, and the name under which a copy replaces another.
        content: What it says.
        now: The present.
        collapse_key: The name under which a later message replaces this one, if it may.
    """
    message = _contents(parts_of(content))
    seconds = max(0, min(envelope.expires_at - now, _LONGEST_TTL) // timedelta(seconds=1))
    name = collapse_key or str(envelope.message_id)
    android, apns, webpush = (message.get(part, {}) for part in GATEWAY_PARTS)
    is_shown = bool(message.get("notification"))
    message["android"] = _android(
        android,
        ttl=f"{seconds}s",
        tag=name,
        collapse_key=collapse_key,
        is_shown=is_shown or bool(android.get("notification")),
        is_urgent=is_urgent(envelope),
    )
    message["apns"] = _apns(
        apns,
        expiration=str(int(envelope.expires_at.timestamp())),
        collapse_id=name,
        is_shown=is_shown or _shows(apns),
        is_urgent=is_urgent(envelope),
    )
    is_shown = is_shown or bool(webpush.get("notification"))
    urgency = "high" if is_shown and is_urgent(envelope) else "normal"
    topic = name.replace("-", "") if collapse_key is None else name
    headers = {"TTL": str(seconds), "Urgency": urgency, "Topic": topic}
    message["webpush"] = {**webpush, "headers": _joined(headers, webpush.get("headers"))}
    return message


def _contents(parts: PushParts) -> dict[str, Any]:
    """Return what devices get of a message, without the options of its delivery."""
    message: dict[str, Any] = {name: _spelt(name, part) for name, part in parts.gateways.items()}
    if aps := _aps(parts):
        message["apns"] = {"payload": {"aps": aps}, **message.get("apns", {})}
    if (link := parts.values.get("link", "")).startswith("https://"):
        webpush = message.get("webpush", {})
        options = _joined({"link": link}, webpush.get("fcmOptions"))
        message["webpush"] = {**webpush, "fcmOptions": options}
    if parts.notification:
        message["notification"] = _notification(parts.notification)
    if parts.values:
        message["data"] = dict(parts.values)
    return message


def _notification(shown: Mapping[str, str]) -> dict[str, str]:
    """Return what every platform shows; Apple alone has a place for the subtitle."""
    notification = {name: text for name, text in shown.items() if name != "subtitle"}
    lines = [shown[name] for name in ("subtitle", "body") if shown.get(name)]
    return notification | ({"body": "\n".join(lines)} if lines else {})


def _aps(parts: PushParts) -> dict[str, Any]:
    """Return what Apple needs beside the common notification."""
    shown, aps = parts.notification, dict[str, Any]()
    if not shown:
        return {"content-available": 1} if parts.values or not parts.gateways else {}
    if shown.get("subtitle"):
        aps["alert"] = {
            name: shown[name] for name in ("title", "subtitle", "body") if name in shown
        }
    if shown.get("image"):
        aps["mutable-content"] = 1  # lets the app fetch the picture
    return aps


def _android(  # noqa: PLR0913 - by keyword
    part: Mapping[str, Any],
    *,
    ttl: str,
    tag: str,
    collapse_key: str | None,
    is_shown: bool,
    is_urgent: bool,
) -> dict[str, Any]:
    own: dict[str, Any] = {"ttl": ttl, "priority": "HIGH" if is_shown and is_urgent else "NORMAL"}
    if collapse_key is not None:
        own["collapseKey"] = collapse_key
    if is_shown:
        part = {**part, "notification": _joined({"tag": tag}, part.get("notification"))}
    return own | dict(part)


def _apns(
    part: Mapping[str, Any], *, expiration: str, collapse_id: str, is_shown: bool, is_urgent: bool
) -> dict[str, Any]:
    headers = {
        "apns-push-type": "alert" if is_shown else "background",
        "apns-priority": "10" if is_shown and is_urgent else "5",
        "apns-expiration": expiration,
        "apns-collapse-id": collapse_id,
    }
    return {**part, "headers": _joined(headers, part.get("headers"))}


def _shows(apns: Mapping[str, Any]) -> bool:
    """Return whether the payload for Apple shows or plays something."""
    payload = apns.get("payload")
    aps = payload.get("aps") if isinstance(payload, Mapping) else None
    return isinstance(aps, Mapping) and any(name in aps for name in ("alert", "badge", "sound"))


def _joined(own: Mapping[str, Any], theirs: Any) -> Any:
    if theirs is None or isinstance(theirs, Mapping):
        return {**own, **(theirs or {})}
    return theirs  # FCM refuses it


def _spelt(gateway: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part as the discovery document spells it: `collapse_key` is `collapseKey`.

    A payload for Apple may stand without the object around it.
    """
    if gateway == "apns" and "aps" in part:
        part = {"payload": part}
    free = _FREE[gateway]
    return {(own := _camel(name)): _value(own, value, free) for name, value in part.items()}


def _value(name: str, value: Any, free: frozenset[str]) -> Any:
    if name == "data" and isinstance(value, Mapping):
        return {key: as_text(item) for key, item in value.items()}
    if name == "priority" and isinstance(value, str):
        return value.upper()
    if name in free or not isinstance(value, Mapping):
        return value
    return {(own := _camel(key)): _value(own, item, free) for key, item in value.items()}


def _camel(name: str) -> str:
    return _SNAKE.sub(lambda match: match[1].upper(), name)


def _size(message: Mapping[str, Any]) -> int:
    """Return the bytes of what the device gets that gets most."""
    common = {name: message[name] for name in ("notification", "data") if name in message}
    return max(
        len(orjson.dumps(common | {name: _received(message.get(name, {}))}))
        for name in GATEWAY_PARTS
    )


def _received(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in ("notification", "data", "payload") if name in part}
