"""Check queries before a storage runs them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from messaging_core.errors import InvalidDocumentError, InvalidQueryError
from messaging_core.models.common.violation import Violation
from messaging_core.wire import dump, load

Q = TypeVar("Q")


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
