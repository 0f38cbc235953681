"""Send, schedule, deliver, track and list messages inside a host service.

Give a `Messenger` a storage and its channels; `send` accepts a message, a `Worker` delivers it.

A name is imported when it is first asked for, so that a program that uses one rule does not load
the engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from messaging_core.models.batch import Batch
    from messaging_core.models.channel import Channel, MessageType, WhenInDoubt
    from messaging_core.models.compose import html, text, to
    from messaging_core.models.message import Message, Status
    from messaging_core.models.plan import Plan, Rejection, Verdict
    from messaging_core.models.query import MessageQuery, Page
    from messaging_core.models.request import SendMessage
    from messaging_core.models.retention import Keep
    from messaging_core.models.violation import Violation
    from messaging_core.worker import Worker

__all__ = [
    "Batch",
    "Channel",
    "ConfigurationError",
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
    "Report",
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
    "Batch": "models.batch",
    "Channel": "models.channel",
    "ConfigurationError": "errors",
    "IdempotencyConflictError": "errors",
    "InvalidMessageError": "errors",
    "Message": "models.message",
    "Keep": "models.retention",
    "MessageQuery": "models.query",
    "MessageType": "models.channel",
    "MessagingError": "errors",
    "Messenger": "messenger",
    "Page": "models.query",
    "Plan": "models.plan",
    "Rejection": "models.plan",
    "Report": "ledger",
    "SendMessage": "models.request",
    "StateError": "errors",
    "Status": "models.message",
    "StorageError": "errors",
    "UnknownBatchError": "errors",
    "UnknownChannelError": "errors",
    "UnknownMessageError": "errors",
    "Verdict": "models.plan",
    "Violation": "models.violation",
    "WhenInDoubt": "models.channel",
    "Worker": "worker",
    "html": "models.compose",
    "text": "models.compose",
    "to": "models.compose",
}


def __getattr__(name: str) -> Any:
    """Import a public name from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return __all__
