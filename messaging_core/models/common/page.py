"""One page of a listing, and its limits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar

from attrs import field

from messaging_core.lazy import frozen

T = TypeVar("T")


DEFAULT_LIMIT = 10


MAX_LIMIT = 1000


@frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a listing.

    A page may hold fewer results than its limit, even none, and still name a next page: the cost
    of a page is limited, however rare its matches are. Only a missing token ends a listing.

    Attributes:
        results: The results; messages are decoded when they are read.
        next_page_token: Opaque; absent on the last page.
    """

    results: Sequence[T] = field(factory=tuple, metadata={"always": True})
    next_page_token: str | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None
