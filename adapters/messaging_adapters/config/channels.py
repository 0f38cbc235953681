"""What a configuration says about channels, and about platforms of the host's own."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from messaging_adapters.config.keys import Key, faults_of, near
from messaging_core.errors import ArgumentError
from messaging_core.models.common.channel import Channel, MessageType, WhenInDoubt
from messaging_core.models.common.escalation import Escalation
from messaging_core.models.common.platform_rules import PlatformRules
from messaging_core.models.common.sender_pool import SenderPool
from messaging_core.rules.addressing.channel import check_channel

_PLATFORM: Final = {
    "body_types": Key(kind=list),
    "max_text": Key(kind=int, least=1),
    "max_media": Key(kind=int, least=1),
    "address": Key(),
    "address_format": Key(),
}
_CHANNEL: Final = {
    "platform": Key(required=True),
    "sender": Key(),
    "senders": Key(kind=SenderPool),
    "sender_name": Key(),
    "message_type": Key(choices=tuple(MessageType)),
    "active": Key(kind=bool),
    "mms": Key(kind=bool),
    "smart_encoding": Key(kind=bool),
    "max_parts": Key(kind=int),
    "when_in_doubt": Key(choices=tuple(WhenInDoubt)),
    "identifier_key": Key(),
    "allow_unassigned_numbers": Key(kind=bool),
    "unsubscribe_url": Key(),
    "unsubscribe_mailto": Key(),
    "escalation": Key(kind=dict),
    "id": Key(),
    "limit": Key(),
    "transport": Key(kind=object, required=True),
}
_ESCALATION: Final = {
    "channel": Key(required=True),
    "after": Key(kind=timedelta, least=1, required=True),
}


def channel_faults(
    name: str, table: Any, platforms: Mapping[str, Mapping[str, Any]], names: Collection[str]
) -> Iterator[str]:
    """Yield everything that is wrong with the table of a channel.

    Args:
        name: Of the channel.
        table: What the configuration says about it.
        platforms: The tables of the host's own platforms, without those that have faults.
        names: Of all channels.
    """
    if not isinstance(table, dict):
        yield f"must be a table, with keys such as platform and sender: write [channels.{name}]"
        return
    faults = [*faults_of(table, _CHANNEL), *_escalation_faults(table.get("escalation"), names)]
    yield from faults or _rule_faults(name, table, platforms)


def _escalation_faults(table: Any, names: Collection[str]) -> Iterator[str]:
    if not isinstance(table, dict):
        return
    faults = [f"escalation.{fault}" for fault in faults_of(table, _ESCALATION)]
    yield from faults
    if not faults and (name := table["channel"]) not in names:
        yield f'escalation.channel: there is no channel "{name}"{near(name, names)}'


def _rule_faults(
    name: str, table: Mapping[str, Any], platforms: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Yield what the engine itself would say about the channel."""
    try:
        channel = channel_of(name, table, platforms)
    except ArgumentError as error:
        yield str(error)
        return
    except ValueError:
        yield f'id: "{table["id"]}" is not a UUID'
        return
    yield from _rule_violations(channel)


def _rule_violations(channel: Channel) -> Iterator[str]:
    for violation in check_channel(channel):
        key = re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", violation.path.split("/")[-1])
        yield f"{key}: {violation.message}"


def channel_of(
    name: str, table: Mapping[str, Any], platforms: Mapping[str, Mapping[str, Any]]
) -> Channel:
    """Return the channel that a table without faults describes."""
    fields = {key: value for key, value in table.items() if key not in {"transport", "id", "limit"}}
    if "escalation" in table:
        fields["escalation"] = Escalation(**table["escalation"])
    if "id" in table:
        fields["id"] = UUID(table["id"])
    if table["platform"] in platforms:
        fields["rules"] = PlatformRules(**platforms[table["platform"]])
    return Channel(name=name, **fields)


def platform_faults(name: str, table: Any) -> Iterator[str]:
    """Yield everything that is wrong with the table of a platform of the host's own."""
    if not isinstance(table, dict):
        yield "must be a table, with keys such as max_text"
        return
    if faults := list(faults_of(table, _PLATFORM)):
        yield from faults
        return
    try:
        channel = Channel(name=name, platform=name, rules=PlatformRules(**table))
    except ArgumentError as error:
        yield str(error)
        return
    yield from _rule_violations(channel)
