"""Fixtures for tests of a host; pytest finds them by itself.

They load the engine only when a test uses one of them, and a fixture of the same name in the
host's own `conftest.py` replaces one of these.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

try:
    import pytest
except ImportError as error:
    from messaging_core.errors import MissingDependencyError

    raise MissingDependencyError("pytest", "testing") from error

if TYPE_CHECKING:
    from messaging_adapters.testing.clock import FreezableClock
    from messaging_core.messenger import Messenger
    from messaging_core.models.common.channel import Channel
    from messaging_core.testing.outbox import MessageOutbox

# ruff: noqa: PLC0415 - every run of pytest on this machine imports this module


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `[tool.pytest.ini_options]` name the channels."""
    parser.addini(
        "messaging_channels",
        "channels for the fixtures of messaging-engine, such as: orders sms Shop",
        type="linelist",
    )
    parser.addini(
        "messaging_config",
        "the TOML file whose channels the fixtures of messaging-engine have",
        type="string",
        default="",
    )


@pytest.fixture
def messaging_channels(request: pytest.FixtureRequest) -> "list[Channel]":
    """Return the channels of the test: those of the settings, else `sms`, `email` and `push`."""
    from messaging_adapters.testing.engine import channels_of

    config = request.config
    file = config.getini("messaging_config")
    return channels_of(
        config.getini("messaging_channels"), config.rootpath / file if file else None
    )


@pytest.fixture
def clock() -> "FreezableClock":
    """Return the clock of `messenger`: it begins now, stands still, and follows freezegun."""
    from messaging_adapters.testing.clock import FreezableClock

    return FreezableClock()


@pytest.fixture
def outbox(
    messaging_channels: "list[Channel]", clock: "FreezableClock"
) -> "Iterator[MessageOutbox]":
    """Return what the code under test sends with `messenger`."""
    from messaging_adapters.testing.engine import make_outbox

    box = make_outbox(messaging_channels, clock)
    yield box
    box.messenger.close()


@pytest.fixture
def messenger(outbox: "MessageOutbox") -> "Messenger":
    """Return a messenger in memory, whose messages end in `outbox`."""
    return outbox.messenger
