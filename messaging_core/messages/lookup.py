"""Look up a message by its id."""

from uuid import UUID

from messaging_core.errors import UnknownMessageError
from messaging_core.models.messages.message import Message
from messaging_core.ports.storage.transaction import Transaction


def message_of(tx: Transaction, workspace: UUID, message_id: UUID) -> Message:
    """Return a message as it is now.

    Raises:
        UnknownMessageError: This workspace has no such message.
    """
    message = tx.messages.get(workspace, message_id)
    if message is None:
        raise UnknownMessageError(message_id)
    return message


def message_json_of(tx: Transaction, workspace: UUID, message_id: UUID) -> bytes:
    """Return a message as it is now, as JSON.

    Raises:
        UnknownMessageError: This workspace has no such message.
    """
    document = tx.messages.get_json(workspace, message_id)
    if document is None:
        raise UnknownMessageError(message_id)
    return document
