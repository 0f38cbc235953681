"""How messages are looked up: one by its id, or many by a query that the rules allow."""

from uuid import UUID

from messaging_core.errors import InvalidDocumentError, InvalidQueryError, UnknownMessageError
from messaging_core.models.message import Message
from messaging_core.models.query import MessageQuery
from messaging_core.ports.storage import Transaction
from messaging_core.rules.query import check_query
from messaging_core.wire import dump, load


def message_of(tx: Transaction, workspace: UUID, message_id: UUID) -> Message:
    """Return a message as it is now.

    Raises:
        UnknownMessageError: This workspace has no such message.
    """
    message = tx.messages.get(workspace, message_id)
    if message is None:
        raise UnknownMessageError(message_id)
    return message


def checked_query(query: MessageQuery) -> MessageQuery:
    """Return a query as it is, if it can be asked.

    Raises:
        InvalidQueryError: A filter or the limit is wrong.
    """
    try:
        load(MessageQuery, dump(query))
    except InvalidDocumentError as error:
        raise InvalidQueryError(error.violations) from None
    if violations := check_query(query):
        raise InvalidQueryError(violations)
    return query
