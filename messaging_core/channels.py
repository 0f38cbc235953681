"""The host's channels, and how each of them is named and served."""

import inspect
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from attrs import Factory, field

from messaging_core.arguments import refuse
from messaging_core.errors import ConfigurationError, UnknownChannelError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import DEFAULT_WORKSPACE, Channel
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.ports.transport import SupportsLookUp, Transport, look_ups
from messaging_core.rules.addressing.channel import check_channel
from messaging_core.rules.addressing.sender import mail_domains

ChannelReference = Channel | UUID | str
"""A channel, its id, or its name in the default workspace."""

_NO_CAPABILITIES = "has no capabilities: give it `capabilities = Capabilities()`"
_NO_LOOK_UP = "declares looks_up, but has no method look_up: write one, or leave looks_up out"
_NO_ID = UUID(int=0)
_ANY = Capabilities()


def _names_of(transport: Transport) -> frozenset[str]:
    """Return the name of a transport, and those of the transports that it passes messages on to."""
    behind = getattr(transport, "transports", ())
    return frozenset({transport.name}).union(*map(_names_of, behind))


class ChannelRegistry:
    """Find channels by whatever names them, and the transport of each.

    Args:
        channels: Every way to send, with the transport that serves it.
        defaults: Which one `notify` uses where a workspace has several of a platform.

    Raises:
        ConfigurationError: A channel is wrong, or its transport is none; or two have one id or one
            name; or a workspace has two defaults for a platform.
        UnknownChannelError: There is no such default.

    Attributes:
        by_id: All of them by their ids.
        sources: Who reports on the messages of each of them.
        mail_domains: By workspace, the domains that its email channels send from.
        escalates: Whether one of them has an escalation.
    """

    def __init__(
        self,
        channels: Mapping[Channel, Transport] = MappingProxyType({}),
        defaults: Iterable[ChannelReference] = (),
    ) -> None:
        self.by_id = _checked(channels)
        self._by_name = {
            channel.name: channel for channel in channels if channel.workspace == DEFAULT_WORKSPACE
        }
        self._transports = {channel.id: transport for channel, transport in channels.items()}
        self._defaults: dict[tuple[UUID, str], Channel] = {}
        for channel in map(self.find, defaults):
            place = (channel.workspace, channel.platform)
            if self._defaults.setdefault(place, channel) != channel:
                raise ConfigurationError(f"two default channels for {channel.platform}")

        self.sources = Sources(
            by_channel={channel.id: _names_of(transport) for channel, transport in channels.items()}
        )
        self.mail_domains = _mail_domains(channels)
        self._fallbacks = _fallbacks(channels)
        self.escalates = bool(self._fallbacks)

    def fallback(self, channel: Channel) -> Channel | None:
        """Return the channel that takes over from a channel, if one does."""
        return self._fallbacks.get(channel.id)

    def get(self, channel_id: UUID) -> Channel | None:
        """Return the channel with an id, or nothing when the host does not have it."""
        return self.by_id.get(channel_id)

    def find(self, reference: ChannelReference) -> Channel:
        """Return a channel, by itself, its id, or its name in the default workspace.

        Raises:
            ArgumentError: It is neither a channel, nor an id, nor a name.
            UnknownChannelError: There is no such channel.
        """
        if isinstance(reference, str):
            channel = self._by_name.get(reference) or self.by_id.get(_as_id(reference) or _NO_ID)
        elif isinstance(reference, Channel):
            channel = self.by_id.get(reference.id)
        elif isinstance(reference, UUID):
            channel = self.by_id.get(reference)
        else:
            remedy = "pass one of the channels that the messenger was given"
            raise refuse("channel", "a Channel, its id or its name", reference, remedy)
        if channel is None:
            name = reference.name if isinstance(reference, Channel) else str(reference)
            raise UnknownChannelError(name, sorted(channel.name for channel in self.by_id.values()))
        return channel

    def ids(self, references: Iterable[ChannelReference]) -> tuple[Any, ...]:
        """Return the ids of channels that a query names; an id, also as text, stays as it is.

        A channel that the host no longer has can still be asked for by its id.

        Raises:
            UnknownChannelError: No channel has such a name.
        """
        return tuple(
            self.find(reference).id
            if isinstance(reference, str) and _as_id(reference) is None
            else reference
            for reference in references
        )

    def of(self, workspace: UUID, platform: str) -> list[Channel]:
        """Return the channels of a workspace on a platform, in the order they were given."""
        return [
            channel
            for channel in self.by_id.values()
            if channel.workspace == workspace and channel.platform == platform
        ]

    def by_platform(self, workspace: UUID) -> dict[str, Channel]:
        """Return the channel of each platform: the default one, else the only one there is."""
        platforms = {
            channel.platform for channel in self.by_id.values() if channel.workspace == workspace
        }
        chosen = {name: self._default(workspace, name) for name in sorted(platforms)}
        return {name: channel for name, channel in chosen.items() if channel is not None}

    def _default(self, workspace: UUID, platform: str) -> Channel | None:
        if (workspace, platform) in self._defaults:
            return self._defaults[workspace, platform]
        several = self.of(workspace, platform)
        return several[0] if len(several) == 1 else None

    def capabilities(self, channel_id: UUID) -> Capabilities:
        """Return what the transport of a channel can do."""
        transport = self._transports.get(channel_id)
        return transport.capabilities if transport is not None else _ANY

    def route(self, channel_id: UUID) -> tuple[Channel, Transport] | None:
        """Return a channel and its transport, or nothing when the host does not have it."""
        channel = self.by_id.get(channel_id)
        return (channel, self._transports[channel_id]) if channel else None


