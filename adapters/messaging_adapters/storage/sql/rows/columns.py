"""How values stand in the columns."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from messaging_core.models.common.failure import Failure

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


_NO_FAILURE = (None, None, None)


def failure_columns(failure: Failure | None) -> Iterable[object]:
    """Return code, source code and source name as they are searched."""
    if failure is None:
        return _NO_FAILURE
    source = failure.source
    return (failure.code, source.code if source else None, source.name if source else None)


def progress_column(accepted: Sequence[str], refused: Sequence[str]) -> str | None:
    """Return the accepted and the refused receivers as JSON, or nothing if there are none."""
    return orjson.dumps((accepted, refused)).decode() if accepted or refused else None
