"""How values stand in the columns."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TOO_LARGE = 2**63
_SURROGATES = re.compile("[\ud800-\udfff]")


def to_micros(instant: datetime) -> int:
    """Return whole microseconds since 1970, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the instant, aware and in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def storable(values: Iterable[Any]) -> list[Any]:
    """Return values to search for, with `None`, which nothing equals, for what no column holds."""
    return [value if _is_storable(value) else None for value in values]


def _is_storable(value: object) -> bool:
    if isinstance(value, int):
        return -_TOO_LARGE <= value < _TOO_LARGE
    return not isinstance(value, str) or value.isascii() or not _SURROGATES.search(value)