def _as_id(reference: str) -> UUID | None:
    try:
        return UUID(reference)
    except ValueError:
        return None


def _mail_domains(channels: Iterable[Channel]) -> dict[UUID, frozenset[str]]:
    domains: dict[UUID, frozenset[str]] = {}
    for channel in channels:
        earlier = domains.get(channel.workspace, frozenset())
        domains[channel.workspace] = earlier | mail_domains([channel])
    return domains


def _fallbacks(channels: Iterable[Channel]) -> dict[UUID, Channel]:
    """Return the channel that takes over from each that has an escalation, by its id.

    Raises:
        ConfigurationError: There is no such channel, or a message would come back to its own.
    """
    by_name = {(channel.workspace, channel.name): channel for channel in channels}
    fallbacks: dict[UUID, Channel] = {}
    for (workspace, name), channel in by_name.items():
        if channel.escalation is None:
            continue
        fallback = by_name.get((workspace, channel.escalation.channel))
        if fallback is None:
            fault = f"there is no channel {channel.escalation.channel!r} in its workspace"
            raise ConfigurationError(f"the escalation of channel {name!r}: {fault}")
        fallbacks[channel.id] = fallback
    for channel in by_name.values():
        _check_ends(channel, fallbacks)
    return fallbacks


def _check_ends(channel: Channel, fallbacks: Mapping[UUID, Channel]) -> None:
    passed, current = {channel.id}, channel
    while (following := fallbacks.get(current.id)) is not None:
        if following.id in passed:
            fault = f"channel {following.name!r} takes over from itself: leave one escalation out"
            raise ConfigurationError(f"the escalation of channel {channel.name!r}: {fault}")
        passed.add(following.id)
        current = following


def _checked(channels: Mapping[Channel, Transport]) -> dict[UUID, Channel]:
    by_id: dict[UUID, Channel] = {}
    names: set[tuple[UUID, str]] = set()
    for channel, transport in channels.items():
        if violations := check_channel(channel):
            faults = "; ".join(str(violation) for violation in violations)
            raise ConfigurationError(f"channel {channel.name!r}: {faults}")
        if fault := _fault_of(transport) or _misfit(channel, transport):
            raise ConfigurationError(f"the transport of channel {channel.name!r} {fault}")
        if channel.id in by_id:
            message = f"channels {by_id[channel.id].name!r} and {channel.name!r} have one id"
            raise ConfigurationError(message)
        if (channel.workspace, channel.name) in names:
            raise ConfigurationError(f"two channels are called {channel.name!r}")
        names.add((channel.workspace, channel.name))
        by_id[channel.id] = channel
    return by_id


def _fault_of(transport: object) -> str | None:
    """Return why an object cannot be a transport, and what to give instead, if that is plain."""
    if transport is None:
        return "is None: give an object such as ConsoleTransport()"
    if isinstance(transport, type):
        return f"is the class {transport.__name__}: give an object of it"
    if not callable(getattr(transport, "send", None)):
        return f"has no method send: {type(transport).__name__} is no Transport"
    if _is_asynchronous(transport.send):  # type: ignore[attr-defined]
        return "has an asynchronous send: make it a plain method, for example with asyncio.run"
    if not isinstance(getattr(transport, "name", None), str):
        return "has no name: give it a text as `name`, which failures and logs show"
    has_capabilities = isinstance(getattr(transport, "capabilities", None), Capabilities)
    return None if has_capabilities else _NO_CAPABILITIES


def _misfit(channel: Channel, transport: Transport) -> str | None:
    """Return what a transport cannot do that its channel is for, and how to correct that."""
    capabilities = transport.capabilities
    if capabilities.looks_up and not all(
        isinstance(own, SupportsLookUp) for own in look_ups(transport)
    ):
        return _NO_LOOK_UP
    platforms = capabilities.platforms
    if platforms is not None and channel.platform not in platforms:
        carried = ", ".join(sorted(platforms))
        return f"carries {carried}, not {channel.platform}: give the channel another transport"
    if channel.mms and capabilities.media is False:
        return "carries no pictures and files: leave mms out of the channel"
    return None


def _is_asynchronous(function: object) -> bool:
    kinds = inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction
    call = type(function).__call__
    return any(is_one(it) for is_one in kinds for it in (function, call))


@frozen(kw_only=True)
class Sources:
    """Know who reports on the messages of each channel.

    Attributes:
        by_channel: The names of each channel's transports.
    """

    by_channel: Mapping[UUID, frozenset[str]] = field(factory=dict)
    _known: frozenset[str] = field(
        init=False,
        default=Factory(lambda self: frozenset().union(*self.by_channel.values()), takes_self=True),
    )

    def fits(self, source: str, channel_id: UUID) -> bool:
        """Return whether a source may report on messages of a channel.

        A transport that serves only other channels may not. A name that no transport has may: it
        may be the name of a webhook.
        """
        own = self.by_channel.get(channel_id)
        return own is None or source in own or source not in self._known
