"""The payload and the headers of a push message for APNs.

Sources: "Generating a remote notification" and "Sending notification requests to APNs" of Apple's
documentation.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from attrs import field

from messaging_adapters.push.content import check_parts, is_urgent, parts_of
from messaging_core.lazy import frozen
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.envelope import Content, Envelope, PushContent
from messaging_core.rules.content.capabilities import check_gateway, check_size, inexpressible

LARGEST: Final = 4096
"""Bytes of a payload; Apple allows 5,120 for those of voice over IP."""

_LARGEST_VOIP: Final = 5120
_PUSH_TYPE: Final = "apns-push-type"
_TOPIC: Final = "apns-topic"
_COLLAPSE_ID: Final = "apns-collapse-id"
_FREE: Final = frozenset({_PUSH_TYPE, _TOPIC, _COLLAPSE_ID, "apns-priority", "apns-expiration"})
"""Headers that the caller may give; the others are those of the transport."""

_KEYS: Final = frozenset({"headers", "payload", "fcmOptions", "fcm_options"})
_VALUE: Final = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?")
_LONGEST_COLLAPSE_ID: Final = 64
_SHOWN: Final = ("alert", "badge", "sound")


@frozen(kw_only=True)
class _Part:
    """What the caller wrote for Apple alone."""

    payload: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def check_content(content: Content) -> Iterator[Violation]:
    """Refuse what APNs would: a large payload, other headers, the choice of another gateway."""
    yield from check_gateway(content, "apns")
    wrong = list(check_parts(content))
    if not wrong and isinstance(content, PushContent):
        wrong = list(_check_part(content))
    yield from wrong
    if wrong or not isinstance(content, PushContent):
        return
    is_voip = _part(content).headers.get(_PUSH_TYPE) == "voip"
    size = len(orjson.dumps(payload_of(content)))
    yield from check_size(size, _LARGEST_VOIP if is_voip else LARGEST)


def payload_of(content: PushContent) -> dict[str, Any]:
    """Return what the device gets; what the caller wrote for Apple has precedence."""
    parts, own = parts_of(content), _part(content).payload
    payload: dict[str, Any] = dict(parts.values)
    aps: dict[str, Any] = {}
    if alert := {name: text for name, text in parts.notification.items() if name != "image"}:
        aps["alert"] = alert
    elif "aps" not in own:
        aps["content-available"] = 1
    if image := parts.notification.get("image"):
        aps["mutable-content"] = 1  # lets the app fetch the picture
        payload["image"] = image
    return {**payload, **own, "aps": {**aps, **own.get("aps", {})}}


def headers_of(
    envelope: Envelope,
    content: PushContent,
    payload: Mapping[str, Any],
    *,
    topic: str,
    collapse_id: str | None,
) -> dict[str, str]:
    """Return the headers of a request, but for the id and the token.

    Args:
        envelope: Gives validity and urgency, and the name under which a copy replaces another.
        content: What it says.
        payload: What the device gets of it.
        topic: Of the app.
        collapse_id: The name under which a later message replaces this one, if it may.
    """
    is_shown = any(name in payload["aps"] for name in _SHOWN)
    return {
        _TOPIC: topic,
        _PUSH_TYPE: "alert" if is_shown else "background",
        # Apple refuses a silent message of the highest priority.
        "apns-priority": "10" if is_shown and is_urgent(envelope) else "5",
        "apns-expiration": str(int(envelope.expires_at.timestamp())),
        _COLLAPSE_ID: collapse_id or str(envelope.message_id),
        **_part(content).headers,
    }


def _part(content: PushContent) -> _Part:
    """Return the caller's part; its payload may stand without the object around it."""
    part = parts_of(content).gateways.get("apns", {})
    if "aps" in part:
        return _Part(payload=part, headers={})
    headers = {name.lower(): str(value) for name, value in part.get("headers", {}).items()}
    return _Part(payload=part.get("payload", {}), headers=headers)


def _check_part(content: PushContent) -> Iterator[Violation]:
    parts = parts_of(content)
    part = parts.gateways.get("apns", {})
    if "aps" in parts.values:
        yield inexpressible("the data key aps, which belongs into the part apns")
    if "aps" not in part:
        for name in sorted(part.keys() - _KEYS):
            yield inexpressible(f"the push data apns.{name}, which APNs does not know")
        yield from _check_headers(part.get("headers", {}))
    payload = part if "aps" in part else part.get("payload", {})
    if not isinstance(payload, Mapping) or not isinstance(payload.get("aps", {}), Mapping):
        yield inexpressible("an APNs payload that is no object, or whose aps is none")


def _check_headers(headers: Any) -> Iterator[Violation]:
    if not isinstance(headers, Mapping):
        yield inexpressible("the push data apns.headers, which are no object")
        return
    for name, value in headers.items():
        is_text = type(value) in {str, int} and _VALUE.fullmatch(str(value)) is not None
        is_short = name.lower() != _COLLAPSE_ID or len(str(value)) <= _LONGEST_COLLAPSE_ID
        if name.lower() not in _FREE or not is_text or not is_short:
            yield inexpressible(f"the APNs header {name} as it is given")
