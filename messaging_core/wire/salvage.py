"""Read what is sound of a request that cannot be read as a whole."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from messaging_core.errors import InvalidMessageError
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import Receiver
from messaging_core.wire.codec.registry import registry
from messaging_core.wire.codec.schema import plan_of
from messaging_core.wire.documents import parse_send_message
from messaging_core.wire.parsing import json_text
from messaging_core.wire.parsing.faults import StopReading, ViolationCollector
from messaging_core.wire.parsing.limits import REQUEST_LIMITS, WireLimits

_NOBODY: Final[Mapping[str, Any]] = {"receiver": {"contacts": []}}


def parse_leniently(data: Any, *, limits: WireLimits = REQUEST_LIMITS) -> SendMessage:
    """Return a request with those of its fields that can be read, each looked at by itself.

    A field with a fault anywhere in it is left out; without a sound receiver there is none. What
    is no JSON object, or is too large, leaves nothing. Of a key that stands there twice the last
    one counts.
    """
    tree = _tree(data, limits)
    sound = {key: tree[key] for key in _keys() if key in tree and _is_sound(key, tree[key], limits)}
    try:
        return parse_send_message({**_NOBODY, **sound}, limits=limits)
    except InvalidMessageError:  # each is small enough, together they are not
        return SendMessage(receiver=Receiver(contacts=()))


def _tree(data: Any, limits: WireLimits) -> Mapping[Any, Any]:
    tree = data
    if isinstance(data, (bytes, str, bytearray, memoryview)):
        try:
            tree = json_text.parse(data, limits, ViolationCollector(limits))
        except StopReading:
            tree = None
    return tree if isinstance(tree, Mapping) else {}


def _is_sound(key: str, value: Any, limits: WireLimits) -> bool:
    try:
        parse_send_message({**_NOBODY, key: value}, limits=limits)
    except InvalidMessageError:
        return False
    return True


@cache
def _keys() -> tuple[str, ...]:
    return tuple(field.key for field in plan_of(SendMessage, registry()).fields)
