"""Bring instants of the host into UTC, where they can be compared."""

from datetime import UTC, datetime
from typing import overload


@overload
def in_utc(instant: datetime) -> datetime: ...
@overload
def in_utc(instant: None) -> None: ...
@overload
def in_utc(instant: datetime | None) -> datetime | None: ...
def in_utc(instant: datetime | None) -> datetime | None:
    """Return the same instant in UTC; one without an offset, or no instant at all, as it is.

    Two instants of one zone are compared, subtracted and hashed by the clock on its wall: the
    hour that comes twice in autumn (`fold`, PEP 495) is then one hour.
    """
    if instant is None or getattr(instant, "tzinfo", UTC) is UTC:
        return instant  # also what is no instant: the rules say so
    if instant.utcoffset() is None:
        return instant
    try:
        return instant.astimezone(UTC)
    except OverflowError:  # the first or last hours of the calendar
        return instant
