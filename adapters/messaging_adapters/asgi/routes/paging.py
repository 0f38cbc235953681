"""Pages of what is listed whole: the items have ids, and a page goes on after the last one."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from messaging_core.errors import InvalidQueryError
from messaging_core.models.common.page import Page
from messaging_core.models.common.violation import Violation
from messaging_core.rules.requests.query import check_page


class Identified(Protocol):
    """Something with an id."""

    @property
    def id(self) -> UUID:
        """Return its id."""


T = TypeVar("T", bound=Identified)
S = TypeVar("S")


def page_of(  # noqa: PLR0913 - by keyword beyond the second
    items: Sequence[T],
    show: Callable[[T], S],
    *,
    limit: int,
    token: str | None,
    reverse: bool,
    of: str,
) -> Page[S]:
    """Return one page of items.

    Args:
        items: All of them, in order.
        show: Turns an item into what callers see.
        limit: The most that a page has.
        token: The token of the page before.
        reverse: Begin with the last item.
        of: What they are, for error texts.

    Raises:
        InvalidQueryError: The limit or the token is invalid.
    """
    if violations := check_page(limit, token, of=of):
        raise InvalidQueryError(violations)
    items = list(reversed(items)) if reverse else items
    start = _start(items, token)
    results = items[start : start + limit]
    is_last = start + limit >= len(items)
    return Page(
        results=[show(item) for item in results],
        next_page_token=None if is_last else str(results[-1].id),
    )


def _start(items: Sequence[Identified], token: str | None) -> int:
    """Return where the page begins: after the item that ended the page before."""
    if token is None:
        return 0
    for index, item in enumerate(items, start=1):
        if str(item.id) == token:
            return index
    text = "this is no token of this listing"
    raise InvalidQueryError([Violation("/pageToken", "query.bad_page_token", text)])
