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
    from messaging_core.models.common.channel import Channel, MessageType, WhenInDoubt
    from messaging_core.models.common.page import Page
    from messaging_core.models.common.violation import Violation
    from messaging_core.models.messages.batch import Batch
    from messaging_core.models.messages.compose import html, text, to
    from messaging_core.models.messages.message import Message, Status
    from messaging_core.models.messages.query import MessageQuery
    from messaging_core.models.messages.request import SendMessage
    from messaging_core.models.messages.retention import Keep
    from messaging_core.models.policy.plan import Plan, Rejection, Verdict
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
    "Batch": "models.messages.batch",
    "Channel": "models.common.channel",
    "ConfigurationError": "errors",
    "IdempotencyConflictError": "errors",
    "InvalidMessageError": "errors",
    "Message": "models.messages.message",
    "Keep": "models.messages.retention",
    "MessageQuery": "models.messages.query",
    "MessageType": "models.common.channel",
    "MessagingError": "errors",
    "Messenger": "messenger",
    "Page": "models.common.page",
    "Plan": "models.policy.plan",
    "Rejection": "models.policy.plan",
    "DeliveryReport": "delivery.report",
    "SendMessage": "models.messages.request",
    "StateError": "errors",
    "Status": "models.messages.message",
    "StorageError": "errors",
    "UnknownBatchError": "errors",
    "UnknownChannelError": "errors",
    "UnknownMessageError": "errors",
    "Verdict": "models.policy.plan",
    "Violation": "models.common.violation",
    "WhenInDoubt": "models.common.channel",
    "Worker": "worker",
    "html": "models.messages.compose",
    "text": "models.messages.compose",
    "to": "models.messages.compose",
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
