"""The use of a rate limit as storages store it: short, because it is written often."""

from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from messaging_core.models.common.rate import RateLog, RateUse

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def encode_rates(log: RateLog) -> bytes:
    """Return a log as JSON: a list of microseconds since 1970, count and holder for each use."""
    return orjson.dumps(
        [((use.at - _EPOCH) // _MICROSECOND, use.count, use.holder) for use in log.uses]
    )


def load_rates(document: bytes) -> RateLog:
    """Return the log of a document that `encode_rates` wrote."""
    return RateLog(
        uses=tuple(
            RateUse(at=_EPOCH + timedelta(microseconds=micros), count=count, holder=holder)
            for micros, count, holder in orjson.loads(document)
        )
    )
