"""How messages are looked up: one by its id, or many by a query that the rules allow."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from messaging_core.errors import InvalidDocumentError, InvalidQueryError, UnknownMessageError
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.message import Message
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.wire import dump, load

Q = TypeVar("Q")


def message_of(tx: Transaction, workspace: UUID, message_id: UUID) -> Message:
    """Return a message as it is now.

    Raises:
        UnknownMessageError: This workspace has no such message.
    """
    message = tx.messages.get(workspace, message_id)
    if message is None:
        raise UnknownMessageError(message_id)
    return message


def checked_query(query: Q, check: Callable[[Q], Sequence[Violation]]) -> Q:
    """Return a query as JSON would have it, if it can be asked.

    Args:
        query: For messages, contacts, or anything else that is listed in pages.
        check: The rules of such queries.

    Raises:
        InvalidQueryError: A filter, the limit or the page token is wrong.
    """
    try:
        query = load(type(query), dump(query))
    except InvalidDocumentError as error:
        raise InvalidQueryError(error.violations) from None
    if violations := check(query):
        raise InvalidQueryError(violations)
    return query
