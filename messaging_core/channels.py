"""The host's channels, and how each of them is named and served."""

from collections.abc import Mapping
from uuid import UUID

from messaging_core.errors import ConfigurationError, UnknownChannelError
from messaging_core.models.channel import DEFAULT_WORKSPACE, Channel
from messaging_core.ports.transport import Transport
from messaging_core.rules.channel import check_channel

ChannelReference = Channel | UUID | str
"""A channel, its id, or its name in the default workspace."""

_NO_ID = UUID(int=0)


class Channels:
    """Find channels by whatever names them, and the transport of each.

    Args:
        channels: Every way to send, with the transport that serves it.

    Raises:
        ConfigurationError: A channel is wrong, or two have one id or one name.

    Attributes:
        by_id: All of them by their ids.
    """

    def __init__(self, channels: Mapping[Channel, Transport]) -> None:
        self.by_id = _checked(channels)
        self._by_name = {one.name: one for one in channels if one.workspace == DEFAULT_WORKSPACE}
        self._transports = {channel.id: transport for channel, transport in channels.items()}

    def find(self, reference: ChannelReference) -> Channel:
        """Return a channel, by itself, its id, or its name in the default workspace.

        Raises:
            UnknownChannelError: There is no such channel.
        """
        found = (
            self._by_name.get(reference)
            if isinstance(reference, str)
            else self.by_id.get(reference.id if isinstance(reference, Channel) else reference)
        )
        if found is None and isinstance(reference, str):
            found = self.by_id.get(_as_id(reference) or _NO_ID)
        if found is None:
            name = reference.name if isinstance(reference, Channel) else str(reference)
            raise UnknownChannelError(name, sorted(one.name for one in self.by_id.values()))
        return found

    def route(self, channel_id: UUID) -> tuple[Channel, Transport] | None:
        """Return a channel and its transport, or nothing when the host does not have it."""
        channel = self.by_id.get(channel_id)
        return (channel, self._transports[channel_id]) if channel else None


def _as_id(reference: str) -> UUID | None:
    try:
        return UUID(reference)
    except ValueError:
        return None


def _checked(channels: Mapping[Channel, Transport]) -> dict[UUID, Channel]:
    by_id: dict[UUID, Channel] = {}
    names: set[tuple[UUID, str]] = set()
    for channel in channels:
        if violations := check_channel(channel):
            faults = "; ".join(str(violation) for violation in violations)
            raise ConfigurationError(f"channel {channel.name!r}: {faults}")
        if channel.id in by_id:
            message = f"channels {by_id[channel.id].name!r} and {channel.name!r} have one id"
            raise ConfigurationError(message)
        if (channel.workspace, channel.name) in names:
            raise ConfigurationError(f"two channels are called {channel.name!r}")
        names.add((channel.workspace, channel.name))
        by_id[channel.id] = channel
    return by_id
