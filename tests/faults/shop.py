"""The shop whose messages are sent while things go wrong: its channels, and its file."""

from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel
from messaging_core.models.common.channel import MessageType
from messaging_core.ports.storage.transaction import Storage

ORDERS = Channel(name="orders", platform="email", sender="shop@sender.example")
"""A channel whose messages are sent again when in doubt."""

OFFERS = Channel(
    name="offers", platform="email", sender="shop@sender.example", when_in_doubt="fail"
)
"""A channel whose messages fail when in doubt."""

TENANTS = tuple(
    Channel(
        name="tenant",
        platform="email",
        sender="tenant@sender.example",
        workspace=UUID(int=2**100 + number),
        message_type=use,
    )
    for number, use in enumerate(
        [MessageType.TWO_FACTOR, MessageType.CONVERSATIONAL, MessageType.PROMOTIONAL]
    )
)
"""Channels of other workspaces, of lanes that the shop has not."""


def sqlite_driver(settings: dict[str, Any]) -> Any:
    """Return the module that opens the file: that of Python, unless the settings name another."""
    return import_module(settings.get("driver", "sqlite3"))


def open_storage(settings: dict[str, Any]) -> Storage:
    """Open the file, or the server, that the settings of a process name."""
    if "dsn" in settings:
        from messaging_adapters.storage.postgres import PostgresStorage  # noqa: PLC0415

        return PostgresStorage(settings["dsn"], busy_timeout=timedelta(seconds=30))
    return SqliteStorage(
        settings["database"],
        driver=sqlite_driver(settings),
        exclusive=settings.get("exclusive", False),
        synchronous=settings.get("synchronous", "FULL"),
        busy_timeout=timedelta(seconds=30),
    )
