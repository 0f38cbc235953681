"""How much of a rate limit is used."""

from datetime import datetime

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import NULLABLE


@frozen(kw_only=True)
class RateUse:
    """Units of a rate limit that are not free.

    Attributes:
        at: When they were used, or the latest instant at which their holder may use them. They
            are free one window later.
        count: How many.
        holder: Names the process that holds them and may not have used them; nothing if they were
            used.
    """

    at: datetime
    count: int
    holder: str | None = field(default=None, metadata=NULLABLE)


@frozen(kw_only=True)
class RateLog:
    """All units of one rate limit that are not free."""

    uses: tuple[RateUse, ...] = ()
