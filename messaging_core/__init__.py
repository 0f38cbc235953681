"""Send, schedule, deliver, track and list messages inside a host service.

Give a `Messenger` a storage and its channels; `send` accepts a message, a `Worker` delivers it.
"""

from messaging_core.errors import (
    ConfigurationError,
    IdempotencyConflictError,
    InvalidMessageError,
    MessagingError,
    StateError,
    StorageError,
    UnknownChannelError,
    UnknownMessageError,
)
from messaging_core.messenger import Messenger
from messaging_core.models.channel import Channel, MessageType, WhenInDoubt
from messaging_core.models.compose import html, text, to
from messaging_core.models.message import Message, Status
from messaging_core.models.plan import Plan, Rejection, Verdict
from messaging_core.models.query import MessageQuery, Page
from messaging_core.models.request import SendMessage
from messaging_core.models.violation import Violation
from messaging_core.worker import Report, Worker

__all__ = [
    "Channel",
    "ConfigurationError",
    "IdempotencyConflictError",
    "InvalidMessageError",
    "Message",
    "MessageQuery",
    "MessageType",
    "Messenger",
    "MessagingError",
    "Page",
    "Plan",
    "Rejection",
    "Report",
    "SendMessage",
    "StateError",
    "Status",
    "StorageError",
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
