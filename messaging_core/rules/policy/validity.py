"""How long a message may still be sent."""

from datetime import UTC, datetime, timedelta
from typing import Final

from messaging_core.models.common.instants import in_utc
from messaging_core.models.common.violation import Violation

DEFAULT_VALIDITY: Final = timedelta(seconds=129_600)
TWO_FACTOR_VALIDITY: Final = timedelta(seconds=600)
VALIDITY_LIMIT: Final = timedelta(weeks=63)
_MOST_SECONDS: Final = int(VALIDITY_LIMIT.total_seconds())

_TWO_FACTOR: Final = "2fa"
_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)


def check_validity(seconds: object, path: str = "/validity") -> list[Violation]:
    """Refuse a validity that is no whole number of seconds from 0 to 63 weeks.

    The Bird Channels API asks for an integer of at least 0 and publishes no upper bound; 63 weeks
    is ours, the longest validity an SMS can express (3GPP TS 23.040 §9.2.3.12.1). `None` is
    absence, and no fault.
    """
    if seconds is None:
        return []
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        fault = "validity.not_an_integer", "the validity is a whole number of seconds"
    elif seconds < 0:
        fault = "validity.negative", "the validity is 0 seconds or more"
    elif seconds > _MOST_SECONDS:
        fault = "validity.too_long", f"the validity is at most {_MOST_SECONDS} seconds (63 weeks)"
    else:
        return []
    return [Violation(path, *fault)]


def validity_of(seconds: int | None, message_type: str) -> timedelta:
    """Return how long a message is valid: as asked, else 600 s for 2FA and 129600 s otherwise.

    The defaults are those of the Bird Channels API. It accepts 0 without saying what it means: we
    read it as absent, because a message that expires when it becomes due could never be sent.

    Args:
        seconds: What the request asks for; beyond what `check_validity` accepts, the nearest
            validity that it does accept.
        message_type: Of the channel: `promotional`, `conversational`, `transactional` or `2fa`.
    """
    if seconds is not None and seconds > 0:
        return timedelta(seconds=min(seconds, _MOST_SECONDS))
    return TWO_FACTOR_VALIDITY if message_type == _TWO_FACTOR else DEFAULT_VALIDITY


def expires_at(
    accepted_at: datetime, scheduled_for: datetime | None, validity: timedelta
) -> datetime:
    """Return from when on a message must not be handed over any more.

    Validity runs from acceptance or from `scheduled_for`, whichever is later; the sum saturates at
    the last instant that `datetime` knows.

    Args:
        accepted_at: Aware instant of acceptance.
        scheduled_for: Aware instant asked for, if any; one in the past changes nothing.
        validity: Zero or more.
    """
    start = in_utc(accepted_at)
    if scheduled_for is not None:
        start = max(start, in_utc(scheduled_for))
    try:
        return start.astimezone(UTC) + validity
    except OverflowError:
        return _END_OF_TIME
