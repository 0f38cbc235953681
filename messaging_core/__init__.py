"""Send, schedule, deliver, track and list messages inside a host service.

Give a `Messenger` a storage and its channels; `send` accepts a message, a `Worker` delivers it.

A name is imported when it is first asked for, so that a program that uses one rule does not load
the engine.
"""

from typing import TYPE_CHECKING

from messaging_core.lazy_names import lazy_names

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
        attach,
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
    "attach",
    "html",
    "text",
    "to",
]

_HOMES = {"DeliveryReport": "delivery.report", "Messenger": "messenger", "Worker": "worker"}

__getattr__, __dir__ = lazy_names(
    __name__,
    {name: _HOMES.get(name, "errors" if name.endswith("Error") else "models") for name in __all__},
)
