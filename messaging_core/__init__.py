"""Send, schedule, deliver, track and list messages inside a host service.

Give a `Messenger` a storage and its channels; `send` accepts a message, a `Worker` delivers it.

A name is imported when it is first asked for, so that a program that uses one rule does not load
the engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from messaging_core.delivery.report import DeliveryReport
    from messaging_core.errors import (
        ConfigurationError,
        IdempotencyConflictError,
        InvalidMessageError,
        MessagingError,
        StateError,
        StorageError,
        UnknownBatchError,
        UnknownChannelError,
        UnknownMessageError,
    )
    from messaging_core.messenger import Messenger
    from messaging_core.models import (
        Batch,
        Channel,
        Keep,
        Message,
        MessageQuery,
        MessageType,
        Page,
        Plan,
        Rejection,
        SendMessage,
        Status,
        Verdict,
        Violation,
        WhenInDoubt,
        html,
        text,
        to,
    )
    from messaging_core.worker import Worker

__all__ = [
    "Batch",
    "Channel",
    "ConfigurationError",
    "DeliveryReport",
    "IdempotencyConflictError",
    "InvalidMessageError",
    "Keep",
    "Message",
    "MessageQuery",
    "MessageType",
    "MessagingError",
    "Messenger",
    "Page",
    "Plan",
    "Rejection",
    "SendMessage",
    "StateError",
    "Status",
    "StorageError",
    "UnknownBatchError",
    "UnknownChannelError",
    "UnknownMessageError",
    "Verdict",
    "Violation",
    "WhenInDoubt",
    "Worker",
    "html",
    "text",
    "to",
]

_HOMES = {
    "DeliveryReport": "delivery.report",
    "Messenger": "messenger",
    "Worker": "worker",
}


def __getattr__(name: str) -> Any:
    """Import a public name: an error, a model or one of the table."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "errors" if name.endswith("Error") else "models")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return __all__
