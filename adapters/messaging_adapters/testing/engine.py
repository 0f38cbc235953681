"""A messenger with an outbox in place of its providers."""

import os
from collections.abc import Iterable
from typing import Final

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core.errors import ConfigurationError
from messaging_core.messenger import Messenger
from messaging_core.models.common.channel import Channel
from messaging_core.ports.clock import Clock
from messaging_core.testing.outbox import MessageOutbox
from messaging_core.testing.recording import RecordingTransport
from messaging_core.worker import Worker

DEFAULT_CHANNELS: Final = (
    Channel(name="sms", platform="sms", sender="Test"),
    Channel(name="email", platform="email", sender="test@messages.example"),
    Channel(name="push", platform="push"),
)
"""The channels of a test that names none."""


def make_outbox(channels: Iterable[Channel], clock: Clock) -> MessageOutbox:
    """Return an outbox, whose `messenger` keeps messages in memory and calls no provider."""
    transport = RecordingTransport()
    messenger = Messenger(
        storage=MemoryStorage(), channels=dict.fromkeys(channels, transport), clock=clock
    )
    # No jitter, so that a test can say when a message is tried again.
    worker = Worker(messenger, threads=1, random=lambda: 0.5)
    return MessageOutbox(messenger=messenger, transport=transport, worker=worker)


def channels_of(lines: Iterable[str], config: str | os.PathLike[str] | None) -> list[Channel]:
    """Return the channels that the settings of a test run name, else the default ones.

    Args:
        lines: Name, platform and sender of a channel each, such as `orders sms Shop`.
        config: The TOML file of the host; its transports are not made, so it needs no secrets.

    Raises:
        ConfigurationError: A line or the file cannot be read.
    """
    channels = [_channel(line) for line in lines if line.strip()]
    if config is not None:
        from messaging_adapters.config.file import load_config  # noqa: PLC0415 - for files only

        channels += load_config(config).channels.values()
    return channels or list(DEFAULT_CHANNELS)


def _channel(line: str) -> Channel:
    name, *rest = line.split(maxsplit=2)
    if not rest:
        raise ConfigurationError(
            f"messaging_channels: {line!r} has no platform: write a name, a platform and a sender,"
            " such as: orders sms Shop"
        )
    return Channel(name=name, platform=rest[0], sender=rest[1] if len(rest) > 1 else None)
